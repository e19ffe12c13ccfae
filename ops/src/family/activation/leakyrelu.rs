//! [LeakyRelu](https://onnx.ai/onnx/operators/onnx__LeakyRelu.html): a ramp with a small slope below zero.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `x` where it is not negative, else `alpha x`.
#[derive(Debug)]
pub struct LeakyRelu {
    /// The slope below zero.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(LeakyRelu { alpha: node.attributes.float_or("alpha", 0.01)? }))
}

impl Elementwise for LeakyRelu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| if x < 0.0 { self.alpha * x } else { x },
            |x| if x < 0.0 { f64::from(self.alpha) * x } else { x },
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "LeakyRelu",
            28,
            &Attributes::new(),
            &[(1.5, 1.5), (-2.0, -0.02), (0.0, 0.0), (f32::NAN, f64::NAN)],
        );
        check_float(
            "LeakyRelu",
            28,
            &Attributes::new().with("alpha", Attribute::Float(0.25)),
            &[(1.5, 1.5), (-2.0, -0.5), (0.0, 0.0), (f32::NAN, f64::NAN)],
        );
    }
}
