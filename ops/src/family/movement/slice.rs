//! [Slice](https://onnx.ai/onnx/operators/onnx__Slice.html): ranges of axes, with steps, as Python slices.

use super::{axes::resolve, flow, select};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Takes `start..end` with a step along some axes. Bounds count from the end when negative, and are clamped.
#[derive(Debug)]
pub struct Slice {
    /// The bounds as attributes, before version 10; inputs 1 to 4 since.
    pub fixed: Option<Bounds>,
}

/// Bounds of a slice, one entry an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The first index of each.
    pub starts: Vec<i64>,
    /// The index after the last of each.
    pub ends: Vec<i64>,
    /// The axes; the first ones in order when not given.
    pub axes: Option<Vec<i64>>,
    /// The steps; 1 when not given.
    pub steps: Option<Vec<i64>>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let fixed = if node.since < 10 {
        Some(Bounds {
            starts: a.required("starts", crate::Attributes::ints)?,
            ends: a.required("ends", crate::Attributes::ints)?,
            axes: a.ints("axes")?,
            steps: None,
        })
    } else {
        None
    };
    Ok(Arc::new(Slice { fixed }))
}

/// One axis of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

impl Range {
    /// The first index for this extent and the one that is taken no more, within the extent.
    fn bounds(self, extent: usize) -> (i64, i64) {
        let n = i64::try_from(extent).unwrap_or(i64::MAX);
        let from_end = |i: i64| if i < 0 { i.saturating_add(n) } else { i };
        let (low, high) = if self.step > 0 { (0, n) } else { (-1, n - 1) };
        (from_end(self.start).clamp(low, high), from_end(self.end).clamp(low, high))
    }

    /// The indices for this extent.
    fn indices(self, extent: usize) -> impl Iterator<Item = usize> {
        let ((mut at, end), step) = (self.bounds(extent), self.step);
        std::iter::from_fn(move || {
            let here = (if step > 0 { at < end } else { at > end }).then_some(at)?;
            at = at.saturating_add(step);
            usize::try_from(here).ok()
        })
    }

    /// The number of indices for this extent.
    fn count(self, extent: usize) -> usize {
        if self.is_whole() {
            return extent;
        }
        let (at, end) = self.bounds(extent);
        // Both lie in -1..=i64::MAX, so the distance fits.
        let distance = if self.step > 0 { end - at } else { at - end };
        usize::try_from(distance)
            .map_or(0, |d| d.div_ceil(usize::try_from(self.step.unsigned_abs()).unwrap_or(usize::MAX)))
    }

    /// Whether every index is taken, whatever the extent is.
    fn is_whole(self) -> bool {
        const FAR: i64 = i32::MAX as i64;
        self.step == 1 && self.start == 0 && self.end >= FAR || self.is_reversed()
    }

    fn is_reversed(self) -> bool {
        self.step == -1 && (self.start == -1 || self.start >= i64::from(i32::MAX)) && self.end <= -i64::from(i32::MAX)
    }
}

impl Bounds {
    fn ranges(&self, rank: usize) -> Result<Vec<Range>> {
        let n = self.starts.len();
        let axes = match &self.axes {
            Some(a) => resolve(a, rank)?,
            None => (0..n).collect(),
        };
        let steps = self.steps.clone().unwrap_or_else(|| vec![1; n]);
        if self.ends.len() != n || axes.len() != n || steps.len() != n || axes.iter().any(|a| *a >= rank) {
            return Err(Error::invalid(format!(
                "{n} starts, {} ends, {} axes and {} steps for rank {rank}",
                self.ends.len(),
                axes.len(),
                steps.len()
            )));
        }
        if steps.contains(&0) {
            return Err(Error::invalid("a step of 0"));
        }
        Ok((0..n).map(|i| Range { axis: axes[i], start: self.starts[i], end: self.ends[i], step: steps[i] }).collect())
    }
}

impl Slice {
    /// The bounds, if they are known before a run. Absent optional inputs are known.
    fn known(&self, inputs: Facts<'_>) -> Result<Option<Bounds>> {
        if let Some(b) = &self.fixed {
            return Ok(Some(b.clone()));
        }
        let optional = |i: usize| -> Result<Option<Option<Vec<i64>>>> {
            if inputs.get(i).is_none() { Ok(Some(None)) } else { Ok(inputs.ints(i)?.map(Some)) }
        };
        Ok(match (inputs.ints(1)?, inputs.ints(2)?, optional(3)?, optional(4)?) {
            (Some(starts), Some(ends), Some(axes), Some(steps)) => Some(Bounds { starts, ends, axes, steps }),
            _ => None,
        })
    }

    /// The axes that may be cut, as far as that is known.
    fn known_axes(&self, inputs: Facts<'_>, rank: usize) -> Result<Option<Vec<usize>>> {
        if let Some(b) = self.known(inputs)? {
            return Ok(Some(b.ranges(rank)?.iter().filter(|r| !r.is_whole()).map(|r| r.axis).collect()));
        }
        match (inputs.get(3), inputs.ints(3)?) {
            (_, Some(axes)) => resolve(&axes, rank).map(Some),
            (None, _) => Ok(inputs
                .shape(1)?
                .and_then(|s| if let [n] = s { n.known() } else { None })
                .map(|n| (0..n.min(rank)).collect())),
            _ => Ok(None),
        }
    }
}

