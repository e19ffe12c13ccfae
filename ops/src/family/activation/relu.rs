//! [Relu](https://onnx.ai/onnx/operators/onnx__Relu.html): the positive part.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_number},
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// `max(0, x)`, element by element; NaN stays.
#[derive(Debug)]
pub struct Relu;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Relu))
}

impl Elementwise for Relu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], relu))
    }
}

fn relu<T: Number>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn numbers_of_all_kinds() {
        let got = run("Relu", 14, &[&floats(&[4, 1], &[-1.5, 0.5, f32::NEG_INFINITY, f32::NAN])]).unwrap();
        assert_eq!(got, floats(&[4, 1], &[0.0, 0.5, 0.0, f32::NAN]));
        let got = run("Relu", 14, &[&Tensor::from_vec([3], vec![-3i8, 0, 5]).unwrap()]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [0, 0, 5]);
        assert!(run("Relu", 14, &[&Tensor::from_vec([1], vec![true]).unwrap()]).is_err());
    }
}
