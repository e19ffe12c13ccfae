//! [IsInf](https://onnx.ai/onnx/operators/onnx__IsInf.html): which elements are infinite.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, any_float, map_each},
    numeric::{Number, with_float},
};
use std::sync::Arc;

/// Whether each element is infinite, as a boolean.
#[derive(Debug)]
pub struct IsInf {
    /// Whether negative infinity counts.
    pub negative: bool,
    /// Whether positive infinity counts.
    pub positive: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let negative = node.attributes.flag_or("detect_negative", true)?;
    Ok(Arc::new(IsInf { negative, positive: node.attributes.flag_or("detect_positive", true)? }))
}

impl Elementwise for IsInf {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        any_float(inputs).map(|_| DType::Bool)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_float!(inputs[0].dtype(), T => map_each::<T, bool>(inputs[0], |v| {
            self.positive && v == T::GREATEST || self.negative && v == T::LEAST
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn signs_can_be_left_out() {
        let x = floats(&[2, 2], &[f32::NAN, f32::MAX, f32::INFINITY, -f32::INFINITY]);
        let without = |name: &str| Attributes::new().with(name, Attribute::Int(0));
        for (attributes, want) in [
            (Attributes::new(), [false, false, true, true]),
            (without("detect_negative"), [false, false, true, false]),
            (without("detect_positive"), [false, false, false, true]),
        ] {
            let got = run_with("IsInf", 10, &attributes, &[&x]).unwrap();
            assert_eq!(got.as_slice::<bool>().unwrap(), want, "{attributes:?}");
        }
        assert!(run("IsInf", 20, &[&Tensor::scalar(1i32)]).is_err());
    }
}
