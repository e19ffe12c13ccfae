//! [Atanh](https://onnx.ai/onnx/operators/onnx__Atanh.html): the inverse of the hyperbolic tangent.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `atanh(x)`, element by element; infinite at -1 and 1, NaN beyond.
#[derive(Debug)]
pub struct Atanh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Atanh))
}

impl Elementwise for Atanh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::atanh), libm::atanh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Atanh",
            22,
            &Attributes::new(),
            &[(0.5, 0.5493061443340548), (-0.25, -0.25541281188299536), (1.0, f64::INFINITY), (1.5, f64::NAN)],
        );
    }
}
