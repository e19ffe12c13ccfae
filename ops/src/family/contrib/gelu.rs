//! [Gelu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Gelu): the exact
//! function, by the error function.

use super::compose::check;
use crate::{Node, Operator, Result, family::activation::Gelu};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 1, 1)?;
    Ok(Arc::new(Gelu { tanh: false }))
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, run_in, t};

    #[test]
    fn the_exact_function() {
        let got = run_in("com.microsoft", "Gelu", 1, &[], &[Some(t(&[2], &[1.5, -1.0]))], 1).unwrap();
        close(&got[0], &[2], &[1.399_789_2, -0.158_655_25]);
    }
}
