//! [Mul](https://onnx.ai/onnx/operators/onnx__Mul.html): the product of two tensors, element by element, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, same_number},
    },
    numeric::{Number, with_number},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `C = A B`, element by element; integers wrap.
#[derive(Debug)]
pub struct Mul;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Mul)
}

impl Elementwise for Mul {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => broadcast_map::<T, T, T>(a, b, Number::mul))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn broadcasts_and_keeps_to_the_type() {
        let (a, b) = (floats(&[2, 1], &[6.0, -1.5]), floats(&[3], &[1.0, 2.0, -4.0]));
        assert_eq!(run("Mul", 14, &[&a, &b]).unwrap(), floats(&[2, 3], &[6.0, 12.0, -24.0, -1.5, -3.0, 6.0]));
        let (a, b) =
            (Tensor::from_vec([3], vec![100i8, -5, 7]).unwrap(), Tensor::from_vec([3], vec![3i8, 9, 0]).unwrap());
        assert_eq!(run("Mul", 14, &[&a, &b]).unwrap().as_slice::<i8>().unwrap(), [44, -45, 0]);
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Mul", 14, &[&floats(&[2], &[1.0, 2.0]), &one]).is_err(), "two types");
        assert!(run("Mul", 14, &[&floats(&[2], &[1.0; 2]), &floats(&[3], &[1.0; 3])]).is_err(), "shapes");
        assert!(run("Mul", 14, &[&one]).is_err(), "one input");
    }
}
