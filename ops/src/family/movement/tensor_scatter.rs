//! [TensorScatter](https://onnx.ai/onnx/operators/onnx__TensorScatter.html): a key-value cache with new entries written in.

use super::select::copy_runs;
use crate::{Error, Fact, Inputs, Missing, Node, Operator, Result, Value, fact::Facts, operator::axis_index};
use std::sync::Arc;

/// Writes input 1 into input 0 along an axis, from the index that input 2 gives each batch (0 without it).
#[derive(Debug)]
pub struct TensorScatter {
    /// The axis of positions, `-rank..rank`; not the first.
    pub axis: i64,
    /// Whether indices wrap around the end instead of having to fit.
    pub circular: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let circular = match node.attributes.string_or("mode", "linear".into())?.as_str() {
        "linear" => false,
        "circular" => true,
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'; linear or circular"))),
    };
    Ok(Arc::new(TensorScatter { axis: node.attributes.int_or("axis", -2)?, circular }))
}

impl Operator for TensorScatter {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, &dtype.to_string(), |d| d == dtype)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (past, update) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let shape = past.shape();
        let axis = axis_index(self.axis, shape.len())?;
        let fits = update.rank() == shape.len() && (0..shape.len()).all(|a| a == axis || update.shape()[a] == shape[a]);
        if axis == 0 || !fits || update.shape()[axis] > shape[axis] {
            return Err(Error::invalid(format!(
                "an update of shape {:?} does not go into a cache of shape {shape:?} along axis {axis}",
                update.shape()
            )));
        }
        let starts = inputs.ints(2)?.unwrap_or_else(|| vec![0; shape[0]]);
        if starts.len() != shape[0] {
            return Err(Error::invalid(format!("{} write indices for {} batches", starts.len(), shape[0])));
        }
        let (most, new) = (shape[axis], update.shape()[axis]);
        let outer: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let each = outer.checked_div(shape[0]).unwrap_or(0).max(1);
        let mut from: Vec<(usize, usize)> = (0..outer * most).map(|i| (0, i * inner)).collect();
        for o in 0..outer {
            let start = usize::try_from(starts[o / each]).ok().filter(|s| self.circular || s + new <= most);
            let start =
                start.ok_or_else(|| Error::invalid(format!("{new} entries do not fit at {}", starts[o / each])))?;
            for i in 0..new {
                from[o * most + (start % most.max(1) + i) % most] = (1, (o * new + i) * inner);
            }
        }
        Ok(vec![copy_runs(&[past, update], shape, inner, from.into_iter())?.into()])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn writes_linear_and_circular() {
        let past = i64s(&[2, 3, 1], &[1, 2, 3, 4, 5, 6]);
        let update = i64s(&[2, 2, 1], &[10, 20, 30, 40]);
        let at = |v: &[i64]| i64s(&[2], v);
        let got = run("TensorScatter", 24, &[], &[past.clone(), update.clone(), at(&[1, 0])]).unwrap();
        assert_eq!(got, i64s(&[2, 3, 1], &[1, 10, 20, 30, 40, 6]));
        let mode = [("mode", Attribute::String("circular".into()))];
        let got = run("TensorScatter", 24, &mode, &[past.clone(), update.clone(), at(&[2, 4])]).unwrap();
        assert_eq!(got, i64s(&[2, 3, 1], &[20, 2, 10, 4, 30, 40]));
        assert!(run("TensorScatter", 24, &[], &[past.clone(), update.clone(), at(&[2, 0])]).is_err());
        assert!(run("TensorScatter", 24, &[("axis", Attribute::Int(0))], &[past, update]).is_err());
    }
}
