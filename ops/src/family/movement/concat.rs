//! [Concat](https://onnx.ai/onnx/operators/onnx__Concat.html): tensors joined along an axis.

use super::{flow, select::copy_runs};
use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, operator::axis_index,
};
use std::sync::Arc;

/// Joins the inputs along one axis; the other dimensions are equal.
#[derive(Debug)]
pub struct Concat {
    /// The axis, `-rank..rank`; 1 by default before version 4, always given since.
    pub axis: i64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let axis = match node.attributes.int("axis")? {
        None if node.since < 4 => 1,
        None => return Err(Error::invalid("attribute 'axis' is required and missing")),
        Some(axis) => axis,
    };
    Ok(Arc::new(Concat { axis }))
}

/// Joins tensors along `axis`, in one run for each input and outer index.
pub(crate) fn concat(parts: &[&Tensor], axis: i64) -> Result<Tensor> {
    let first = parts.first().ok_or_else(|| Error::invalid("nothing to join"))?;
    let axis = axis_index(axis, first.rank())?;
    let mut shape = first.shape().to_vec();
    shape[axis] = 0;
    for (i, t) in parts.iter().enumerate() {
        let fits = t.rank() == shape.len() && (0..shape.len()).all(|a| a == axis || t.shape()[a] == shape[a]);
        if !fits {
            return Err(Error::invalid(format!(
                "input {i} of shape {:?} does not join shape {:?} along axis {axis}",
                t.shape(),
                first.shape()
            )));
        }
        shape[axis] = shape[axis].saturating_add(t.shape()[axis]);
    }
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut runs = (0..outer).flat_map(|o| {
        parts.iter().enumerate().flat_map(move |(i, t)| {
            let n = t.shape()[axis];
            (0..n).map(move |j| (i, (o * n + j) * inner))
        })
    });
    copy_runs(parts, shape, inner, &mut runs)
}

impl Operator for Concat {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        let shapes = (0..inputs.len()).map(|i| inputs.shape(i)).collect::<Result<Vec<_>>>()?;
        let Some(rank) = shapes.iter().flatten().map(|s| s.len()).next() else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let axis = axis_index(self.axis, rank)?;
        let mut out = vec![Dim::Unknown; rank];
        let mut total = Some(0usize);
        let mut single = None;
        for (i, shape) in shapes.iter().enumerate() {
            let Some(shape) = shape else {
                total = None;
                continue;
            };
            if shape.len() != rank {
                return Err(Error::invalid(format!("input {i} has rank {} where {rank} is expected", shape.len())));
            }
            for a in (0..rank).filter(|a| *a != axis) {
                out[a] = out[a].unify(&shape[a]).map_err(|e| e.at(format!("input {i}, axis {a}")))?;
            }
            total = total.and_then(|n| n.checked_add(shape[axis].known()?));
            single = Some(shape[axis].clone());
        }
        out[axis] = match (total, single) {
            (Some(n), _) => Dim::Known(n),
            (None, Some(d)) if shapes.len() == 1 => d,
            _ => Dim::Unknown,
        };
        let dims = if rank == 1 {
            (0..inputs.len()).try_fold(Vec::new(), |mut all, i| {
                all.extend(inputs.get(i)?.dims.clone()?);
                Some(all)
            })
        } else {
            None
        };
        Ok(vec![Fact { dims, ..Fact::tensor(dtype, Some(out)) }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let parts = (0..inputs.len()).map(|i| inputs.tensor(i)).collect::<Result<Vec<_>>>()?;
        Ok(vec![concat(&parts, self.axis)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let axis = outputs.first().and_then(Fact::shape).and_then(|s| axis_index(self.axis, s.len()).ok());
        let found = match (flow::shape_only(rows), rows.first()) {
            (Some(r), _) => r,
            (None, Some(Rows::Axis(a))) if axis.is_some_and(|x| x != *a) && rows.iter().all(|r| *r == rows[0]) => {
                rows[0]
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
    use super::*;
    use crate::{Attribute, DType, family::movement::trial::*};

    #[test]
    fn joins_along_every_axis_numbers_and_strings() {
        let (a, b) = (i64s(&[2, 1], &[1, 2]), i64s(&[2, 2], &[3, 4, 5, 6]));
        let axis = |a| [("axis", Attribute::Int(a))];
        let got = run("Concat", 13, &axis(-1), &[a.clone(), b.clone()]).unwrap();
        assert_eq!(got, i64s(&[2, 3], &[1, 3, 4, 2, 5, 6]));
        assert!(run("Concat", 13, &axis(0), &[a.clone(), b.clone()]).is_err());
        assert!(run("Concat", 13, &axis(2), &[a.clone(), a.clone()]).is_err());
        assert!(run("Concat", 13, &axis(0), &[a.clone(), f32s(&[1, 1], &[0.0])]).is_err());
        assert!(run("Concat", 13, &[], &[a.clone()]).is_err());
        assert_eq!(run("Concat", 3, &[], &[a.clone(), b.clone()]).unwrap().shape(), [2, 3], "the second axis");
        let got = run("Concat", 13, &axis(0), &[b, i64s(&[0, 2], &[]), i64s(&[1, 2], &[7, 8])]).unwrap();
        assert_eq!(got, i64s(&[3, 2], &[3, 4, 5, 6, 7, 8]));
        let s = |v: &[&str]| Tensor::from_string_iter([v.len()], v).unwrap();
        assert_eq!(run("Concat", 13, &axis(0), &[s(&["a"]), s(&["b", "c"])]).unwrap(), s(&["a", "b", "c"]));
    }

    #[test]
    fn dimensions_and_rows_are_carried() {
        let dims = |d: Vec<Dim>| Fact { dims: Some(d.clone()), ..Fact::shaped(DType::I64, [d.len()]) };
        let inputs = [dims(vec![Dim::symbol("N")]), Fact::constant(i64s(&[1], &[12]))];
        let out = infer("Concat", 13, &[("axis", Attribute::Int(0))], &inputs).unwrap();
        assert_eq!(out[0].dims, Some(vec![Dim::symbol("N"), Dim::Known(12)]));
        let out = [Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Known(5)])];
        let rows = |axis, r: &[Rows]| Concat { axis }.rows(r, Facts(&[None, None]), &out)[0];
        assert_eq!(rows(1, &[Rows::Axis(0), Rows::Axis(0)]), Rows::Axis(0));
        assert_eq!(rows(0, &[Rows::Axis(0), Rows::Axis(0)]), Rows::Mixed);
        assert_eq!(rows(1, &[Rows::Axis(0), Rows::Free]), Rows::Mixed);
        assert_eq!(rows(0, &[Rows::Extent, Rows::Free]), Rows::Extent);
    }
}
