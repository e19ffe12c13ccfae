//! [Sum](https://onnx.ai/onnx/operators/onnx__Sum.html): the sum of the inputs, element by element, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, same_float},
    },
    numeric::{Number, with_float},
};
use std::{ops::RangeInclusive, sync::Arc};

/// The sum, element by element, added from the first input to the last; narrow floats round after each.
#[derive(Debug)]
pub struct Sum;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::equal(node, Sum)
}

impl Elementwise for Sum {
    fn arity(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_float!(inputs[0].dtype(), T => {
            inputs[1..].iter().try_fold(inputs[0].clone(), |a, b| broadcast_map::<T, T, T>(&a, b, Number::add))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn one_two_and_three_inputs_broadcast() {
        let (a, b) = (floats(&[2, 1], &[1.0, 5.0]), floats(&[3], &[3.0, f32::NAN, -4.0]));
        assert_eq!(run("Sum", 13, &[&b]).unwrap(), b);
        assert_eq!(run("Sum", 13, &[&a, &b]).unwrap(), floats(&[2, 3], &[4.0, f32::NAN, -3.0, 8.0, f32::NAN, 1.0]));
        assert_eq!(
            run("Sum", 13, &[&a, &b, &floats(&[], &[2.0])]).unwrap(),
            floats(&[2, 3], &[6.0, f32::NAN, -1.0, 10.0, f32::NAN, 3.0])
        );
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Sum", 13, &[&a, &one]).is_err(), "two types");
        assert!(run("Sum", 13, &[&b, &floats(&[2], &[1.0; 2])]).is_err(), "shapes");
        assert!(run("Sum", 13, &[]).is_err(), "no input");
    }
}
