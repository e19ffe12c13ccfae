//! [Greater](https://onnx.ai/onnx/operators/onnx__Greater.html): whether elements are above others, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, same_number},
    },
    numeric::with_number,
};
use std::{ops::RangeInclusive, sync::Arc};

/// `A > B`, element by element, as booleans; false where either is NaN.
#[derive(Debug)]
pub struct Greater;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Greater)
}

impl Elementwise for Greater {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs).map(|_| DType::Bool)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => broadcast_map::<T, T, bool>(a, b, |x, y| x > y))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn broadcasts() {
        let (a, b) = (floats(&[2, 1], &[1.0, -2.0]), floats(&[3], &[1.0, -3.0, f32::NAN]));
        let got = run("Greater", 16, &[&a, &b]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 3], vec![false, true, false, false, true, false]).unwrap());
        let (a, b) = (Tensor::scalar(u64::MAX), Tensor::from_vec([2], vec![u64::MAX, u64::MAX - 1]).unwrap());
        let got = run("Greater", 16, &[&a, &b]).unwrap();
        assert_eq!(got.as_slice::<bool>().unwrap(), [false, true]);
        assert!(run("Greater", 16, &[&a, &floats(&[], &[1.0])]).is_err(), "two types");
        assert!(run("Greater", 16, &[&Tensor::scalar(true), &Tensor::scalar(true)]).is_err(), "booleans");
    }
}
