//! [Acosh](https://onnx.ai/onnx/operators/onnx__Acosh.html): the inverse of the hyperbolic cosine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `acosh(x)`, element by element; NaN below 1.
#[derive(Debug)]
pub struct Acosh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Acosh))
}

impl Elementwise for Acosh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::acosh), libm::acosh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Acosh",
            22,
            &Attributes::new(),
            &[(1.5, 0.9624236501192069), (2.0, 1.3169578969248166), (0.5, f64::NAN)],
        );
    }
}
