//! [Cosh](https://onnx.ai/onnx/operators/onnx__Cosh.html): the hyperbolic cosine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `cosh(x)`, element by element.
#[derive(Debug)]
pub struct Cosh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Cosh))
}

impl Elementwise for Cosh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::cosh), libm::cosh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Cosh",
            22,
            &Attributes::new(),
            &[(0.5, 1.1276259652063807), (-2.0, 3.7621956910836314), (f32::NEG_INFINITY, f64::INFINITY)],
        );
    }
}
