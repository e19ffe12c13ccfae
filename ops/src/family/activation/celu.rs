//! [Celu](https://onnx.ai/onnx/operators/onnx__Celu.html): a ramp with an exponential foot of continuous slope.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `max(0, x) + min(0, alpha (e^(x / alpha) - 1))`, element by element.
#[derive(Debug)]
pub struct Celu {
    /// How far the foot goes below zero.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Celu { alpha: node.attributes.float_or("alpha", 1.0)? }))
}

impl Elementwise for Celu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| if x < 0.0 { self.alpha * transcendental::expm1_f32(x / self.alpha) } else { x },
            |x| {
                let alpha = f64::from(self.alpha);
                if x < 0.0 { alpha * libm::expm1(x / alpha) } else { x }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "Celu",
            28,
            &Attributes::new(),
            &[(1.5, 1.5), (-2.0, -0.8646647167633873), (0.0, 0.0), (-0.0625, -0.06058693718652421)],
        );
        check_float(
            "Celu",
            28,
            &Attributes::new().with("alpha", Attribute::Float(2.0)),
            &[(1.5, 1.5), (-2.0, -1.2642411176571153), (0.0, 0.0), (-0.0625, -0.06153353104731184)],
        );
    }
}
