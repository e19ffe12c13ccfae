//! [BitwiseNot](https://onnx.ai/onnx/operators/onnx__BitwiseNot.html): the complement of integers' bits.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_integer},
    numeric::with_integer,
};
use std::sync::Arc;

/// The complement of integers' bits, element by element.
#[derive(Debug)]
pub struct BitwiseNot;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(BitwiseNot))
}

impl Elementwise for BitwiseNot {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_integer(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_integer!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], |v| !v))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::math::elementwise::testing::run};

    #[test]
    fn each_element() {
        let x = Tensor::from_vec([2, 1], vec![5u8, 0]).unwrap();
        assert_eq!(run("BitwiseNot", 18, &[&x]).unwrap(), Tensor::from_vec([2, 1], vec![250u8, 255]).unwrap());
        let x = Tensor::from_vec([2], vec![5i64, -1]).unwrap();
        assert_eq!(run("BitwiseNot", 18, &[&x]).unwrap(), Tensor::from_vec([2], vec![-6i64, 0]).unwrap());
        assert!(run("BitwiseNot", 18, &[&Tensor::scalar(1f32)]).is_err());
    }
}
