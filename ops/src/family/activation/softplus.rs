//! [Softplus](https://onnx.ai/onnx/operators/onnx__Softplus.html): a smooth ramp.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::transcendental,
};
use std::sync::Arc;

/// `ln(1 + e^x)`, element by element, as `max(x, 0) + ln(1 + e^-|x|)`.
#[derive(Debug)]
pub struct Softplus;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Softplus))
}

impl Elementwise for Softplus {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_float(inputs[0], transcendental::softplus_f32, transcendental::softplus_f64)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, family::math::elementwise::testing::check_float};

    #[test]
    fn points() {
        check_float(
            "Softplus",
            22,
            &Attributes::new(),
            &[(0.5, 0.9740769841801067), (-4.0, 0.018149927917809738), (0.0, 0.6931471805599453), (200.0, 200.0)],
        );
    }
}
