//! [SplitToSequence](https://onnx.ai/onnx/operators/onnx__SplitToSequence.html): a tensor cut into a sequence.

use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Type, Value,
    fact::Facts,
    family::movement::{cut, select::size_of},
    operator::axis_index,
};
use std::sync::Arc;

/// Cuts along an axis into parts of one size (a scalar in input 1; the last may be smaller) or of the sizes listed there.
#[derive(Debug)]
pub struct SplitToSequence {
    /// The axis, `-rank..rank`.
    pub axis: i64,
    /// Whether the axis stays when input 1 is not given and every part has extent 1.
    pub keep_dims: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(SplitToSequence {
        axis: node.attributes.int_or("axis", 0)?,
        keep_dims: node.attributes.flag_or("keepdims", true)?,
    }))
}

impl Operator for SplitToSequence {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let whole = inputs.get(1).is_none();
        let shape = match inputs.shape(0)? {
            Some(s) => {
                let axis = axis_index(self.axis, s.len())?;
                let mut s = s.to_vec();
                s[axis] = if whole { Dim::Known(1) } else { Dim::Unknown };
                if whole && !self.keep_dims {
                    s.remove(axis);
                }
                Some(s)
            }
            None => None,
        };
        Ok(vec![Fact::of(Type::Sequence(Box::new(Type::Tensor { dtype, shape })))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let axis = axis_index(self.axis, x.rank())?;
        let extent = x.shape()[axis];
        let split = inputs.optional_tensor(1)?;
        let sizes = match split {
            Some(t) if t.rank() > 0 => t.to_i64_vec()?.into_iter().map(size_of).collect::<Result<Vec<_>>>()?,
            other => {
                let size = other.map(Tensor::to_i64_vec).transpose()?.and_then(|v| v.first().copied()).unwrap_or(1);
                let size = usize::try_from(size).ok().filter(|s| *s > 0);
                let size = size.ok_or_else(|| Error::invalid("input 1: parts have at least one element"))?;
                (0..extent.div_ceil(size)).map(|i| (extent - i * size).min(size)).collect()
            }
        };
        if sizes.iter().try_fold(0usize, |n, s| n.checked_add(*s)) != Some(extent) {
            return Err(Error::invalid(format!("parts of {sizes:?} do not make up {extent}")));
        }
        let mut parts = cut(x, axis, &sizes)?;
        if split.is_none() && !self.keep_dims {
            let mut shape = x.shape().to_vec();
            shape.remove(axis);
            parts = parts.iter().map(|t| t.reshape(shape.clone())).collect::<Result<_>>()?;
        }
        Ok(vec![Value::Sequence(parts.into_iter().map(Value::Tensor).collect())])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Tensor, Value, family::movement::trial::*};

    #[test]
    fn cuts_by_scalar_list_and_default() {
        let x = i64s(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let go = |split: Option<Tensor>, keep: i64| {
            let inputs = [Some(x.clone().into()), split.map(Value::Tensor)];
            run_values(
                "SplitToSequence",
                11,
                &[("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(keep))],
                &inputs,
                1,
            )
        };
        let s = |v: Vec<Tensor>| vec![Value::Sequence(v.into_iter().map(Value::Tensor).collect())];
        let halves = s(vec![i64s(&[2, 2], &[1, 2, 4, 5]), i64s(&[2, 1], &[3, 6])]);
        assert_eq!(go(Some(Tensor::scalar(2i64)), 0).unwrap(), halves);
        assert_eq!(go(Some(i64s(&[2], &[2, 1])), 1).unwrap(), halves);
        let columns = s(vec![i64s(&[2], &[1, 4]), i64s(&[2], &[2, 5]), i64s(&[2], &[3, 6])]);
        assert_eq!(go(None, 0).unwrap(), columns);
        assert!(go(Some(Tensor::scalar(0i64)), 0).is_err());
        assert!(go(Some(i64s(&[2], &[2, 2])), 1).is_err());
    }
}
