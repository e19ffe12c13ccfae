//! [Upsample](https://onnx.ai/onnx/operators/onnx__Upsample.html): the older name of Resize.

use super::{
    kernel::{Coordinates, Kernel, Nearest},
    resize::{Aspect, Resize, Scales},
};
use crate::{Attributes, Error, Node, Operator, Result};
use std::sync::Arc;

/// Upsample is a [`Resize`] with asymmetric coordinates and nearest elements rounded down. Its factors are an attribute
/// before version 9 and an input since; before version 7 there are two, of images `[N, C, H, W]`.
pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let kernel = match node.attributes.string_or("mode", "nearest".into())?.as_str() {
        "nearest" => Kernel::Nearest(Nearest::Floor),
        "linear" | "bilinear" => Kernel::Linear { antialias: false, exclude_outside: false },
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'"))),
    };
    let scales = if node.since < 7 {
        let factor = |name| node.attributes.required(name, Attributes::float);
        Scales::Fixed(vec![1.0, 1.0, factor("height_scale")?, factor("width_scale")?])
    } else if node.since < 9 {
        Scales::Fixed(node.attributes.required("scales", Attributes::floats)?)
    } else {
        Scales::Input(1)
    };
    Ok(Arc::new(Resize {
        kernel,
        coordinates: Coordinates::Asymmetric,
        scales,
        axes: None,
        aspect: Aspect::Stretch,
        extrapolation: 0.0,
    }))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, count, run, t},
    };

    #[test]
    fn factors_move_from_attribute_to_input() {
        let x = count(&[1, 2]);
        let scales = [("scales", Attribute::Floats(vec![2.0, 1.5]))];
        let expected = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        close(&run("Upsample", 7, &scales, &[x.clone()]).unwrap()[0], &[2, 3], &expected);
        close(&run("Upsample", 9, &[], &[x.clone(), t(&[2], &[2.0, 1.5])]).unwrap()[0], &[2, 3], &expected);
        assert!(run("Upsample", 7, &[], &[x]).is_err());
        let sides = [("height_scale", Attribute::Float(1.0)), ("width_scale", Attribute::Float(2.0))];
        let image = count(&[1, 1, 2, 2]);
        let expected = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0];
        close(&run("Upsample", 6, &sides, &[image.clone()]).unwrap()[0], &[1, 1, 2, 4], &expected);
        assert!(run("Upsample", 6, &sides, &[count(&[2, 2])]).is_err(), "no image");
        assert!(run("Upsample", 6, &sides[..1], &[image]).is_err(), "one factor");
    }
}
