//! [Tanh](https://onnx.ai/onnx/operators/onnx__Tanh.html): the hyperbolic tangent.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `tanh(x)`, element by element, at most 1 ulp off in `f32`.
#[derive(Debug)]
pub struct Tanh;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Tanh))
}

impl Elementwise for Tanh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::tanh_f32, libm::tanh)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Tanh",
            13,
            &Attributes::new(),
            &[(0.5, 0.46211715726000974), (-4.0, -0.999329299739067), (0.0, 0.0), (f32::NEG_INFINITY, -1.0)],
        );
    }
}
