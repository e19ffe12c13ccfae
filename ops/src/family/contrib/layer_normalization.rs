//! [LayerNormalization](https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md): the operator of
//! `ai.onnx` under another domain.

use super::compose::{check, standard};
use crate::{Node, Operator, Result};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["axis", "epsilon", "stash_type"], 3, 3)?;
    standard(node, "LayerNormalization", node.attributes)
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, run_in, t};

    #[test]
    fn it_is_known_in_both_domains_from_version_1_on() {
        let given = [t(&[1, 2], &[1.0, 3.0]), t(&[2], &[1.0, 2.0])].map(Some);
        for domain in ["", "com.microsoft"] {
            let got = run_in(domain, "LayerNormalization", 1, &[], &given, 1).unwrap();
            close(&got[0], &[1, 2], &[-0.999_995, 1.999_99]);
        }
    }
}
