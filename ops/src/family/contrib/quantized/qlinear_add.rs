//! [QLinearAdd](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAdd): the sum of two tensors of bytes, quantised again.

use super::binary;
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// `c = saturate(round(a ra + (b rb + fixed)))` with `ra = a_scale / c_scale`, `rb` likewise, and
/// `fixed = c_zero - (ra a_zero + rb b_zero)`.
///
/// Order of arithmetic: all in `f32`; `fixed` is two products, a sum and a difference; then two fused multiply-adds,
/// that of `b` first. Halves go to even with the zero point in the sum.
#[derive(Debug)]
pub struct QLinearAdd;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    binary::parse(node)?;
    Ok(Arc::new(QLinearAdd))
}

impl Operator for QLinearAdd {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        binary::infer(inputs)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        binary::evaluate(inputs, |[a, b, c]| {
            let (ra, rb) = (a.scale / c.scale, b.scale / c.scale);
            let fixed = c.zero as f32 - (ra * a.zero as f32 + rb * b.zero as f32);
            move |x: f32, y: f32| x.mul_add(ra, y.mul_add(rb, fixed))
        })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        binary::rows(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn sums_broadcast_round_and_saturate() {
        let (half, one) = (t(&[], &[0.5]), t(&[1], &[1.0]));
        let (a, b) = (u8s(&[2, 1], &[10, 255]), u8s(&[3], &[1, 2, 200]));
        // (a - 10) / 2 + (b - 0) + 3, of which halves go to the even code.
        let got =
            run("QLinearAdd", &[], &[&a, &half, &u8s(&[], &[10]), &b, &one, &u8s(&[], &[0]), &one, &u8s(&[], &[3])]);
        assert_eq!(got.unwrap(), u8s(&[2, 3], &[4, 5, 203, 126, 128, 255]));
        let (p, q) = (i8s(&[2], &[-128, 3]), i8s(&[2], &[-100, 4]));
        let zero = i8s(&[], &[0]);
        let got = run("QLinearAdd", &[], &[&p, &one, &zero, &q, &half, &zero, &one]).unwrap();
        assert_eq!(got, i8s(&[2], &[-128, 5]));
        assert!(run("QLinearAdd", &[], &[&a, &half, &zero, &b, &one, &zero, &one]).is_err(), "zero points of i8");
        assert!(run("QLinearAdd", &[], &[&p, &one, &zero, &b, &one, &zero, &one]).is_err(), "two types");
        let two = t(&[2], &[1.0, 2.0]);
        assert!(run("QLinearAdd", &[], &[&p, &two, &zero, &q, &half, &zero, &one]).is_err(), "two scales");
        let axis = [("axis", Attribute::Int(0))];
        let error = run("QLinearAdd", &axis, &[&p, &one, &zero, &q, &half, &zero, &one]).unwrap_err().to_string();
        assert!(error.contains("axis"), "{error}");
    }
}
