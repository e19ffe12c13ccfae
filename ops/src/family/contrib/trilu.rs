//! [Trilu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Trilu): the operator
//! of `ai.onnx`.

use super::compose::{check, standard};
use crate::{Node, Operator, Result};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["upper"], 2, 1)?;
    standard(node, "Trilu", node.attributes)
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{close, count, run_in},
    };

    #[test]
    fn both_triangles() {
        let k = Some(Tensor::scalar(1i64));
        for (upper, want) in [(1, [0.0, 1.0, 0.0, 0.0]), (0, [0.0, 1.0, 2.0, 3.0])] {
            let attributes = [("upper", Attribute::Int(upper))];
            let got = run_in("com.microsoft", "Trilu", 1, &attributes, &[Some(count(&[2, 2])), k.clone()], 1).unwrap();
            close(&got[0], &[2, 2], &want);
        }
    }
}
