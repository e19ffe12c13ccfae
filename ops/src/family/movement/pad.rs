//! [Pad](https://onnx.ai/onnx/operators/onnx__Pad.html): elements put around a tensor, or taken off its edges.

use super::{axes::resolve, flow, select};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    tensor::check_elements,
};
use std::sync::Arc;

/// What the added elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadMode {
    /// One value.
    Constant,
    /// The tensor mirrored on its first and last element.
    Reflect,
    /// The first and last element.
    Edge,
    /// The tensor repeated.
    Wrap,
}

/// Pads axes; negative amounts take away.
#[derive(Debug)]
pub struct Pad {
    /// What the added elements are.
    pub mode: PadMode,
    /// The amounts (all begins, then all ends) and the value as attributes, before version 11; inputs 1, 2 and 3 (axes)
    /// since.
    pub fixed: Option<(Vec<i64>, f32)>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let mode = match a.string_or("mode", "constant".into())?.as_str() {
        "constant" => PadMode::Constant,
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => PadMode::Wrap,
        other => return Err(Error::invalid(format!("attribute 'mode' is '{other}'; constant, reflect, edge or wrap"))),
    };
    let fixed = if node.since < 11 {
        let pads = if node.since < 2 { "paddings" } else { "pads" };
        Some((a.required(pads, crate::Attributes::ints)?, a.float_or("value", 0.0)?))
    } else {
        None
    };
    Ok(Arc::new(Pad { mode, fixed }))
}

impl Pad {
    /// What is added before and after each axis.
    ///
    /// # Errors
    /// [`Error::Invalid`] when amounts and axes do not fit the rank.
    pub fn amounts(rank: usize, pads: &[i64], axes: Option<&[i64]>) -> Result<Vec<(i64, i64)>> {
        let axes = match axes {
            Some(a) => resolve(a, rank)?,
            None => (0..rank).collect(),
        };
        if pads.len() != axes.len() * 2 {
            return Err(Error::invalid(format!("{} pads for {} axes; two an axis are needed", pads.len(), axes.len())));
        }
        let mut out = vec![(0, 0); rank];
        for (i, a) in axes.iter().enumerate() {
            out[*a] = (pads[i], pads[i + axes.len()]);
        }
        Ok(out)
    }

    /// Where output index `i` of an axis reads its input of this extent.
    fn source(&self, i: i64, extent: i64) -> Option<usize> {
        let at = match self.mode {
            _ if (0..extent).contains(&i) => i,
            PadMode::Constant => return None,
            PadMode::Edge => i.clamp(0, extent - 1),
            PadMode::Wrap => i.rem_euclid(extent),
            PadMode::Reflect if extent == 1 => 0,
            PadMode::Reflect => {
                let period = 2 * (extent - 1);
                let j = i.rem_euclid(period);
                if j < extent { j } else { period - j }
            }
        };
        usize::try_from(at).ok()
    }
}

/// The extent of an axis after padding; 0 at least.
fn padded(extent: usize, (before, after): (i64, i64)) -> Result<usize> {
    let n = i128::try_from(extent).unwrap_or(i128::MAX) + i128::from(before) + i128::from(after);
    usize::try_from(n.max(0)).map_err(|_| Error::Exhausted(format!("extent {extent} padded by {before} and {after}")))
}

