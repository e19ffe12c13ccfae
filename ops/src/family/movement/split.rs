//! [Split](https://onnx.ai/onnx/operators/onnx__Split.html): a tensor cut into parts along an axis.

use super::{
    axes::whole,
    flow,
    select::{around, copy_runs, size_of},
};
use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, operator::axis_index,
};
use std::sync::Arc;

/// Cuts along one axis, into parts of given sizes or into equal ones, of which the last may be smaller.
#[derive(Debug)]
pub struct Split {
    /// The axis, `-rank..rank`.
    pub axis: i64,
    /// The sizes as an attribute (before version 13); input 1 since.
    pub sizes: Option<Vec<i64>>,
    /// Whether input 1 may hold the sizes: from version 13, and in the first, where they are of the data's type.
    pub sizes_input: bool,
    /// The number of parts when no sizes are given.
    pub parts: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let parts = match a.int("num_outputs")? {
        Some(n) if node.since >= 18 => usize::try_from(n)
            .ok()
            .filter(|n| (1..=1 << 20).contains(n))
            .ok_or_else(|| Error::invalid(format!("attribute 'num_outputs' is {n}; it is at least 1")))?,
        _ => node.outputs,
    };
    // The first version names no default axis.
    let axis = if node.since < 2 { a.required("axis", crate::Attributes::int)? } else { a.int_or("axis", 0)? };
    let sizes = if node.since < 13 { a.ints("split")? } else { None };
    if node.since < 2 && node.inputs > 1 && sizes.is_some() {
        return Err(Error::invalid("attribute 'split' beside input 1; one of them gives the sizes"));
    }
    Ok(Arc::new(Split { axis, sizes, sizes_input: node.since < 2 && node.inputs > 1 || node.since >= 13, parts }))
}

impl Split {
    /// The sizes of the parts of this extent.
    ///
    /// # Errors
    /// [`Error::Invalid`] when given sizes do not add up or are fewer than the outputs.
    pub fn sizes(&self, extent: usize, given: Option<&[i64]>) -> Result<Vec<usize>> {
        let Some(given) = given else {
            let part = extent.div_ceil(self.parts.max(1));
            return Ok((0..self.parts).map(|i| extent.saturating_sub(i * part).min(part)).collect());
        };
        let sizes = given.iter().map(|n| size_of(*n)).collect::<Result<Vec<_>>>()?;
        if sizes.len() < self.parts {
            return Err(Error::invalid(format!("{} sizes for {} outputs", sizes.len(), self.parts)));
        }
        if sizes.iter().try_fold(0usize, |n, s| n.checked_add(*s)) != Some(extent) {
            return Err(Error::invalid(format!("parts of {given:?} do not make up {extent}")));
        }
        Ok(sizes)
    }
}

/// The tensor cut into parts of these sizes along `axis`; they add up to its extent.
pub(crate) fn cut(x: &Tensor, axis: usize, sizes: &[usize]) -> Result<Vec<Tensor>> {
    let (outer, extent, inner) = around(x.shape(), axis);
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut shape = x.shape().to_vec();
        shape[axis] = *size;
        let runs = (0..outer).map(|o| (0, (o * extent + start) * inner));
        parts.push(copy_runs(&[x], shape, size * inner, runs)?);
        start += size;
    }
    Ok(parts)
}

