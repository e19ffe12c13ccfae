//! [HardSwish](https://onnx.ai/onnx/operators/onnx__HardSwish.html): a piecewise swish.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `x max(0, min(1, x / 6 + 1/2))`, element by element.
#[derive(Debug)]
pub struct HardSwish;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(HardSwish))
}

impl Elementwise for HardSwish {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0), |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "HardSwish",
            22,
            &Attributes::new(),
            &[(1.0, 0.6666666666666666), (-4.0, 0.0), (8.0, 8.0), (-1.5, -0.375)],
        );
    }
}
