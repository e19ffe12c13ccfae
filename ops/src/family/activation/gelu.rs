//! [Gelu](https://onnx.ai/onnx/operators/onnx__Gelu.html): an element times the normal distribution's share below it.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `x (1 + erf(x / sqrt 2)) / 2`, or its approximation `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`.
#[derive(Debug)]
pub struct Gelu {
    /// Whether the approximation by the hyperbolic tangent is meant.
    pub tanh: bool,
}

const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

/// The exact function of one `f32`, in this order of operations; kernels call it too.
#[inline(always)]
pub fn gelu_f32(x: f32) -> f32 {
    0.5 * x * (1.0 + transcendental::erf_f32(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The approximation of one `f32`, in this order of operations; kernels call it too.
#[inline(always)]
pub fn gelu_tanh_f32(x: f32) -> f32 {
    let cubic = (0.044_715 * x * x).mul_add(x, x);
    0.5 * x * (1.0 + transcendental::tanh_f32(SQRT_2_OVER_PI as f32 * cubic))
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let tanh = match node.attributes.string_or("approximate", "none".into())?.as_str() {
        "none" => false,
        "tanh" => true,
        other => {
            return Err(crate::Error::invalid(format!("attribute 'approximate' is '{other}', not none or tanh")));
        }
    };
    Ok(Arc::new(Gelu { tanh }))
}

impl Elementwise for Gelu {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], if self.tanh { gelu_tanh_f32 } else { gelu_f32 }, |x| {
            let inner = if self.tanh {
                libm::tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))
            } else {
                libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)
            };
            0.5 * x * (1.0 + inner)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points_with_and_without_attributes() {
        check_float(
            "Gelu",
            20,
            &Attributes::new(),
            &[(1.5, 1.399789198096713), (-1.0, -0.15865525393145707), (0.0, 0.0), (0.25, 0.14967658142073093)],
        );
        let tanh = Attributes::new().with("approximate", Attribute::String("tanh".into()));
        check_float(
            "Gelu",
            20,
            &tanh,
            &[(1.5, 1.3995715769802328), (-1.0, -0.15880800939172324), (0.0, 0.0), (0.25, 0.149675350701685)],
        );
        let other = Attributes::new().with("approximate", Attribute::String("sigmoid".into()));
        assert!(crate::family::math::elementwise::testing::parse("Gelu", 20, &other, 1, 1).is_err());
    }
}
