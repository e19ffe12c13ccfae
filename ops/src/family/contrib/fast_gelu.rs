//! [FastGelu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FastGelu): the
//! approximation by the hyperbolic tangent, of an element and its bias.

use super::{bias_gelu::BiasGelu, compose::check};
use crate::{Node, Operator, Result, family::activation::Gelu};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 2, 1)?;
    let gelu = Gelu { tanh: true };
    Ok(if node.inputs < 2 { Arc::new(gelu) } else { Arc::new(BiasGelu { gelu }) })
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, run_in, t};

    #[test]
    fn with_and_without_a_bias() {
        let x = t(&[1, 2], &[1.5, -1.0]);
        let got = run_in("com.microsoft", "FastGelu", 1, &[], &[Some(x.clone())], 1).unwrap();
        close(&got[0], &[1, 2], &[1.399_571_6, -0.158_808_01]);
        let got = run_in("com.microsoft", "FastGelu", 1, &[], &[Some(x), Some(t(&[2], &[-2.5, 2.5]))], 1).unwrap();
        close(&got[0], &[1, 2], &[-0.158_808_01, 1.399_571_6]);
    }
}
