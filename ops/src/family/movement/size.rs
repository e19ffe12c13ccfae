//! [Size](https://onnx.ai/onnx/operators/onnx__Size.html): the number of elements of a tensor.

use super::shape::dims_fact;
use crate::{Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// The number of elements as a 64-bit integer of rank 0.
#[derive(Debug)]
pub struct Size;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Size))
}

impl Operator for Size {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype(0)?;
        let count = inputs.required(0)?.known_shape().and_then(|s| crate::tensor::element_count(&s).ok());
        Ok(vec![dims_fact(vec![count.map_or(Dim::Unknown, Dim::Known)], Vec::new())?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![Tensor::scalar(inputs.tensor(0)?.len() as i64).into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let found = match rows.first() {
            Some(Rows::Free) => Rows::Free,
            Some(Rows::Axis(_) | Rows::Extent) => Rows::Extent,
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{DType, Tensor, family::movement::trial::*};

    #[test]
    fn counts() {
        for (shape, count) in [(&[2usize, 3][..], 6i64), (&[], 1), (&[4, 0], 0)] {
            let x = Tensor::zeros(DType::Bool, shape).unwrap();
            assert_eq!(run("Size", 13, &[], &[x]).unwrap(), Tensor::scalar(count));
        }
    }
}
