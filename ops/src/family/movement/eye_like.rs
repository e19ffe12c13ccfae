//! [EyeLike](https://onnx.ai/onnx/operators/onnx__EyeLike.html): ones on a diagonal.

use super::{flow, select::select};
use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// A matrix of the input's shape with ones on the diagonal `k` (above the main one when positive).
#[derive(Debug)]
pub struct EyeLike {
    /// The type of the output; the input's without one.
    pub dtype: Option<DType>,
    /// The diagonal.
    pub k: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(EyeLike { dtype: node.attributes.dtype("dtype")?, k: node.attributes.int_or("k", 0)? }))
}

impl Operator for EyeLike {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = self.dtype.unwrap_or(inputs.dtype(0)?);
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let [rows, columns] = x.shape() else {
            return Err(Error::invalid(format!("rank {} where a matrix is expected", x.rank())));
        };
        let pair = Tensor::from_vec([2], vec![false, true])?.cast(self.dtype.unwrap_or(x.dtype()))?;
        let on = |i: usize| {
            i64::try_from(i % columns).ok() == i64::try_from(i / columns).ok().and_then(|r| r.checked_add(self.k))
        };
        Ok(vec![select(&pair, [*rows, *columns], (0..x.len()).map(|i| usize::from(on(i))))?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // Only the shape is read.
        let found = match rows.first() {
            Some(Rows::Axis(_)) => Rows::Extent,
            _ => flow::shape_only(rows).unwrap_or(Rows::Mixed),
        };
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn diagonals() {
        let x = f32s(&[2, 3], &[5.0; 6]);
        for (k, expected) in [
            (0, [1.0f32, 0.0, 0.0, 0.0, 1.0, 0.0]),
            (1, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
            (-1, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
            (i64::MAX, [0.0; 6]),
        ] {
            assert_eq!(run("EyeLike", 9, &[("k", Attribute::Int(k))], &[x.clone()]).unwrap(), f32s(&[2, 3], &expected));
        }
        let got = run("EyeLike", 9, &[("dtype", Attribute::Int(9))], &[i64s(&[1, 2], &[0, 0])]).unwrap();
        assert_eq!(got, Tensor::from_vec([1, 2], vec![true, false]).unwrap());
        assert!(run("EyeLike", 9, &[], &[f32s(&[2], &[0.0; 2])]).is_err());
    }
}
