//! [IsNaN](https://onnx.ai/onnx/operators/onnx__IsNaN.html): which elements are not a number.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_float},
    numeric::{Number, with_float},
};
use std::sync::Arc;

/// Whether each element is NaN, as a boolean.
#[derive(Debug)]
pub struct IsNaN;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(IsNaN))
}

impl Elementwise for IsNaN {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs).map(|_| DType::Bool)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_float!(inputs[0].dtype(), T => map_each::<T, bool>(inputs[0], Number::is_nan))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn only_nan() {
        let got = run("IsNaN", 20, &[&floats(&[2, 2], &[f32::NAN, 0.0, f32::INFINITY, -f32::NAN])]).unwrap();
        assert_eq!(got.as_slice::<bool>().unwrap(), [true, false, false, true]);
        assert!(run("IsNaN", 20, &[&Tensor::scalar(1i32)]).is_err());
    }
}
