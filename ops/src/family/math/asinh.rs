//! [Asinh](https://onnx.ai/onnx/operators/onnx__Asinh.html): the inverse of the hyperbolic sine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `asinh(x)`, element by element.
#[derive(Debug)]
pub struct Asinh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Asinh))
}

impl Elementwise for Asinh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::asinh), libm::asinh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Asinh",
            22,
            &Attributes::new(),
            &[(0.5, 0.48121182505960347), (-2.0, -1.4436354751788103), (f32::NEG_INFINITY, f64::NEG_INFINITY)],
        );
    }
}
