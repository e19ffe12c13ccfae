//! [Tile](https://onnx.ai/onnx/operators/onnx__Tile.html): a tensor repeated along its axes.

use super::{axes::whole, flow, select};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    operator::axis_index, tensor::check_elements,
};
use std::sync::Arc;

/// Repeats each axis as often as input 1 says.
#[derive(Debug)]
pub struct Tile {
    /// Whether input 1 is the count for one axis and input 2 is the axis, both of the data's type: before version 6.
    pub one_axis: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Tile { one_axis: node.since < 6 }))
}

/// The repeats of every axis when one axis is repeated.
fn along(rank: usize, count: &Tensor, axis: &Tensor) -> Result<Vec<i64>> {
    let one = |t: &Tensor, i: usize| match whole(t, i)?.as_slice() {
        [one] => Ok(*one),
        other => Err(Error::invalid(format!("input {i} has {} elements, one is expected", other.len()))),
    };
    let mut repeats = vec![1; rank];
    repeats[axis_index(one(axis, 2)?, rank)?] = one(count, 1)?;
    Ok(repeats)
}

impl Tile {
    /// The repeats of every axis, as far as they are known before a run.
    fn known(&self, inputs: Facts<'_>, rank: usize) -> Result<Option<Vec<Dim>>> {
        if !self.one_axis {
            return super::expand::told_shape(inputs, 1);
        }
        let (Some(count), Some(axis)) = (inputs.value(1), inputs.value(2)) else { return Ok(None) };
        let repeats = along(rank, count, axis)?;
        repeats.into_iter().map(|r| select::size_of(r).map(Dim::Known)).collect::<Result<_>>().map(Some)
    }
}

impl Operator for Tile {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let Some(repeats) = self.known(inputs, shape.len())? else {
            return Ok(vec![Fact::shaped(dtype, vec![Dim::Unknown; shape.len()])]);
        };
        if repeats.len() != shape.len() {
            return Err(Error::invalid(format!("{} repeats for rank {}", repeats.len(), shape.len())));
        }
        let times = |(d, r): (&Dim, &Dim)| match (d, r) {
            (d, Dim::Known(1)) => d.clone(),
            (Dim::Known(1), r) => r.clone(),
            (Dim::Known(d), Dim::Known(r)) => d.checked_mul(*r).map_or(Dim::Unknown, Dim::Known),
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::shaped(dtype, shape.iter().zip(&repeats).map(times).collect::<Vec<_>>())])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let repeats = if self.one_axis {
            along(x.rank(), inputs.tensor(1)?, inputs.tensor(2)?)?
        } else {
            select::list(inputs.tensor(1)?).map_err(|e| e.at("input 1"))?
        };
        if repeats.len() != x.rank() {
            return Err(Error::invalid(format!("{} repeats for rank {}", repeats.len(), x.rank())));
        }
        let over = || Error::Exhausted(format!("shape {:?} repeated {repeats:?} times", x.shape()));
        let shape = x
            .shape()
            .iter()
            .zip(&repeats)
            .map(|(d, r)| d.checked_mul(select::size_of(*r)?).ok_or_else(over))
            .collect::<Result<Vec<_>>>()?;
        if check_elements(&shape, Limits::default().elements)? == 0 {
            return Ok(vec![Tensor::zeros(x.dtype(), shape)?.into()]);
        }
        let maps: Vec<Vec<Option<usize>>> =
            shape.iter().zip(x.shape()).map(|(n, d)| (0..*n).map(|i| Some(i % d)).collect()).collect();
        Ok(vec![select::remap(x, &maps, None)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            inputs.value(1)?;
            let rank = inputs.get(0)?.shape()?.len();
            (self.known(inputs, rank).ok()??.get(a) == Some(&Dim::Known(1))).then_some(a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::family::movement::trial::*;

    #[test]
    fn repeats_and_stays_within_bounds() {
        let x = i64s(&[1, 3], &[1, 2, 3]);
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let got = run("Tile", 13, &[], &[x.clone(), v(&[2, 2])]).unwrap();
        assert_eq!(got, i64s(&[2, 6], &[1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
        assert_eq!(run("Tile", 13, &[], &[x.clone(), v(&[i64::MAX, 0])]).unwrap().len(), 0);
        let first = |count: f32, axis: f32| run("Tile", 5, &[], &[x.clone(), f32s(&[1], &[count]), f32s(&[], &[axis])]);
        assert_eq!(first(2.0, 1.0).unwrap(), i64s(&[1, 6], &[1, 2, 3, 1, 2, 3]));
        assert_eq!(first(2.0, 0.0).unwrap(), i64s(&[2, 3], &[1, 2, 3, 1, 2, 3]));
        for (count, axis) in [(1.5, 0.0), (-1.0, 0.0), (1.0, 2.0), (f32::NAN, 0.0)] {
            assert!(first(count, axis).is_err(), "{count} times axis {axis}");
        }
        for bad in [&[1i64][..], &[-1, 1], &[i64::MAX, i64::MAX], &[1 << 40, 1]] {
            assert!(run("Tile", 13, &[], &[x.clone(), v(bad)]).is_err(), "{bad:?}");
        }
    }
}
