//! [QuantizeLinear](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QuantizeLinear):
//! numbers to integers of 4, 8 and 16 bits, before `ai.onnx` had all of them.

use super::load::only;
use crate::{Node, Operator, Result, family::quantize::quantize_linear};
use std::sync::Arc;

/// The operator of `ai.onnx` with `axis` as its only attribute; without a zero point the codes are `u8`.
pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["axis"], 2..=3)?;
    quantize_linear::parse(node)
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use crate::{Attribute, DType, Tensor, family::nn::testing::t};

    #[test]
    fn types_and_axes() {
        let x = t(&[2, 2], &[1.0, -3.0, 2.5, 100.0]);
        let zero = Tensor::from_vec([2], vec![1i64, -2]).unwrap().cast(DType::I4).unwrap();
        let axis = [("axis", Attribute::Int(0))];
        let got = run("QuantizeLinear", &axis, &[&x, &t(&[2], &[1.0, 0.5]), &zero]).unwrap();
        assert_eq!(got.dtype(), DType::I4);
        assert_eq!(got.to_i64_vec().unwrap(), [2, -2, 3, 7]);
        let got = run("QuantizeLinear", &[], &[&x, &t(&[], &[2.0])]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 2], vec![0u8, 0, 1, 50]).unwrap());
        let blocked = [("block_size", Attribute::Int(2))];
        assert!(run("QuantizeLinear", &blocked, &[&x, &t(&[2, 1], &[1.0, 0.5])]).is_err(), "not of this operator");
        assert!(run("QuantizeLinear", &[], &[&x]).is_err(), "no scale");
    }
}