impl Operator for Split {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let absent = !self.sizes_input || inputs.get(1).is_none();
        let given = if absent { self.sizes.clone() } else { inputs.value(1).map(|t| whole(t, 1)).transpose()? };
        let parts = given.as_ref().map_or(self.parts, Vec::len);
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None); parts]) };
        let axis = axis_index(self.axis, shape.len())?;
        let sizes: Vec<Dim> = match shape[axis].known() {
            Some(n) if absent || given.is_some() => {
                self.sizes(n, given.as_deref())?.into_iter().map(Dim::Known).collect()
            }
            _ => match &given {
                Some(g) => g.iter().map(|n| size_of(*n).map(Dim::Known)).collect::<Result<_>>()?,
                None if absent && parts == 1 => vec![shape[axis].clone()],
                None => vec![Dim::Unknown; parts],
            },
        };
        let part = |d: Dim| {
            let mut s = shape.to_vec();
            s[axis] = d;
            Fact::tensor(dtype, Some(s))
        };
        Ok(sizes.into_iter().map(part).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let axis = axis_index(self.axis, x.rank())?;
        let given = match inputs.optional_tensor(1)? {
            Some(t) if self.sizes_input => Some(whole(t, 1)?),
            _ => self.sizes.clone(),
        };
        let sizes = self.sizes(x.shape()[axis], given.as_deref())?;
        Ok(cut(x, axis, &sizes)?.into_iter().map(Value::Tensor).collect())
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let axis = axis_index(self.axis, inputs.get(0)?.shape()?.len()).ok()?;
            (a != axis).then_some(a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn fewer_sizes_than_outputs_are_refused() {
        let inputs = [Some(i64s(&[0], &[]).into()), Some(i64s(&[0], &[]).into())];
        assert!(run_values("Split", 13, &[], &inputs, 1).is_err());
    }

    #[test]
    fn cuts_in_all_three_forms() {
        let x = i64s(&[2, 5], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let axis = ("axis", Attribute::Int(-1));
        let parts = |version, attributes: &[(&str, Attribute)], split: Option<&[i64]>, n| {
            let inputs = [Some(Value::Tensor(x.clone())), split.map(|s| i64s(&[s.len()], s).into())];
            let inputs = if split.is_some() { &inputs[..] } else { &inputs[..1] };
            run_values("Split", version, attributes, inputs, n)
        };
        let tensors = |values: &[Tensor]| values.iter().cloned().map(Value::Tensor).collect::<Vec<_>>();
        let expected = tensors(&[i64s(&[2, 2], &[0, 1, 5, 6]), i64s(&[2, 3], &[2, 3, 4, 7, 8, 9])]);
        assert_eq!(parts(13, &[axis.clone()], Some(&[2, 3]), 2).unwrap(), expected);
        assert_eq!(parts(11, &[axis.clone(), ("split", Attribute::Ints(vec![2, 3]))], None, 2).unwrap(), expected);
        let expected = tensors(&[i64s(&[2, 3], &[0, 1, 2, 5, 6, 7]), i64s(&[2, 2], &[3, 4, 8, 9])]);
        assert_eq!(parts(18, &[axis.clone(), ("num_outputs", Attribute::Int(2))], None, 2).unwrap(), expected);
        assert_eq!(parts(13, &[], None, 2).unwrap()[1], i64s(&[1, 5], &[5, 6, 7, 8, 9]).into());
        let sizes = ("split", Attribute::Ints(vec![2, 3]));
        let first = |attributes: &[(&str, Attribute)], sizes: &[f32]| {
            let inputs = [Some(x.clone().into()), Some(f32s(&[sizes.len()], sizes).into())];
            run_values("Split", 1, attributes, &inputs, 2)
        };
        let expected = tensors(&[i64s(&[2, 2], &[0, 1, 5, 6]), i64s(&[2, 3], &[2, 3, 4, 7, 8, 9])]);
        assert_eq!(parts(1, &[axis.clone(), sizes.clone()], None, 2).unwrap(), expected);
        assert_eq!(first(&[axis.clone()], &[2.0, 3.0]).unwrap(), expected);
        assert!(first(&[axis.clone()], &[2.5, 2.5]).is_err(), "halves");
        assert!(first(&[axis.clone(), sizes.clone()], &[2.0, 3.0]).is_err(), "sizes twice");
        assert!(parts(1, &[sizes], None, 2).is_err(), "no axis");
        assert!(parts(13, &[axis.clone()], Some(&[2, 2]), 2).is_err());
        assert!(parts(13, &[axis.clone()], Some(&[6, -1]), 2).is_err());
        assert!(parts(18, &[axis, ("num_outputs", Attribute::Int(0))], None, 2).is_err());
    }
}
