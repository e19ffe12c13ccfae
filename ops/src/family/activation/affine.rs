//! [Affine](https://github.com/onnx/onnx/blob/v1.3.0/docs/Operators.md#Affine): a straight line; an experiment of operator
//! sets 1 to 9 that exported files hold.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `alpha x + beta`, each operation rounded.
#[derive(Debug)]
pub struct Affine {
    /// The slope.
    pub alpha: f32,
    /// The value at 0.
    pub beta: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    Ok(Arc::new(Affine { alpha: a.float_or("alpha", 1.0)?, beta: a.float_or("beta", 0.0)? }))
}

/// [Scale](https://github.com/onnx/onnx/blob/v1.3.0/docs/Operators.md#Scale): the slope alone.
pub(super) fn parse_scale(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    // Adding -0 changes no number, not even the sign of a zero.
    Ok(Arc::new(Affine { alpha: node.attributes.float_or("scale", 1.0)?, beta: -0.0 }))
}

impl Elementwise for Affine {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        map_float(inputs[0], |x| self.alpha * x + self.beta, |x| alpha * x + beta)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes,
        family::math::elementwise::testing::{check_float, floats, run_with},
    };

    #[test]
    fn points_with_and_without_attributes() {
        check_float("Affine", 1, &Attributes::new(), &[(1.5, 1.5), (-2.0, -2.0)]);
        let line = Attributes::new().with("alpha", Attribute::Float(2.0)).with("beta", Attribute::Float(-1.0));
        check_float("Affine", 1, &line, &[(1.5, 2.0), (-2.0, -5.0)]);
        check_float("Scale", 1, &Attributes::new(), &[(1.5, 1.5)]);
        let scale = Attributes::new().with("scale", Attribute::Float(0.25));
        check_float("Scale", 1, &scale, &[(2.0, 0.5), (-1.0, -0.25)]);
        let zero = run_with("Scale", 1, &scale, &[&floats(&[1], &[-0.0])]).unwrap();
        assert!(zero.as_slice::<f32>().unwrap()[0].is_sign_negative(), "the sign of a zero stays");
    }
}
