//! [Sinh](https://onnx.ai/onnx/operators/onnx__Sinh.html): the hyperbolic sine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `sinh(x)`, element by element.
#[derive(Debug)]
pub struct Sinh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Sinh))
}

impl Elementwise for Sinh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::sinh), libm::sinh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Sinh",
            22,
            &Attributes::new(),
            &[(0.5, 0.5210953054937474), (-2.0, -3.626860407847019), (f32::NEG_INFINITY, f64::NEG_INFINITY)],
        );
    }
}
