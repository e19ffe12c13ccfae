//! [Squeeze](https://onnx.ai/onnx/operators/onnx__Squeeze.html): dimensions of 1 taken away.

use super::{axes::Axes, flow, reshape::with_dims};
use crate::{Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Takes away the given dimensions, which must be 1; all that are 1 when none are given.
#[derive(Debug)]
pub struct Squeeze {
    /// Where the axes come from: the attribute before version 13, input 1 since.
    pub axes: Axes,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Squeeze { axes: Axes::parse(node, 13)? }))
}

impl Squeeze {
    /// The axes that stay.
    fn kept(&self, shape: &[Dim], axes: Option<Vec<i64>>) -> Result<Option<Vec<usize>>> {
        let taken: Vec<usize> = match axes {
            Some(a) => super::axes::resolve(&a, shape.len())?,
            None if shape.iter().all(|d| d.known().is_some()) => {
                (0..shape.len()).filter(|i| shape[*i] == Dim::Known(1)).collect()
            }
            None => return Ok(None),
        };
        if let Some(a) = taken.iter().find(|a| shape[**a].known().is_some_and(|n| n != 1)) {
            return Err(Error::invalid(format!("axis {a} of extent {} cannot be taken away; only 1 can", shape[*a])));
        }
        Ok(Some((0..shape.len()).filter(|a| !taken.contains(a)).collect()))
    }
}

impl Operator for Squeeze {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match (inputs.shape(0)?, self.axes.known(inputs)?) {
            (Some(s), Some(axes)) => self.kept(s, axes)?.map(|kept| kept.iter().map(|a| s[*a].clone()).collect()),
            _ => None,
        };
        Ok(vec![with_dims(Fact::tensor(dtype, shape), inputs)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let dims: Vec<Dim> = x.shape().iter().copied().map(Dim::Known).collect();
        let kept = self.kept(&dims, self.axes.of(inputs)?)?.unwrap_or_default();
        Ok(vec![x.reshape(kept.iter().map(|a| x.shape()[*a]).collect::<Vec<_>>())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let shape = inputs.get(0)?.shape()?;
            self.kept(shape, self.axes.known(inputs).ok()??).ok()??.iter().position(|k| *k == a)
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
    fn takes_ones_away_in_both_forms() {
        for (shape, axes, expected) in [
            (&[1usize, 3, 1, 5][..], Some(&[0i64][..]), Some(&[3usize, 1, 5][..])),
            (&[1, 3, 1, 5], Some(&[-2, 0]), Some(&[3, 5])),
            (&[1, 3, 1, 5], None, Some(&[3, 5])),
            (&[1, 3], Some(&[1]), None),
            (&[1, 3], Some(&[2]), None),
        ] {
            let x = Tensor::zeros(DType::Bool, shape).unwrap();
            let mut inputs = vec![x.clone()];
            inputs.extend(axes.map(|a| i64s(&[a.len()], a)));
            let shape_of = |t: crate::Result<Tensor>| t.ok().map(|t| t.shape().to_vec());
            assert_eq!(shape_of(run("Squeeze", 13, &[], &inputs)).as_deref(), expected);
            let attributes: Vec<_> = axes.iter().map(|a| ("axes", Attribute::Ints(a.to_vec()))).collect();
            assert_eq!(shape_of(run("Squeeze", 11, &attributes, &[x])).as_deref(), expected);
        }
    }
}
