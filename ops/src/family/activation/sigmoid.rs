//! [Sigmoid](https://onnx.ai/onnx/operators/onnx__Sigmoid.html): the logistic function.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `1 / (1 + e^-x)`, element by element.
#[derive(Debug)]
pub struct Sigmoid;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Sigmoid))
}

impl Elementwise for Sigmoid {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::sigmoid_f32, transcendental::sigmoid_f64)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Sigmoid",
            13,
            &Attributes::new(),
            &[(0.5, 0.6224593312018546), (-4.0, 0.01798620996209156), (0.0, 0.5), (f32::NEG_INFINITY, 0.0)],
        );
    }
}
