//! [QLinearLeakyRelu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearLeakyRelu): a ramp of bytes with a small slope below zero.

use super::{
    load::only,
    parameters::{infer_unary, recode_unary, rows_like},
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::activation::LeakyRelu};
use std::sync::Arc;

/// The codes of the numbers, those below zero times `alpha`, in `f32`; quotients are rounded before the zero point is
/// added.
#[derive(Debug)]
pub struct QLinearLeakyRelu {
    /// The slope below zero.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["alpha"], 4..=5)?;
    Ok(Arc::new(QLinearLeakyRelu { alpha: node.attributes.float_or("alpha", 0.01)? }))
}

impl Operator for QLinearLeakyRelu {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer_unary(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        recode_unary(inputs, |x| if x < 0.0 { self.alpha * x } else { x })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows_like(&LeakyRelu { alpha: self.alpha }, &[0], rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn slopes_of_both_types() {
        let (one, half) = (t(&[], &[1.0]), t(&[1], &[0.5]));
        let x = u8s(&[2, 2], &[0, 96, 100, 110]);
        let quarter = [("alpha", Attribute::Float(0.25))];
        // -100, -4, 0 and 10; two codes a unit from 50 on.
        let got = run("QLinearLeakyRelu", &quarter, &[&x, &one, &u8s(&[], &[100]), &half, &u8s(&[], &[50])]).unwrap();
        assert_eq!(got, u8s(&[2, 2], &[0, 48, 50, 70]));
        let y = i8s(&[2], &[-100, 100]);
        let got = run("QLinearLeakyRelu", &[], &[&y, &one, &i8s(&[], &[0]), &half]).unwrap();
        assert_eq!(got, i8s(&[2], &[-2, 127]));
        assert!(run("QLinearLeakyRelu", &[], &[&y, &one, &i8s(&[], &[0])]).is_err(), "no scale of the output");
        assert!(
            run("QLinearLeakyRelu", &[("beta", Attribute::Float(1.0))], &[&y, &one, &i8s(&[], &[0]), &half]).is_err()
        );
    }
}
