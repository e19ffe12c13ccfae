//! [Mean](https://onnx.ai/onnx/operators/onnx__Mean.html): the mean of the inputs, element by element, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, map_each, same_float},
    },
    numeric::{Number, with_float},
};
use std::{ops::RangeInclusive, sync::Arc};

/// The mean, element by element: the sum from the first input to the last, divided by their number.
#[derive(Debug)]
pub struct Mean;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::equal(node, Mean)
}

impl Elementwise for Mean {
    fn arity(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_float!(inputs[0].dtype(), T => {
            let sum = inputs[1..].iter().try_fold(inputs[0].clone(), |a, b| broadcast_map::<T, T, T>(&a, b, Number::add))?;
            let count = T::from_f64(inputs.len() as f64);
            map_each::<T, T>(&sum, |v| Number::div(v, count))
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
        assert_eq!(run("Mean", 13, &[&b]).unwrap(), b);
        assert_eq!(run("Mean", 13, &[&a, &b]).unwrap(), floats(&[2, 3], &[2.0, f32::NAN, -1.5, 4.0, f32::NAN, 0.5]));
        assert_eq!(
            run("Mean", 13, &[&a, &b, &floats(&[], &[2.0])]).unwrap(),
            floats(&[2, 3], &[2.0, f32::NAN, -1.0 / 3.0, 10.0 / 3.0, f32::NAN, 1.0])
        );
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Mean", 13, &[&a, &one]).is_err(), "two types");
        assert!(run("Mean", 13, &[&b, &floats(&[2], &[1.0; 2])]).is_err(), "shapes");
        assert!(run("Mean", 13, &[]).is_err(), "no input");
    }
}
