//! [Log](https://onnx.ai/onnx/operators/onnx__Log.html): the natural logarithm of each element.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `ln x`, element by element, at most 1 ulp off in `f32`; NaN below 0.
#[derive(Debug)]
pub struct Log;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Log))
}

impl Elementwise for Log {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::ln_f32, libm::log)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Log",
            13,
            &Attributes::new(),
            &[(0.5, -0.6931471805599453), (8.0, 2.0794415416798357), (0.0, f64::NEG_INFINITY), (-1.0, f64::NAN)],
        );
    }
}
