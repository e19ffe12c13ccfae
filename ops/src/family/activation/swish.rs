//! [Swish](https://onnx.ai/onnx/operators/onnx__Swish.html): an element times its logistic function.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `x sigmoid(alpha x)`, element by element.
#[derive(Debug)]
pub struct Swish {
    /// The steepness of the logistic function.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Swish { alpha: node.attributes.float_or("alpha", 1.0)? }))
}

impl Elementwise for Swish {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| x * transcendental::sigmoid_f32(self.alpha * x),
            |x| x * transcendental::sigmoid_f64(f64::from(self.alpha) * x),
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "Swish",
            28,
            &Attributes::new(),
            &[(1.5, 1.2263617142904655), (-2.0, -0.2384058440442351), (0.0, 0.0), (0.5, 0.3112296656009273)],
        );
        check_float(
            "Swish",
            28,
            &Attributes::new().with("alpha", Attribute::Float(0.25)),
            &[(1.5, 0.8889998999311045), (-2.0, -0.7550813375962908), (0.0, 0.0), (0.5, 0.26560468668687814)],
        );
    }
}
