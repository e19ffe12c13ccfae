//! [Atan](https://onnx.ai/onnx/operators/onnx__Atan.html): the angle with this tangent.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `atan(x)`, element by element.
#[derive(Debug)]
pub struct Atan;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Atan))
}

impl Elementwise for Atan {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::atan), libm::atan)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Atan",
            22,
            &Attributes::new(),
            &[(0.5, 0.4636476090008061), (-4.0, -1.3258176636680326), (f32::INFINITY, 1.5707963267948966)],
        );
    }
}
