//! [Sub](https://onnx.ai/onnx/operators/onnx__Sub.html): the difference of two tensors, element by element, broadcast.

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

/// `C = A - B`; integers wrap.
#[derive(Debug)]
pub struct Sub;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Sub)
}

impl Elementwise for Sub {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => broadcast_map::<T, T, T>(a, b, Number::sub))
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
        assert_eq!(run("Sub", 14, &[&a, &b]).unwrap(), floats(&[2, 3], &[5.0, 4.0, 10.0, -2.5, -3.5, 2.5]));
        let (a, b) =
            (Tensor::from_vec([3], vec![-128i8, 5, 7]).unwrap(), Tensor::from_vec([3], vec![1i8, 9, 7]).unwrap());
        assert_eq!(run("Sub", 14, &[&a, &b]).unwrap().as_slice::<i8>().unwrap(), [127, -4, 0]);
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Sub", 14, &[&floats(&[2], &[1.0, 2.0]), &one]).is_err(), "two types");
        assert!(run("Sub", 14, &[&floats(&[2], &[1.0; 2]), &floats(&[3], &[1.0; 3])]).is_err(), "shapes");
        assert!(run("Sub", 14, &[&one]).is_err(), "one input");
    }
}
