//! [Shrink](https://onnx.ai/onnx/operators/onnx__Shrink.html): small elements to zero, larger ones toward it.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_number},
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// `x + bias` below `-lambd`, `x - bias` above `lambd`, else 0. Integers are computed in double precision and truncate.
#[derive(Debug)]
pub struct Shrink {
    /// What is taken off.
    pub bias: f32,
    /// The width of the middle that becomes 0.
    pub lambd: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let bias = node.attributes.float_or("bias", 0.0)?;
    Ok(Arc::new(Shrink { bias, lambd: node.attributes.float_or("lambd", 0.5)? }))
}

impl Elementwise for Shrink {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (bias, lambd) = (f64::from(self.bias), f64::from(self.lambd));
        with_number!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], |v| {
            let x = v.to_f64();
            T::from_f64(if x < -lambd { x + bias } else if x > lambd { x - bias } else { 0.0 })
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
    fn soft_and_hard() {
        let x = floats(&[2, 3], &[-2.0, -0.5, 0.25, 0.5, 1.0, 2.0]);
        assert_eq!(run("Shrink", 9, &[&x]).unwrap(), floats(&[2, 3], &[-2.0, 0.0, 0.0, 0.0, 1.0, 2.0]));
        let soft = Attributes::new().with("lambd", Attribute::Float(1.5)).with("bias", Attribute::Float(1.5));
        assert_eq!(run_with("Shrink", 9, &soft, &[&x]).unwrap(), floats(&[2, 3], &[-0.5, 0.0, 0.0, 0.0, 0.0, 0.5]));
        let x = Tensor::from_vec([3], vec![-3i32, 1, 4]).unwrap();
        assert_eq!(run_with("Shrink", 9, &soft, &[&x]).unwrap().as_slice::<i32>().unwrap(), [-1, 0, 2]);
        assert!(run("Shrink", 9, &[&Tensor::scalar(true)]).is_err());
    }
}
