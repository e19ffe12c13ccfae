//! [Mish](https://onnx.ai/onnx/operators/onnx__Mish.html): a smooth ramp that dips below zero.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `x tanh(softplus(x))`, element by element.
#[derive(Debug)]
pub struct Mish;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Mish))
}

impl Elementwise for Mish {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| x * transcendental::tanh_f32(transcendental::softplus_f32(x)),
            |x| x * libm::tanh(transcendental::softplus_f64(x)),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Mish",
            22,
            &Attributes::new(),
            &[(0.5, 0.3752452113048951), (-4.0, -0.07259174079202535), (2.0, 1.9439589595339946)],
        );
    }
}
