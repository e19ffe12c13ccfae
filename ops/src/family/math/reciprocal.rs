//! [Reciprocal](https://onnx.ai/onnx/operators/onnx__Reciprocal.html): one over each element.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `1 / x`, element by element; infinite at 0.
#[derive(Debug)]
pub struct Reciprocal;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Reciprocal))
}

impl Elementwise for Reciprocal {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], |x| 1.0 / x, |x| 1.0 / x)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Reciprocal",
            13,
            &Attributes::new(),
            &[(4.0, 0.25), (-0.5, -2.0), (0.0, f64::INFINITY), (f32::NEG_INFINITY, 0.0)],
        );
    }
}
