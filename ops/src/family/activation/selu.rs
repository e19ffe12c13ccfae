//! [Selu](https://onnx.ai/onnx/operators/onnx__Selu.html): a scaled ramp with an exponential foot.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `gamma x` where it is positive, else `gamma alpha (e^x - 1)`.
#[derive(Debug)]
pub struct Selu {
    /// How far the foot goes below zero, before scaling.
    pub alpha: f32,
    /// The scale.
    pub gamma: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    // The first version's defaults have fewer digits.
    let (alpha, gamma) = if node.since < 6 { (1.6732, 1.0507) } else { (1.673_263_2, 1.050_701) };
    Ok(Arc::new(Selu {
        alpha: node.attributes.float_or("alpha", alpha)?,
        gamma: node.attributes.float_or("gamma", gamma)?,
    }))
}

impl Elementwise for Selu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(
            inputs[0],
            |x| self.gamma * if x > 0.0 { x } else { self.alpha * transcendental::expm1_f32(x) },
            |x| f64::from(self.gamma) * if x > 0.0 { x } else { f64::from(self.alpha) * libm::expm1(x) },
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "Selu",
            22,
            &Attributes::new(),
            &[(1.5, 1.5760515332221985), (-2.0, -1.5201664733475926), (0.0, 0.0)],
        );
        check_float(
            "Selu",
            6,
            &Attributes::new().with("alpha", Attribute::Float(2.0)).with("gamma", Attribute::Float(3.0)),
            &[(1.5, 4.5), (-2.0, -5.187988300580324)],
        );
        // 1.0507 x, and 1.0507 * 1.6732 (e^-2 - 1), by the first version's defaults.
        check_float("Selu", 5, &Attributes::new(), &[(1.0, 1.0507), (-2.0, -1.520_107_584_2)]);
    }
}
