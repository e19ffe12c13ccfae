//! [HardSigmoid](https://onnx.ai/onnx/operators/onnx__HardSigmoid.html): a straight line between 0 and 1.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `max(0, min(1, alpha x + beta))`, element by element.
#[derive(Debug)]
pub struct HardSigmoid {
    /// The slope.
    pub alpha: f32,
    /// The value at 0.
    pub beta: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(HardSigmoid {
        alpha: node.attributes.float_or("alpha", 0.2)?,
        beta: node.attributes.float_or("beta", 0.5)?,
    }))
}

impl Elementwise for HardSigmoid {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| (self.alpha * x + self.beta).clamp(0.0, 1.0),
            |x| (f64::from(self.alpha) * x + f64::from(self.beta)).clamp(0.0, 1.0),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "HardSigmoid",
            22,
            &Attributes::new(),
            &[(1.5, 0.8), (-2.0, 0.09999999999999998), (0.0, 0.5), (8.0, 1.0), (-3.0, 0.0)],
        );
        check_float(
            "HardSigmoid",
            6,
            &Attributes::new().with("alpha", Attribute::Float(0.5)).with("beta", Attribute::Float(0.25)),
            &[(1.0, 0.75), (-2.0, 0.0)],
        );
    }
}
