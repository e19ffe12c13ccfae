//! [Floor](https://onnx.ai/onnx/operators/onnx__Floor.html): the greatest integer that is not above.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
};
use std::sync::Arc;

/// Rounds down, element by element; integers, infinities and NaN stay.
#[derive(Debug)]
pub struct Floor;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Floor))
}

impl Elementwise for Floor {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], f32::floor, f64::floor)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Floor",
            13,
            &Attributes::new(),
            &[(1.25, 1.0), (-1.5, -2.0), (3.0, 3.0), (f32::INFINITY, f64::INFINITY)],
        );
    }
}
