//! [Or](https://onnx.ai/onnx/operators/onnx__Or.html): the disjunction of booleans, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, same_bool},
    },
};
use std::{ops::RangeInclusive, sync::Arc};

/// `A | B` of booleans, element by element.
#[derive(Debug)]
pub struct Or;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Or)
}

impl Elementwise for Or {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_bool(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        broadcast_map::<bool, bool, bool>(a, b, |x, y| x | y)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::math::elementwise::testing::run};

    #[test]
    fn broadcasts() {
        let a = Tensor::from_vec([2, 1], vec![true, false]).unwrap();
        let b = Tensor::from_vec([3], vec![true, false, true]).unwrap();
        assert_eq!(
            run("Or", 7, &[&a, &b]).unwrap(),
            Tensor::from_vec([2, 3], vec![true, true, true, true, false, true]).unwrap()
        );
        assert!(run("Or", 7, &[&Tensor::scalar(1i32), &Tensor::scalar(1i32)]).is_err());
        assert!(run("Or", 7, &[&b, &Tensor::from_vec([2], vec![true; 2]).unwrap()]).is_err());
    }
}
