//! [IsNaN](https://onnx.ai/onnx/operators/onnx__IsNaN.html): which elements are not a number.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, any_float, map_each},
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
        any_float(inputs).map(|_| DType::Bool)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_float!(inputs[0].dtype(), T => map_each::<T, bool>(inputs[0], Number::is_nan))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        DType, Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn only_nan() {
        let got = run("IsNaN", 20, &[&floats(&[2, 2], &[f32::NAN, 0.0, f32::INFINITY, -f32::NAN])]).unwrap();
        assert_eq!(got.as_slice::<bool>().unwrap(), [true, false, false, true]);
        let eight = floats(&[3], &[f32::NAN, 1.0, 0.0]).cast(DType::F8E4M3FNUZ).unwrap();
        assert_eq!(run("IsNaN", 20, &[&eight]).unwrap().as_slice::<bool>().unwrap(), [true, false, false]);
        assert!(run("IsNaN", 20, &[&Tensor::scalar(1i32)]).is_err());
    }
}
