//! [Upsample](https://onnx.ai/onnx/operators/onnx__Upsample.html): the older name of Resize.

use super::{
    kernel::{Coordinates, Kernel, Nearest},
    resize::{Aspect, Resize, Scales},
};
use crate::{Attributes, Error, Node, Operator, Result};
use std::sync::Arc;

/// Upsample is a [`Resize`] with asymmetric coordinates and nearest elements rounded down. Its factors are an attribute
/// before version 9 and an input since.
pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let kernel = match node.attributes.string_or("mode", "nearest".into())?.as_str() {
        "nearest" => Kernel::Nearest(Nearest::Floor),
        "linear" | "bilinear" => Kernel::Linear { antialias: false, exclude_outside: false },
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'"))),
    };
    let scales = if node.since < 9 {
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
    }
}
