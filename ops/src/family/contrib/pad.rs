//! [Pad](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Pad): the operator of
//! `ai.onnx` for all axes.

use super::compose::{check, standard};
use crate::{Error, Node, Operator, Result};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["mode"], 3, 1)?;
    match node.attributes.string_or("mode", "constant".into())?.as_str() {
        "constant" | "reflect" | "edge" => standard(node, "Pad", node.attributes),
        other => Err(Error::invalid(format!("attribute 'mode' is '{other}'; constant, reflect or edge"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, count, run_in, t},
    };

    #[test]
    fn pads_may_be_a_row() {
        let go = |mode: &str, pads: &[usize], value: Option<Tensor>| {
            let pads = Tensor::from_slice(pads, &[0i64, 1, 0, 0]).unwrap();
            let mode = [("mode", Attribute::String(mode.into()))];
            run_in("com.microsoft", "Pad", 1, &mode, &[Some(count(&[1, 2])), Some(pads), value], 1)
        };
        let value = Some(t(&[1], &[7.0]));
        close(&go("constant", &[1, 4], value.clone()).unwrap()[0], &[1, 3], &[7.0, 0.0, 1.0]);
        close(&go("reflect", &[4], None).unwrap()[0], &[1, 3], &[1.0, 0.0, 1.0]);
        assert!(go("wrap", &[4], None).is_err());
    }
}
