//! [Elu](https://onnx.ai/onnx/operators/onnx__Elu.html): a ramp with an exponential foot.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `x` where it is not negative, else `alpha (e^x - 1)`.
#[derive(Debug)]
pub struct Elu {
    /// How far the foot goes below zero.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Elu { alpha: node.attributes.float_or("alpha", 1.0)? }))
}

impl Elementwise for Elu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| if x < 0.0 { self.alpha * transcendental::expm1_f32(x) } else { x },
            |x| if x < 0.0 { f64::from(self.alpha) * libm::expm1(x) } else { x },
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "Elu",
            28,
            &Attributes::new(),
            &[(1.5, 1.5), (-2.0, -0.8646647167633873), (0.0, 0.0), (-0.0625, -0.06058693718652421)],
        );
        check_float(
            "Elu",
            28,
            &Attributes::new().with("alpha", Attribute::Float(0.25)),
            &[(1.5, 1.5), (-2.0, -0.21616617919084682), (0.0, 0.0), (-0.0625, -0.015146734296631053)],
        );
    }
}
