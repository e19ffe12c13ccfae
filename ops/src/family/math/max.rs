//! [Max](https://onnx.ai/onnx/operators/onnx__Max.html): the greatest of the inputs, element by element, broadcast.

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

/// The greatest, element by element; NaN if any is NaN, the first of equals.
#[derive(Debug)]
pub struct Max;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::equal(node, Max)
}

impl Elementwise for Max {
    fn arity(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => {
            inputs[1..].iter().try_fold(inputs[0].clone(), |a, b| broadcast_map::<T, T, T>(&a, b, greater))
        })
    }
}

fn greater<T: Number>(a: T, b: T) -> T {
    if !a.is_nan() && (b.is_nan() || b > a) { b } else { a }
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
        assert_eq!(run("Max", 13, &[&b]).unwrap(), b);
        assert_eq!(run("Max", 13, &[&a, &b]).unwrap(), floats(&[2, 3], &[3.0, f32::NAN, 1.0, 5.0, f32::NAN, 5.0]));
        assert_eq!(
            run("Max", 13, &[&a, &b, &floats(&[], &[2.0])]).unwrap(),
            floats(&[2, 3], &[3.0, f32::NAN, 2.0, 5.0, f32::NAN, 5.0])
        );
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Max", 13, &[&a, &one]).is_err(), "two types");
        assert!(run("Max", 13, &[&b, &floats(&[2], &[1.0; 2])]).is_err(), "shapes");
        assert!(run("Max", 13, &[]).is_err(), "no input");
    }
}
