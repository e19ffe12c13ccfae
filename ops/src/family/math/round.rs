//! [Round](https://onnx.ai/onnx/operators/onnx__Round.html): the nearest integer, halves to the even one.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// Rounds to the nearest integer, halves to the even one.
#[derive(Debug)]
pub struct Round;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Round))
}

impl Elementwise for Round {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], f32::round_ties_even, f64::round_ties_even)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Round",
            22,
            &Attributes::new(),
            &[(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-1.5, -2.0), (-2.75, -3.0), (f32::INFINITY, f64::INFINITY)],
        );
    }
}
