//! [GatherND](https://onnx.ai/onnx/operators/onnx__GatherND.html): slices picked by tuples of indices.

use super::{
    flow,
    select::{copy_runs, strides, wrap_index},
};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// The last dimension of the indices holds tuples that address the data behind its batch dimensions.
#[derive(Debug)]
pub struct GatherND {
    /// The number of leading dimensions that data and indices share.
    pub batch_dims: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let n = node.attributes.int_or("batch_dims", 0)?;
    let batch_dims = usize::try_from(n).map_err(|_| Error::invalid(format!("attribute 'batch_dims' is {n}")))?;
    Ok(Arc::new(GatherND { batch_dims }))
}

/// The flat index of the slice of `data` that each tuple (of `k` indices) addresses, behind `batch` leading dimensions
/// that take `batches` of the tuples in turn.
pub(super) fn slices(data: &[usize], tuples: &[i64], k: usize, batch: usize) -> Result<Vec<usize>> {
    let steps = strides(data);
    let batches: usize = data[..batch].iter().product();
    let each = tuples.len().checked_div(k * batches).unwrap_or(0);
    let whole: usize = data[batch..].iter().product();
    let mut out = Vec::with_capacity(batches * each);
    for (i, tuple) in tuples.chunks_exact(k.max(1)).enumerate() {
        let mut at = i / each.max(1) * whole;
        for (a, index) in tuple.iter().enumerate() {
            at += wrap_index(*index, data[batch + a]).map_err(|e| e.at("input 1"))? * steps[batch + a];
        }
        out.push(at);
    }
    Ok(out)
}

impl GatherND {
    fn check(&self, data: usize, indices: usize, k: Option<usize>) -> Result<()> {
        let b = self.batch_dims;
        if b >= data.min(indices) || k.is_some_and(|k| k == 0 || k > data - b) {
            return Err(Error::invalid(format!(
                "tuples of {k:?} with {b} batch dimensions for ranks {data} and {indices}"
            )));
        }
        Ok(())
    }
}

impl Operator for GatherND {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "an integer", crate::DType::is_integer)?;
        let shape = match (inputs.shape(0)?, inputs.shape(1)?) {
            (Some(data), Some([lead @ .., last])) => {
                self.check(data.len(), lead.len() + 1, last.known())?;
                last.known().map(|k| [lead, &data[self.batch_dims + k..]].concat())
            }
            _ => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (data, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let b = self.batch_dims;
        let [lead @ .., k] = indices.shape() else { return Err(Error::invalid("input 1 is a scalar")) };
        self.check(data.rank(), indices.rank(), Some(*k))?;
        if data.shape()[..b] != indices.shape()[..b] {
            return Err(Error::invalid(format!("batch dimensions {:?} and {:?}", &data.shape()[..b], &lead[..b])));
        }
        let rest = &data.shape()[b + k..];
        let starts = slices(data.shape(), &indices.to_i64_vec()?, *k, b)?;
        let run = rest.iter().product();
        Ok(vec![copy_runs(&[data], [lead, rest].concat(), run, starts.into_iter().map(|s| (0, s)))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = inputs.get(1).and_then(Fact::shape).map(<[Dim]>::len);
        let found = match (flow::shape_only(rows), rows, rank) {
            (Some(r), ..) => r,
            (None, [Rows::Axis(a), Rows::Axis(b)], _) if a == b && *a < self.batch_dims => Rows::Axis(*a),
            (None, [Rows::Free, Rows::Axis(a)], Some(q)) if *a >= self.batch_dims && a + 1 < q => Rows::Axis(*a),
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
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn examples_of_the_specification() {
        let square = i64s(&[2, 2], &[0, 1, 2, 3]);
        let cube = i64s(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
        for (data, indices, batch, expected) in [
            (&square, i64s(&[2, 2], &[0, 0, 1, 1]), 0, Some(i64s(&[2], &[0, 3]))),
            (&square, i64s(&[2, 1], &[1, 0]), 0, Some(i64s(&[2, 2], &[2, 3, 0, 1]))),
            (&cube, i64s(&[2, 2], &[0, 1, 1, 0]), 0, Some(i64s(&[2, 2], &[2, 3, 4, 5]))),
            (&cube, i64s(&[2, 1, 2], &[0, 1, -1, 0]), 0, Some(i64s(&[2, 1, 2], &[2, 3, 4, 5]))),
            (&cube, i64s(&[2, 1], &[1, 0]), 1, Some(i64s(&[2, 2], &[2, 3, 4, 5]))),
            (&square, i64s(&[1, 3], &[0, 0, 0]), 0, None),
            (&square, i64s(&[1, 1], &[2]), 0, None),
            (&square, i64s(&[2, 1], &[0, 0]), 2, None),
        ] {
            let got = run("GatherND", 13, &[("batch_dims", Attribute::Int(batch))], &[data.clone(), indices]);
            assert_eq!(got.ok(), expected);
        }
    }
}
