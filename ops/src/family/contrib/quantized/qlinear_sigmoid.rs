//! [QLinearSigmoid](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearSigmoid): the logistic function of bytes.

use super::{
    load::only,
    parameters::{infer_unary, recode_unary, rows_like},
};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::activation::Sigmoid,
    numeric::transcendental::sigmoid_f32,
};
use std::sync::Arc;

/// The codes of `1 / (1 + e^-x)` of the numbers, in `f32`; quotients are rounded before the zero point is added.
#[derive(Debug)]
pub struct QLinearSigmoid;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &[], 4..=5)?;
    Ok(Arc::new(QLinearSigmoid))
}

impl Operator for QLinearSigmoid {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer_unary(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        recode_unary(inputs, sigmoid_f32)
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows_like(&Sigmoid, &[0], rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Tensor, family::nn::testing::t};

    #[test]
    fn points_of_both_types() {
        let (tenth, fine) = (t(&[], &[0.1]), t(&[1], &[1.0 / 256.0]));
        let x = u8s(&[4], &[0, 118, 128, 255]);
        // The logistic function of -12.8, -1, 0 and 12.7, times 256.
        let got = run("QLinearSigmoid", &[], &[&x, &tenth, &u8s(&[], &[128]), &fine, &u8s(&[], &[0])]).unwrap();
        assert_eq!(got, u8s(&[4], &[0, 69, 128, 255]));
        let y = i8s(&[3], &[-10, 0, 10]);
        let got = run("QLinearSigmoid", &[], &[&y, &tenth, &i8s(&[], &[0]), &fine, &i8s(&[], &[-128])]).unwrap();
        assert_eq!(got, i8s(&[3], &[-59, 0, 59]));
        assert!(run("QLinearSigmoid", &[], &[&x, &tenth, &u8s(&[], &[128]), &fine, &i8s(&[], &[0])]).is_err());
        let wide = Tensor::from_vec([1], vec![1i16]).unwrap();
        assert!(run("QLinearSigmoid", &[], &[&wide, &tenth, &wide, &fine]).is_err(), "i16");
    }
}
