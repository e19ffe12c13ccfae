//! [Sqrt](https://onnx.ai/onnx/operators/onnx__Sqrt.html): the square root of each element.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// `sqrt(x)`, element by element, correctly rounded; NaN below 0.
#[derive(Debug)]
pub struct Sqrt;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Sqrt))
}

impl Elementwise for Sqrt {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], f32::sqrt, f64::sqrt)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float("Sqrt", 13, &Attributes::new(), &[(2.0, 1.4142135623730951), (0.25, 0.5), (-1.0, f64::NAN)]);
    }
}
