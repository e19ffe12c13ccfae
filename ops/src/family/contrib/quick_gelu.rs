//! [QuickGelu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QuickGelu): an
//! element times a logistic function of it.

use super::compose::check;
use crate::{Node, Operator, Result, family::activation::Swish};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["alpha"], 1, 1)?;
    Ok(Arc::new(Swish { alpha: node.attributes.float_or("alpha", 1.702)? }))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn alpha_and_its_default() {
        let go = |attributes: &[(&str, Attribute)]| {
            run_in("com.microsoft", "QuickGelu", 1, attributes, &[Some(t(&[1], &[2.0]))], 1).unwrap().remove(0)
        };
        close(&go(&[]), &[1], &[2.0 / (1.0 + libm::expf(-3.404))]);
        close(&go(&[("alpha", Attribute::Float(0.5))]), &[1], &[2.0 / (1.0 + libm::expf(-1.0))]);
    }
}
