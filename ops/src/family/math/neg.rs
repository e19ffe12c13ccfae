//! [Neg](https://onnx.ai/onnx/operators/onnx__Neg.html): the negation.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_number},
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// `-x`, element by element; integers wrap.
#[derive(Debug)]
pub struct Neg;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Neg))
}

impl Elementwise for Neg {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], Number::neg))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn numbers_of_all_kinds() {
        let got = run("Neg", 13, &[&floats(&[3, 1], &[-1.5, 0.0, f32::INFINITY])]).unwrap();
        assert_eq!(got, floats(&[3, 1], &[1.5, -0.0, f32::NEG_INFINITY]));
        let got = run("Neg", 13, &[&Tensor::from_vec([3], vec![-3i8, -128, 5]).unwrap()]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [3, -128, -5]);
        assert!(run("Neg", 13, &[&Tensor::from_vec([1], vec![true]).unwrap()]).is_err());
    }
}
