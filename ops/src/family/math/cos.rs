//! [Cos](https://onnx.ai/onnx/operators/onnx__Cos.html): the cosine of each angle in radians.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `cos(x)`, element by element; NaN at infinities.
#[derive(Debug)]
pub struct Cos;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Cos))
}

impl Elementwise for Cos {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::cos_f32, libm::cos)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Cos",
            22,
            &Attributes::new(),
            &[
                (0.5, 0.8775825618903728),
                (-2.0, -0.4161468365471424),
                (1000.0, 0.5623790762907029),
                (f32::INFINITY, f64::NAN),
            ],
        );
    }
}
