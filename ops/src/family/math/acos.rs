//! [Acos](https://onnx.ai/onnx/operators/onnx__Acos.html): the angle with this cosine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `acos(x)`, element by element; NaN beyond -1..=1.
#[derive(Debug)]
pub struct Acos;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Acos))
}

impl Elementwise for Acos {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::acos), libm::acos)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Acos",
            22,
            &Attributes::new(),
            &[(0.5, 1.0471975511965979), (-1.0, 3.141592653589793), (1.5, f64::NAN)],
        );
    }
}
