//! [ParametricSoftplus](https://github.com/onnx/onnx/blob/v1.3.0/docs/Operators.md#ParametricSoftplus): a smooth ramp of
//! any height and slope; an experiment of operator sets 1 to 9 that exported files hold.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `alpha ln(1 + e^(beta x))`, the logarithm as in [`Softplus`](super::Softplus), each operation rounded.
#[derive(Debug)]
pub struct ParametricSoftplus {
    /// The factor of the ramp.
    pub alpha: f32,
    /// The factor of the input.
    pub beta: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    // The specification gives them no defaults.
    let factor = |name| node.attributes.required(name, crate::Attributes::float);
    Ok(Arc::new(ParametricSoftplus { alpha: factor("alpha")?, beta: factor("beta")? }))
}

impl Elementwise for ParametricSoftplus {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        map_float(
            inputs[0],
            |x| self.alpha * transcendental::softplus_f32(self.beta * x),
            |x| alpha * transcendental::softplus_f64(beta * x),
        )
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
        // 2 ln(e + 1) and 2 ln(2); far out the line of slope 1.
        check_float("ParametricSoftplus", 1, &factors, &[(2.0, 2.626_523_375_4), (0.0, 1.386_294_361_1), (2e4, 2e4)]);
        assert!(run("ParametricSoftplus", 1, &[&floats(&[1], &[1.0])]).is_err(), "no factors");
    }
}
