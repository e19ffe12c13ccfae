//! [Exp](https://onnx.ai/onnx/operators/onnx__Exp.html): the exponential of each element.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `e^x`, element by element, at most 1 ulp off in `f32`.
#[derive(Debug)]
pub struct Exp;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Exp))
}

impl Elementwise for Exp {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::exp_f32, transcendental::exp_f64)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Exp",
            13,
            &Attributes::new(),
            &[(0.5, 1.6487212707001282), (-2.0, 0.1353352832366127), (0.0, 1.0), (f32::NEG_INFINITY, 0.0)],
        );
    }
}
