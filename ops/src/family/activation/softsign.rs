//! [Softsign](https://onnx.ai/onnx/operators/onnx__Softsign.html): a rational step.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `x / (1 + |x|)`, element by element.
#[derive(Debug)]
pub struct Softsign;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Softsign))
}

impl Elementwise for Softsign {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], |x| x / (1.0 + x.abs()), |x| x / (1.0 + x.abs()))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float("Softsign", 22, &Attributes::new(), &[(0.5, 0.3333333333333333), (-4.0, -0.8), (0.0, 0.0)]);
    }
}
