//! [Shape](https://onnx.ai/onnx/operators/onnx__Shape.html): the dimensions of a tensor, or a range of them.

use crate::{Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, fact::known_shape};
use std::{ops::Range, sync::Arc};

/// The dimensions `start..end` as 64-bit integers; negative bounds count from the end and all are clamped.
#[derive(Debug)]
pub struct Shape {
    /// The first dimension (from version 15).
    pub start: i64,
    /// The dimension after the last; all of them without one.
    pub end: Option<i64>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Shape { start: node.attributes.int_or("start", 0)?, end: node.attributes.int("end")? }))
}

impl Shape {
    /// The dimensions that are read of a tensor of this rank.
    pub fn range(&self, rank: usize) -> Range<usize> {
        let r = i64::try_from(rank).unwrap_or(i64::MAX);
        let clamp = |n: i64| usize::try_from(if n < 0 { n.saturating_add(r) } else { n }.clamp(0, r)).unwrap_or(0);
        let (start, end) = (clamp(self.start), self.end.map_or(rank, clamp));
        start..end.max(start)
    }
}

/// A fact for dimensions that are read as a tensor of rank 1 (or of rank 0, for one of them). Sizes beyond the integers'
/// have no value.
pub(super) fn dims_fact(dims: Vec<Dim>, shape: Vec<usize>) -> Result<Fact> {
    let integers = |d: Vec<usize>| d.into_iter().map(|n| i64::try_from(n).ok()).collect::<Option<Vec<i64>>>();
    let value = known_shape(&dims).and_then(integers).map(|d| Tensor::from_vec(shape.clone(), d)).transpose()?;
    Ok(Fact { value, dims: Some(dims), ..Fact::shaped(crate::DType::I64, shape) })
}

impl Operator for Shape {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![match inputs.shape(0)? {
            Some(shape) => {
                let dims = shape[self.range(shape.len())].to_vec();
                let n = dims.len();
                dims_fact(dims, vec![n])?
            }
            None => Fact::shaped(crate::DType::I64, [Dim::Unknown]),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let shape = inputs.tensor(0)?.shape();
        let dims: Vec<i64> = shape[self.range(shape.len())].iter().map(|d| *d as i64).collect();
        Ok(vec![Tensor::from_vec([dims.len()], dims)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = inputs.get(0).and_then(Fact::shape).map(<[Dim]>::len);
        let found = match (rows.first(), rank) {
            (Some(Rows::Free), _) => Rows::Free,
            (Some(Rows::Axis(a)), Some(rank)) if !self.range(rank).contains(a) => Rows::Free,
            (Some(Rows::Axis(_) | Rows::Extent), _) => Rows::Extent,
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, DType, family::movement::trial::*};

    #[test]
    fn reads_clamped_ranges() {
        let x = Tensor::zeros(DType::String, [3, 4, 5]).unwrap();
        for (start, end, expected) in [
            (0, None, &[3i64, 4, 5][..]),
            (1, None, &[4, 5]),
            (-1, None, &[5]),
            (0, Some(-1), &[3, 4]),
            (-9, Some(9), &[3, 4, 5]),
            (2, Some(1), &[]),
        ] {
            let mut attributes = vec![("start", Attribute::Int(start))];
            attributes.extend(end.map(|e| ("end", Attribute::Int(e))));
            assert_eq!(run("Shape", 15, &attributes, &[x.clone()]).unwrap(), i64s(&[expected.len()], expected));
        }
    }

    #[test]
    fn sizes_beyond_the_integers_have_no_value() {
        let out = infer("Shape", 15, &[], &[Fact::shaped(DType::F32, [usize::MAX, 3])]).unwrap();
        assert_eq!((&out[0].value, &out[0].dims), (&None, &Some(vec![Dim::Known(usize::MAX), Dim::Known(3)])));
        let out = infer("Size", 13, &[], &[Fact::shaped(DType::F32, [usize::MAX])]).unwrap();
        assert_eq!(out[0].value, None);
    }

    #[test]
    fn symbols_become_dimensions_and_only_the_row_axis_is_an_extent() {
        let fact = Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Known(3)]);
        let out = infer("Shape", 15, &[], std::slice::from_ref(&fact)).unwrap();
        assert_eq!(out[0].dims, Some(vec![Dim::symbol("N"), Dim::Known(3)]));
        let rows = |start| {
            Shape { start, end: None }.rows(&[Rows::Axis(0)], Facts(&[Some(&fact)]), &[Fact::shaped(DType::I64, [1])])
        };
        assert_eq!((rows(0), rows(1)), (vec![Rows::Extent], vec![Rows::Free]));
    }
}
