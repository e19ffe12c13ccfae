//! [OneHot](https://onnx.ai/onnx/operators/onnx__OneHot.html): indices as vectors that are on in one place.

use super::{
    flow,
    select::{around, select},
};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Number, with_number},
    operator::axis_index,
    tensor::check_elements,
};
use std::sync::Arc;

/// Puts a new axis of extent `depth` (input 1) in; input 2 holds the off and the on value. Indices in `-depth..depth` are
/// on where they point (from the end when negative), others nowhere. Indices that are floats truncate.
#[derive(Debug)]
pub struct OneHot {
    /// Where the new axis goes, `-rank - 1..=rank`.
    pub axis: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(OneHot { axis: node.attributes.int_or("axis", -1)? }))
}

fn integers(t: &Tensor) -> Result<Vec<i64>> {
    let t = t.widen()?;
    with_number!(t.dtype(), T => Ok(t.as_slice::<T>()?.iter().map(|v| v.to_i64()).collect()))
}

fn depth(t: &Tensor) -> Result<usize> {
    match integers(t)?.as_slice() {
        [d] => usize::try_from(*d).map_err(|_| Error::invalid(format!("input 1: a depth of {d}"))),
        other => Err(Error::invalid(format!("input 1 has {} elements, one depth is expected", other.len()))),
    }
}

impl Operator for OneHot {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(2)?;
        let shape = match inputs.shape(0)? {
            Some(s) => {
                let mut s = s.to_vec();
                let extent = match inputs.value(1) {
                    Some(t) => Dim::Known(depth(t)?),
                    None => Dim::Unknown,
                };
                s.insert(axis_index(self.axis, s.len() + 1)?, extent);
                Some(s)
            }
            None => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (indices, values) = (inputs.tensor(0)?, inputs.tensor(2)?);
        if values.len() != 2 {
            return Err(Error::invalid(format!("input 2 has {} elements, off and on are expected", values.len())));
        }
        let depth = depth(inputs.tensor(1)?)?;
        let axis = axis_index(self.axis, indices.rank() + 1)?;
        let mut shape = indices.shape().to_vec();
        shape.insert(axis, depth);
        let count = check_elements(&shape, Limits::default().elements)?;
        let at = integers(indices)?;
        let (_, _, inner) = around(&shape, axis);
        let n = i64::try_from(depth).unwrap_or(i64::MAX);
        let on = |i: usize| {
            let (o, d, k) = (i / (depth * inner), i / inner % depth, i % inner);
            let index = at[o * inner + k];
            usize::from((if index < 0 { index.saturating_add(n) } else { index }) == d as i64)
        };
        Ok(vec![select(values, shape, (0..count).map(on))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let axis = axis_index(self.axis, inputs.get(0)?.shape()?.len() + 1).ok()?;
            Some(if a < axis { a } else { a + 1 })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, family::movement::trial::*};

    #[test]
    fn on_in_one_place() {
        let values = f32s(&[2], &[2.0, 5.0]);
        let go = |axis: i64, indices: Tensor, depth: Tensor| {
            run("OneHot", 11, &[("axis", Attribute::Int(axis))], &[indices, depth, values.clone()])
        };
        let d = Tensor::scalar(3i64);
        let got = go(-1, i64s(&[2], &[-1, 0]), d.clone()).unwrap();
        assert_eq!(got, f32s(&[2, 3], &[2.0, 2.0, 5.0, 5.0, 2.0, 2.0]));
        let got = go(0, f32s(&[2], &[1.0, 7.0]), f32s(&[1], &[3.0])).unwrap();
        assert_eq!(got, f32s(&[3, 2], &[2.0, 2.0, 5.0, 2.0, 2.0, 2.0]));
        assert!(go(2, i64s(&[2], &[0, 0]), d).is_err());
        assert!(go(0, i64s(&[2], &[0, 0]), Tensor::scalar(-3i64)).is_err());
        assert!(go(0, i64s(&[2], &[0, 0]), Tensor::scalar(i64::MAX)).is_err());
    }
}
