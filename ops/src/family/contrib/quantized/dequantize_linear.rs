//! [DequantizeLinear](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DequantizeLinear):
//! integers of 4, 8, 16 and 32 bits to numbers, before `ai.onnx` had all of them.

use super::load::only;
use crate::{Node, Operator, Result, family::quantize::dequantize_linear};
use std::sync::Arc;

/// The operator of `ai.onnx` with `axis` as its only attribute.
pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["axis"], 2..=3)?;
    dequantize_linear::parse(node)
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use crate::{Attribute, DType, Tensor, family::nn::testing::t};

    #[test]
    fn types_and_axes() {
        let x = Tensor::from_vec([2, 2], vec![1i64, 15, 0, 8]).unwrap().cast(DType::U4).unwrap();
        let zero = Tensor::from_vec([2], vec![8i64, 15]).unwrap().cast(DType::U4).unwrap();
        let scale = t(&[2], &[0.5, 2.0]);
        let got = run("DequantizeLinear", &[("axis", Attribute::Int(1))], &[&x, &scale, &zero]).unwrap();
        assert_eq!(got, t(&[2, 2], &[-3.5, 0.0, -4.0, -14.0]));
        let wide = Tensor::from_vec([1], vec![65_535u16]).unwrap();
        assert_eq!(run("DequantizeLinear", &[], &[&wide, &t(&[], &[2.0])]).unwrap(), t(&[1], &[131_070.0]));
        assert!(run("DequantizeLinear", &[("block_size", Attribute::Int(2))], &[&x, &scale, &zero]).is_err());
        assert!(
            run("DequantizeLinear", &[], &[&wide, &t(&[], &[2.0]), &zero]).is_err(),
            "a zero point of another type"
        );
    }
}
