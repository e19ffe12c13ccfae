//! [Asin](https://onnx.ai/onnx/operators/onnx__Asin.html): the angle with this sine.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `asin(x)`, element by element; NaN beyond -1..=1.
#[derive(Debug)]
pub struct Asin;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Asin))
}

impl Elementwise for Asin {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::rounded(libm::asin), libm::asin)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Asin",
            22,
            &Attributes::new(),
            &[(0.5, 0.5235987755982989), (-1.0, -1.5707963267948966), (1.5, f64::NAN)],
        );
    }
}
