//! [SwiGLU](https://onnx.ai/onnx/operators/onnx__SwiGLU.html): a value times the swish of its gate.

use crate::{
    DType, Error, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::elementwise::{Elementwise, map_float, same_float},
    numeric::{Number, transcendental, with_float},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `A sigmoid(alpha A) B` of two inputs of one shape; the swish rounds to the type before the product.
#[derive(Debug)]
pub struct SwiGlu {
    /// The steepness of the logistic function.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(SwiGlu { alpha: node.attributes.float_or("alpha", 1.0)? }))
}

impl Elementwise for SwiGlu {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_float(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        if a.shape() != b.shape() {
            let (a, b) = (a.shape(), b.shape());
            return Err(Error::invalid(format!("the gate's shape {a:?} is not the value's, {b:?}")));
        }
        let alpha = self.alpha;
        let gate = map_float(
            a,
            |x| x * transcendental::sigmoid_f32(alpha * x),
            |x| x * transcendental::sigmoid_f64(f64::from(alpha) * x),
        )?;
        with_float!(b.dtype(), T => broadcast_map::<T, T, T>(&gate, b, Number::mul))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn gates() {
        let (a, b) = (floats(&[2, 1], &[0.0, 100.0]), floats(&[2, 1], &[5.0, -3.0]));
        assert_eq!(run("SwiGLU", 28, &[&a, &b]).unwrap(), floats(&[2, 1], &[0.0, -300.0]));
        let flat = Attributes::new().with("alpha", Attribute::Float(0.0));
        assert_eq!(run_with("SwiGLU", 28, &flat, &[&a, &b]).unwrap(), floats(&[2, 1], &[0.0, -150.0]));
        assert!(run("SwiGLU", 28, &[&a, &floats(&[1], &[1.0])]).is_err(), "no broadcasting");
    }
}
