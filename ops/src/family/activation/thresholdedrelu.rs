//! [ThresholdedRelu](https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html): a ramp that begins beyond a threshold.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `x` where it is above `alpha`, else 0.
#[derive(Debug)]
pub struct ThresholdedRelu {
    /// The threshold.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(ThresholdedRelu { alpha: node.attributes.float_or("alpha", 1.0)? }))
}

impl Elementwise for ThresholdedRelu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| if x > self.alpha { x } else { 0.0 },
            |x| if x > f64::from(self.alpha) { x } else { 0.0 },
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float("ThresholdedRelu", 28, &Attributes::new(), &[(1.5, 1.5), (-2.0, 0.0), (1.0, 0.0), (0.5, 0.0)]);
        check_float(
            "ThresholdedRelu",
            28,
            &Attributes::new().with("alpha", Attribute::Float(0.25)),
            &[(1.5, 1.5), (-2.0, 0.0), (1.0, 1.0), (0.5, 0.5)],
        );
    }
}
