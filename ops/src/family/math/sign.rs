//! [Sign](https://onnx.ai/onnx/operators/onnx__Sign.html): -1, 0 or 1.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_number},
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// The sign of each element as -1, 0 or 1; NaN stays.
#[derive(Debug)]
pub struct Sign;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Sign))
}

impl Elementwise for Sign {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], sign))
    }
}

fn sign<T: Number>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        T::ONE.neg()
    } else if x.is_nan() {
        x
    } else {
        T::ZERO
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
        let got = run("Sign", 13, &[&floats(&[4, 1], &[-1.5, 0.0, f32::INFINITY, f32::NAN])]).unwrap();
        assert_eq!(got, floats(&[4, 1], &[-1.0, 0.0, 1.0, f32::NAN]));
        let got = run("Sign", 13, &[&Tensor::from_vec([3], vec![-3i8, 0, 5]).unwrap()]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [-1, 0, 1]);
        assert!(run("Sign", 13, &[&Tensor::from_vec([1], vec![true]).unwrap()]).is_err());
    }
}
