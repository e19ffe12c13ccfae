//! [Tan](https://onnx.ai/onnx/operators/onnx__Tan.html): the tangent of each angle in radians.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `tan(x)`, element by element; NaN at infinities.
#[derive(Debug)]
pub struct Tan;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Tan))
}

impl Elementwise for Tan {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::tan), libm::tan)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Tan",
            22,
            &Attributes::new(),
            &[(0.5, 0.5463024898437905), (-1.0, -1.5574077246549023), (f32::INFINITY, f64::NAN)],
        );
    }
}
