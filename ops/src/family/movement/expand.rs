//! [Expand](https://onnx.ai/onnx/operators/onnx__Expand.html): a tensor broadcast to a shape.

use super::{flow, select};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Missing, Node, Operator, Result, Rows, Value,
    broadcast::{broadcast_shape, broadcast_strides, for_each_index},
    fact::{Facts, broadcast},
    tensor::check_elements,
};
use std::sync::Arc;

/// Broadcasts input 0 and the shape in input 1 with each other.
#[derive(Debug)]
pub struct Expand;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Expand))
}

/// The dimensions that input `i` tells: known integers, symbols, or at least how many there are.
///
/// # Errors
/// [`Error::Invalid`] when the input is no list of integers, or a size is negative.
pub(super) fn told_shape(inputs: Facts<'_>, i: usize) -> Result<Option<Vec<Dim>>> {
    inputs.dtype_where(i, "an integer", crate::DType::is_integer)?;
    if let Some(rank) = inputs.shape(i)?.map(<[Dim]>::len).filter(|r| *r > 1) {
        return Err(Error::invalid(format!("input {i} has rank {rank} where a list is expected")));
    }
    if let Some(ints) = inputs.ints(i)? {
        let size = |n: i64| {
            usize::try_from(n).map(Dim::Known).map_err(|_| Error::invalid(format!("input {i}: a size of {n}")))
        };
        return ints.into_iter().map(size).collect::<Result<_>>().map(Some);
    }
    let fact = inputs.required(i)?;
    let rank = || Some(vec![Dim::Unknown; fact.shape()?.first()?.known().filter(|r| *r <= 64)?]);
    Ok(fact.dims.clone().or_else(rank))
}

impl Operator for Expand {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match (inputs.shape(0)?, told_shape(inputs, 1)?) {
            (Some(s), Some(t)) => Some(broadcast(s, &t)?),
            _ => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let target = select::list(inputs.tensor(1)?).map_err(|e| e.at("input 1"))?;
        let target = target.into_iter().map(select::size_of).collect::<Result<Vec<_>>>()?;
        let shape = broadcast_shape(x.shape(), &target)?;
        let count = check_elements(&shape, Limits::default().elements)?;
        let mut indices = Vec::new();
        indices.try_reserve_exact(count).map_err(|e| Error::Exhausted(format!("shape {shape:?}: {e}")))?;
        for_each_index(&shape, &[broadcast_strides(x.shape(), &shape)], |[i]| indices.push(i));
        Ok(vec![select::select(x, shape, indices.into_iter())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let shapes = (inputs.get(0).and_then(Fact::shape), outputs.first().and_then(Fact::shape));
        if let ([Rows::Free, Rows::Extent], (Some(from), Some(to))) = (rows, shapes)
            && let Some(axis) = flow::spread(from, to)
        {
            return vec![Rows::Axis(axis); outputs.len()];
        }
        if let Some(r) = flow::shape_only(rows) {
            return vec![r; outputs.len()];
        }
        let told = rows.iter().skip(1).all(|r| matches!(r, Rows::Free | Rows::Extent));
        let found = match (rows.first(), inputs.get(0).and_then(Fact::shape), outputs.first().and_then(Fact::shape)) {
            (Some(Rows::Axis(a)), Some(from), Some(to)) if told && to.len() >= from.len() => {
                let at = a + to.len() - from.len();
                if from[*a] != Dim::Unknown && from[*a] == to[at] { Rows::Axis(at) } else { Rows::Mixed }
            }
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::movement::trial::*};

    #[test]
    fn broadcasts_both_ways_and_within_bounds() {
        let x = i64s(&[2, 1], &[1, 2]);
        let v = |n: &[i64]| i64s(&[n.len()], n);
        assert_eq!(run("Expand", 13, &[], &[x.clone(), v(&[3])]).unwrap(), i64s(&[2, 3], &[1, 1, 1, 2, 2, 2]));
        let got = run("Expand", 13, &[], &[x.clone(), v(&[2, 1, 1])]).unwrap();
        assert_eq!(got, i64s(&[2, 2, 1], &[1, 2, 1, 2]));
        let s = Tensor::from_string_iter([1], ["s"]).unwrap();
        assert_eq!(run("Expand", 13, &[], &[s, v(&[2])]).unwrap(), Tensor::from_string_iter([2], ["s"; 2]).unwrap());
        assert!(run("Expand", 13, &[], &[x.clone(), v(&[3, 1])]).is_err());
        assert!(run("Expand", 13, &[], &[x.clone(), v(&[-1, 1])]).is_err());
        assert!(run("Expand", 13, &[], &[x, v(&[1 << 40, 2, 1 << 40])]).is_err());
    }
}
