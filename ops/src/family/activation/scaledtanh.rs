//! [ScaledTanh](https://github.com/onnx/onnx/blob/v1.3.0/docs/Operators.md#ScaledTanh): a hyperbolic tangent of any height
//! and slope; an experiment of operator sets 1 to 9 that exported files hold.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `alpha tanh(beta x)`, each operation rounded.
#[derive(Debug)]
pub struct ScaledTanh {
    /// The factor of the tangent.
    pub alpha: f32,
    /// The factor of the input.
    pub beta: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    // The specification gives them no defaults.
    let factor = |name| node.attributes.required(name, crate::Attributes::float);
    Ok(Arc::new(ScaledTanh { alpha: factor("alpha")?, beta: factor("beta")? }))
}

impl Elementwise for ScaledTanh {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        map_float(inputs[0], |x| self.alpha * transcendental::tanh_f32(self.beta * x), |x| alpha * libm::tanh(beta * x))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes,
        family::math::elementwise::testing::{check_float, floats, run},
    };

    #[test]
    fn points_and_no_defaults() {
        let factors = Attributes::new().with("alpha", Attribute::Float(2.0)).with("beta", Attribute::Float(0.5));
        // 2 tanh(1) and 2 tanh(-0.5).
        check_float("ScaledTanh", 1, &factors, &[(2.0, 1.523_188_311_9), (-1.0, -0.924_234_314_5), (0.0, 0.0)]);
        assert!(run("ScaledTanh", 1, &[&floats(&[1], &[1.0])]).is_err(), "no factors");
    }
}
