//! [QLinearMul](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearMul): the product of two tensors of bytes, quantised again.

use super::binary;
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// `c = saturate(round((a - a_zero) (b - b_zero) r + c_zero))` with `r = a_scale b_scale / c_scale`.
///
/// Order of arithmetic: the product of the differences is exact; then in `f32` one product and one sum. Halves go to
/// even with the zero point in the sum.
#[derive(Debug)]
pub struct QLinearMul;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    binary::parse(node)?;
    Ok(Arc::new(QLinearMul))
}

impl Operator for QLinearMul {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        binary::infer(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        binary::evaluate(inputs, |[a, b, c]| {
            let ratio = a.scale * b.scale / c.scale;
            let (za, zb, zc) = (a.zero as f32, b.zero as f32, c.zero as f32);
            move |x: f32, y: f32| (x - za) * (y - zb) * ratio + zc
        })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        binary::rows(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::family::nn::testing::t;

    #[test]
    fn products_broadcast_round_and_saturate() {
        let (half, one) = (t(&[], &[0.5]), t(&[1], &[1.0]));
        let (a, b) = (u8s(&[2, 1], &[10, 255]), u8s(&[3], &[1, 2, 5]));
        let (ten, two) = (u8s(&[], &[10]), u8s(&[], &[2]));
        // (a - 10) (b - 2) / 2 + 10
        let got = run("QLinearMul", &[], &[&a, &half, &ten, &b, &one, &two, &one, &ten]).unwrap();
        assert_eq!(got, u8s(&[2, 3], &[10, 10, 10, 0, 10, 255]));
        let (p, q) = (i8s(&[3], &[-128, 3, 5]), i8s(&[3], &[-100, 4, 1]));
        let zero = i8s(&[1], &[0]);
        let got = run("QLinearMul", &[], &[&p, &one, &zero, &q, &half, &zero, &one, &i8s(&[], &[1])]).unwrap();
        // 2.5 + 1 is a half whose even neighbour is 4.
        assert_eq!(got, i8s(&[3], &[127, 7, 4]));
        assert!(run("QLinearMul", &[], &[&a, &half, &ten, &b, &one, &two]).is_err(), "no scale of the output");
        assert!(run("QLinearMul", &[], &[&a, &half, &ten, &u8s(&[4], &[0; 4]), &one, &two, &half, &two]).is_ok());
        assert!(run("QLinearMul", &[], &[&b, &half, &ten, &u8s(&[4], &[0; 4]), &one, &two, &half, &two]).is_err());
    }
}
