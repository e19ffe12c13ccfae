//! [Tile](https://onnx.ai/onnx/operators/onnx__Tile.html): a tensor repeated along its axes.

use super::{flow, select};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    tensor::check_elements,
};
use std::sync::Arc;

/// Repeats each axis as often as input 1 says.
#[derive(Debug)]
pub struct Tile;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Tile))
}

impl Operator for Tile {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let Some(repeats) = super::expand::told_shape(inputs, 1)? else {
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
        let repeats = super::select::list(inputs.tensor(1)?).map_err(|e| e.at("input 1"))?;
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
        flow::moved(rows, outputs.len(), |a| (inputs.ints(1).ok()??.get(a) == Some(&1)).then_some(a))
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
        for bad in [&[1i64][..], &[-1, 1], &[i64::MAX, i64::MAX], &[1 << 40, 1]] {
            assert!(run("Tile", 13, &[], &[x.clone(), v(bad)]).is_err(), "{bad:?}");
        }
    }
}
