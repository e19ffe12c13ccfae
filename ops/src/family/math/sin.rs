//! [Sin](https://onnx.ai/onnx/operators/onnx__Sin.html): the sine of each angle in radians.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `sin(x)`, element by element; NaN at infinities.
#[derive(Debug)]
pub struct Sin;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Sin))
}

impl Elementwise for Sin {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::sin_f32, libm::sin)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Sin",
            22,
            &Attributes::new(),
            &[
                (0.5, 0.479425538604203),
                (-2.0, -0.9092974268256817),
                (1000.0, 0.8268795405320025),
                (f32::INFINITY, f64::NAN),
            ],
        );
    }
}
