//! [Unsqueeze](https://onnx.ai/onnx/operators/onnx__Unsqueeze.html): dimensions of 1 put in.

use super::{
    axes::{Axes, resolve},
    flow,
    reshape::with_dims,
};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Puts dimensions of 1 at the given axes of the output.
#[derive(Debug)]
pub struct Unsqueeze {
    /// Where the axes come from: the attribute before version 13, input 1 since.
    pub axes: Axes,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Unsqueeze { axes: Axes::parse(node, 13)? }))
}

/// For each output axis, the input axis that it is; `None` for a new one.
fn layout(rank: usize, axes: Option<Vec<i64>>) -> Result<Vec<Option<usize>>> {
    let axes = axes.ok_or_else(|| Error::invalid("axes are required and missing"))?;
    let new = resolve(&axes, rank + axes.len())?;
    let mut next = 0..rank;
    Ok((0..rank + new.len()).map(|a| if new.contains(&a) { None } else { next.next() }).collect())
}

impl Operator for Unsqueeze {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match (inputs.shape(0)?, self.axes.known(inputs)?) {
            (Some(s), Some(axes)) => Some(
                layout(s.len(), axes)?.iter().map(|a| a.map_or(Dim::Known(1), |a| s[a].clone())).collect::<Vec<_>>(),
            ),
            _ => None,
        };
        Ok(vec![with_dims(Fact::tensor(dtype, shape), inputs)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let layout = layout(x.rank(), self.axes.of(inputs)?)?;
        Ok(vec![x.reshape(layout.iter().map(|a| a.map_or(1, |a| x.shape()[a])).collect::<Vec<_>>())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let rank = inputs.get(0)?.shape()?.len();
            layout(rank, self.axes.known(inputs).ok()??).ok()?.iter().position(|k| *k == Some(a))
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, DType, Tensor, family::movement::trial::*};

    #[test]
    fn puts_ones_in_in_both_forms() {
        for (shape, axes, expected) in [
            (&[3usize, 4][..], &[0i64][..], Some(&[1usize, 3, 4][..])),
            (&[3, 4], &[-1, 0], Some(&[1, 3, 4, 1])),
            (&[3, 4], &[2, 1], Some(&[3, 1, 1, 4])),
            (&[], &[0], Some(&[1])),
            (&[3], &[3], None),
            (&[3], &[0, 0], None),
        ] {
            let x = Tensor::zeros(DType::F64, shape).unwrap();
            let shape_of = |t: crate::Result<Tensor>| t.ok().map(|t| t.shape().to_vec());
            let got = run("Unsqueeze", 13, &[], &[x.clone(), i64s(&[axes.len()], axes)]);
            assert_eq!(shape_of(got).as_deref(), expected);
            let got = run("Unsqueeze", 11, &[("axes", Attribute::Ints(axes.to_vec()))], &[x]);
            assert_eq!(shape_of(got).as_deref(), expected);
        }
        assert!(run("Unsqueeze", 13, &[], &[i64s(&[1], &[1])]).is_err());
    }
}
