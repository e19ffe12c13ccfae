//! [GridSample](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GridSample): the
//! operator of `ai.onnx` but for cubic neighbours beyond an edge, which are moved to the edge one by one.

use super::compose::check;
use crate::{Node, Operator, Result, family::image::grid_sample::read};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["align_corners", "padding_mode", "mode"], 2, 1)?;
    Ok(Arc::new(read(node, false)?))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, count, run_in, t},
    };

    #[test]
    fn the_mode_is_bilinear_by_default() {
        let given = [Some(count(&[1, 1, 2, 3])), Some(t(&[1, 1, 1, 2], &[-0.5, -1.0]))];
        let go = |attributes: &[(&str, Attribute)]| run_in("com.microsoft", "GridSample", 1, attributes, &given, 1);
        let corners = ("align_corners", Attribute::Int(1));
        close(&go(&[corners.clone()]).unwrap()[0], &[1, 1, 1, 1], &[0.5]);
        let nearest = ("mode", Attribute::String("nearest".into()));
        close(&go(&[corners, nearest]).unwrap()[0], &[1, 1, 1, 1], &[0.0]);
        assert!(go(&[("mode", Attribute::String("odd".into()))]).is_err());
    }
}