impl Operator for Slice {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(data) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let mut shape = data.to_vec();
        let Some(bounds) = self.known(inputs)? else {
            for a in self.known_axes(inputs, data.len())?.unwrap_or_else(|| (0..data.len()).collect()) {
                shape[a] = Dim::Unknown;
            }
            return Ok(vec![Fact::tensor(dtype, Some(shape))]);
        };
        let mut dims = inputs.required(0)?.dims.clone().filter(|_| data.len() == 1);
        for r in bounds.ranges(data.len())? {
            if !r.is_whole() {
                shape[r.axis] = shape[r.axis].map(|n| r.count(n));
            }
            dims = dims.map(|d| r.indices(d.len()).map(|i| d[i].clone()).collect());
        }
        Ok(vec![Fact { dims, ..Fact::tensor(dtype, Some(shape)) }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let data = inputs.tensor(0)?;
        let bounds = match &self.fixed {
            Some(b) => b.clone(),
            None => Bounds {
                starts: inputs.tensor(1)?.to_i64_vec()?,
                ends: inputs.tensor(2)?.to_i64_vec()?,
                axes: inputs.ints(3)?,
                steps: inputs.ints(4)?,
            },
        };
        let mut maps: Vec<Vec<Option<usize>>> = data.shape().iter().map(|n| select::identity_map(*n)).collect();
        for r in bounds.ranges(data.rank())? {
            maps[r.axis] = r.indices(data.shape()[r.axis]).map(Some).collect();
        }
        Ok(vec![select::remap(data, &maps, None)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let rank = inputs.get(0)?.shape()?.len();
            let reversed = match self.known(inputs).ok()? {
                Some(b) => b.ranges(rank).ok()?.iter().any(|r| r.axis == a && r.is_reversed()),
                None => false,
            };
            (!reversed && !self.known_axes(inputs, rank).ok()??.contains(&a)).then_some(a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, DType, Tensor, family::movement::trial::*};

    #[test]
    fn slices_as_python_does() {
        let x = Tensor::from_vec([10], (0i64..10).collect()).unwrap();
        for (start, end, step, expected) in [
            (0i64, 3i64, 1i64, &[0i64, 1, 2][..]),
            (-3, 1000, 1, &[7, 8, 9]),
            (1000, 2000, 1, &[]),
            (1, -1, 3, &[1, 4, 7]),
            (20, 0, -4, &[9, 5, 1]),
            (-1, i64::MIN, -1, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
            (0, i64::MAX, 5, &[0, 5]),
            (-20, -30, -1, &[]),
            (5, 2, 1, &[]),
            (3, -11, -2, &[3, 1]),
        ] {
            let v = |n| i64s(&[1], &[n]);
            let got = run("Slice", 13, &[], &[x.clone(), v(start), v(end), v(0), v(step)]).unwrap();
            assert_eq!(got, i64s(&[expected.len()], expected), "{start}..{end} by {step}");
        }
    }

    #[test]
    fn sizes_are_counted_without_a_walk() {
        for (start, end, step) in
            [(0i64, 7i64, 1i64), (1, -1, 3), (20, 0, -4), (5, 2, 1), (3, -11, -2), (-1, i64::MIN, i64::MIN)]
        {
            let range = Range { axis: 0, start, end, step };
            for extent in 0..12 {
                assert_eq!(range.count(extent), range.indices(extent).count(), "{range:?} of {extent}");
            }
        }
        let range = Range { axis: 0, start: 1, end: i64::MAX, step: 2 };
        assert_eq!(range.count(1 << 62), 1 << 61);
    }

    #[test]
    fn both_forms_and_their_errors() {
        let x = i64s(&[2, 3], &[0, 1, 2, 3, 4, 5]);
        let ints = |v: &[i64]| Attribute::Ints(v.to_vec());
        let old = [("starts", ints(&[1])), ("ends", ints(&[3])), ("axes", ints(&[1]))];
        assert_eq!(run("Slice", 9, &old, &[x.clone()]).unwrap(), i64s(&[2, 2], &[1, 2, 4, 5]));
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let got = run("Slice", 11, &[], &[x.clone(), v(&[1, 0]), v(&[2, 2])]).unwrap();
        assert_eq!(got, i64s(&[1, 2], &[3, 4]));
        for bad in [
            vec![x.clone(), v(&[0]), v(&[1]), v(&[2])],
            vec![x.clone(), v(&[0]), v(&[1]), v(&[0]), v(&[0])],
            vec![x.clone(), v(&[0, 0]), v(&[1])],
            vec![x.clone(), v(&[0, 0, 0]), v(&[1, 1, 1])],
            vec![x.clone(), v(&[0, 0]), v(&[1, 1]), v(&[0, -2])],
        ] {
            assert!(run("Slice", 13, &[], &bad).is_err());
        }
    }

    #[test]
    fn symbols_and_rows_survive_a_whole_slice() {
        let x = Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Known(6)]);
        let c = |n: &[i64]| Fact::constant(i64s(&[n.len()], n));
        for (axis, end, shape, rows) in [
            (1, 4, vec![Dim::symbol("N"), Dim::Known(4)], Rows::Axis(0)),
            (0, i64::MAX, vec![Dim::symbol("N"), Dim::Known(6)], Rows::Axis(0)),
            (0, 4, vec![Dim::Unknown, Dim::Known(6)], Rows::Mixed),
        ] {
            let inputs = [x.clone(), c(&[0]), c(&[end]), c(&[axis])];
            let out = infer("Slice", 13, &[], &inputs).unwrap();
            assert_eq!(out[0].shape(), Some(shape.as_slice()));
            let facts: Vec<Option<&Fact>> = inputs.iter().map(Some).collect();
            let r = [Rows::Axis(0), Rows::Free, Rows::Free, Rows::Free];
            assert_eq!(Slice { fixed: None }.rows(&r, Facts(&facts), &out), [rows]);
        }
    }
}