impl Operator for Pad {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let Some(amounts) = self.known(inputs, shape.len())? else {
            return Ok(vec![Fact::shaped(dtype, vec![Dim::Unknown; shape.len()])]);
        };
        let dims = shape.iter().zip(amounts).map(|(d, p)| match d {
            d if p == (0, 0) => Ok(d.clone()),
            Dim::Known(n) => padded(*n, p).map(Dim::Known),
            _ => Ok(Dim::Unknown),
        });
        Ok(vec![Fact::tensor(dtype, Some(dims.collect::<Result<_>>()?))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (pads, value) = match &self.fixed {
            Some((pads, v)) => {
                let value = Tensor::scalar(*v).cast(x.dtype())?;
                (Self::amounts(x.rank(), pads, None)?, value)
            }
            None => {
                let pads = inputs.tensor(1)?.to_i64_vec().map_err(|e| e.at("input 1"))?;
                let value = match inputs.optional_tensor(2)? {
                    Some(v) if v.len() == 1 => v.clone(),
                    Some(v) => {
                        return Err(Error::invalid(format!("input 2 has {} elements, one is expected", v.len())));
                    }
                    None => Tensor::zeros(x.dtype(), [])?,
                };
                (Self::amounts(x.rank(), &pads, inputs.ints(3)?.as_deref())?, value)
            }
        };
        let shape = x.shape().iter().zip(&pads).map(|(n, p)| padded(*n, *p)).collect::<Result<Vec<_>>>()?;
        if check_elements(&shape, Limits::default().elements)? == 0 {
            return Ok(vec![Tensor::zeros(x.dtype(), shape)?.into()]);
        }
        if x.is_empty() && self.mode != PadMode::Constant {
            return Err(Error::invalid(format!("shape {:?} has no elements to pad from", x.shape())));
        }
        let maps: Vec<Vec<Option<usize>>> = (0..shape.len())
            .map(|a| {
                let extent = i64::try_from(x.shape()[a]).unwrap_or(i64::MAX);
                // Elements that a negative amount takes away are no source for the other side.
                let taken = |pad: i64| pad.saturating_neg().max(0);
                let (cut, left) = (taken(pads[a].0), taken(pads[a].1));
                let kept = (extent - cut).max(0).saturating_sub(left).max(0);
                let before = pads[a].0.max(0);
                (0..shape[a] as i64)
                    .map(|i| if kept == 0 { None } else { Some(self.source(i - before, kept)? + cut as usize) })
                    .collect()
            })
            .collect();
        Ok(vec![select::remap(x, &maps, Some(&value))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let rank = inputs.get(0)?.shape()?.len();
            (self.known(inputs, rank).ok()??[a] == (0, 0)).then_some(a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

impl Pad {
    fn known(&self, inputs: Facts<'_>, rank: usize) -> Result<Option<Vec<(i64, i64)>>> {
        if let Some((pads, _)) = &self.fixed {
            return Self::amounts(rank, pads, None).map(Some);
        }
        match (inputs.ints(1)?, inputs.get(3), inputs.ints(3)?) {
            (Some(pads), None, _) => Self::amounts(rank, &pads, None).map(Some),
            (Some(pads), _, Some(axes)) => Self::amounts(rank, &pads, Some(&axes)).map(Some),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn amounts_at_the_edge_of_the_integers_are_summed() {
        let x = i64s(&[2], &[5, 6]);
        let pad = |before, after| run("Pad", 13, &[], &[x.clone(), i64s(&[2], &[before, after])]);
        assert_eq!(pad(i64::MAX, i64::MIN), Ok(i64s(&[1], &[0])));
        assert_eq!(pad(i64::MIN, i64::MIN), Ok(i64s(&[0], &[])));
        assert!(pad(i64::MAX, i64::MAX).is_err());
    }

    #[test]
    fn modes_of_the_specification() {
        let x = f32s(&[3, 2], &[1.0, 1.2, 2.3, 3.4, 4.5, 5.7]);
        let row = |mode: &str, pads: &[i64]| {
            let mode = [("mode", Attribute::String(mode.into()))];
            run("Pad", 19, &mode, &[x.clone(), i64s(&[4], pads)]).unwrap()
        };
        let first = |t: Tensor| t.as_slice::<f32>().unwrap()[..t.shape()[1]].to_vec();
        assert_eq!(first(row("constant", &[0, 2, 0, 0])), [0.0, 0.0, 1.0, 1.2]);
        assert_eq!(first(row("reflect", &[0, 2, 0, 0])), [1.0, 1.2, 1.0, 1.2]);
        assert_eq!(first(row("edge", &[0, 2, 0, 1])), [1.0, 1.0, 1.0, 1.2, 1.2]);
        assert_eq!(first(row("wrap", &[2, 1, 1, 1])), [3.4, 2.3, 3.4, 2.3]);
        assert_eq!(row("wrap", &[2, 1, 1, 1]).shape(), [6, 4]);
        assert_eq!(row("constant", &[-1, 0, -1, 0]), f32s(&[1, 2], &[2.3, 3.4]));
        assert_eq!(row("edge", &[-1, 1, 0, 0]), f32s(&[2, 3], &[2.3, 2.3, 3.4, 4.5, 4.5, 5.7]));
    }

    #[test]
    fn inputs_attributes_and_errors() {
        let x = i64s(&[2, 1], &[1, 2]);
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let got = run("Pad", 18, &[], &[x.clone(), v(&[1, 0]), Tensor::scalar(7i64), v(&[-1])]).unwrap();
        assert_eq!(got, i64s(&[2, 2], &[7, 1, 7, 2]));
        let old = [("pads", Attribute::Ints(vec![0, 1, 0, 0])), ("value", Attribute::Float(9.0))];
        assert_eq!(run("Pad", 10, &old, &[f32s(&[1, 1], &[1.0])]).unwrap(), f32s(&[1, 2], &[9.0, 1.0]));
        let first = [("paddings", Attribute::Ints(vec![0, 1, 0, 0])), ("value", Attribute::Float(9.0))];
        assert_eq!(run("Pad", 1, &first, &[f32s(&[1, 1], &[1.0])]).unwrap(), f32s(&[1, 2], &[9.0, 1.0]));
        assert!(run("Pad", 1, &old, &[f32s(&[1, 1], &[1.0])]).is_err(), "the later name");
        for bad in [v(&[1, 0, 0]), v(&[i64::MAX, i64::MAX, i64::MAX, i64::MAX]), v(&[1 << 40, 0, 0, 0])] {
            assert!(run("Pad", 18, &[], &[x.clone(), bad]).is_err());
        }
        assert!(run("Pad", 18, &[("mode", Attribute::String("x".into()))], &[x, v(&[0; 4])]).is_err());
    }
}
