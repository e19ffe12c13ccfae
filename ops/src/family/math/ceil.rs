//! [Ceil](https://onnx.ai/onnx/operators/onnx__Ceil.html): the least integer that is not below.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// Rounds up, element by element; integers, infinities and NaN stay.
#[derive(Debug)]
pub struct Ceil;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Ceil))
}

impl Elementwise for Ceil {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], f32::ceil, f64::ceil)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Ceil",
            13,
            &Attributes::new(),
            &[(1.25, 2.0), (-1.5, -1.0), (3.0, 3.0), (f32::NEG_INFINITY, f64::NEG_INFINITY)],
        );
    }
}
