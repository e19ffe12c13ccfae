//! [CenterCropPad](https://onnx.ai/onnx/operators/onnx__CenterCropPad.html): cropped or padded around the centre.

use super::{axes::resolve, expand::told_shape, flow, select};
use crate::{
    Dim, Error, Fact, Inputs, Limits, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    tensor::check_elements,
};
use std::sync::Arc;

/// Gives axes the extents in input 1: cropped with the smaller half before, padded with zeros with the smaller half before.
#[derive(Debug)]
pub struct CenterCropPad {
    /// The axes that input 1 speaks of; all of them without.
    pub axes: Option<Vec<i64>>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(CenterCropPad { axes: node.attributes.ints("axes")? }))
}

impl CenterCropPad {
    fn axes(&self, rank: usize, told: usize) -> Result<Vec<usize>> {
        let axes = self.axes.as_ref().map_or_else(|| Ok((0..rank).collect()), |a| resolve(a, rank))?;
        if axes.len() == told {
            return Ok(axes);
        }
        Err(Error::invalid(format!("{told} extents for {} axes", axes.len())))
    }
}

impl Operator for CenterCropPad {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let mut shape = shape.to_vec();
        match told_shape(inputs, 1)? {
            Some(told) => {
                for (a, d) in self.axes(shape.len(), told.len())?.into_iter().zip(told) {
                    shape[a] = d;
                }
            }
            None => shape.fill(Dim::Unknown),
        }
        Ok(vec![Fact::tensor(dtype, Some(shape))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let told = select::list(inputs.tensor(1)?)?.into_iter().map(select::size_of).collect::<Result<Vec<_>>>()?;
        let mut shape = x.shape().to_vec();
        for (a, n) in self.axes(x.rank(), told.len())?.into_iter().zip(told) {
            shape[a] = n;
        }
        let zero = Tensor::zeros(x.dtype(), [])?;
        if check_elements(&shape, Limits::default().elements)? == 0 {
            return Ok(vec![Tensor::zeros(x.dtype(), shape)?.into()]);
        }
        let maps: Vec<Vec<Option<usize>>> = shape
            .iter()
            .zip(x.shape())
            .map(|(n, extent)| {
                let (cut, before) = (extent.saturating_sub(*n) / 2, n.saturating_sub(*extent) / 2);
                (0..*n).map(|i| i.checked_sub(before).map(|i| i + cut).filter(|i| i < extent)).collect()
            })
            .collect();
        Ok(vec![select::remap(x, &maps, Some(&zero))?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let axes = resolve(self.axes.as_ref()?, inputs.get(0)?.shape()?.len()).ok()?;
            (!axes.contains(&a)).then_some(a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn crops_and_pads() {
        let x = i64s(&[2, 4], &[1, 2, 3, 4, 5, 6, 7, 8]);
        let v = |n: &[i64]| i64s(&[n.len()], n);
        let got = run("CenterCropPad", 18, &[], &[x.clone(), v(&[3, 1])]).unwrap();
        assert_eq!(got, i64s(&[3, 1], &[2, 6, 0]));
        let axes = [("axes", Attribute::Ints(vec![-1]))];
        let got = run("CenterCropPad", 18, &axes, &[x.clone(), v(&[5])]).unwrap();
        assert_eq!(got, i64s(&[2, 5], &[1, 2, 3, 4, 0, 5, 6, 7, 8, 0]));
        assert!(run("CenterCropPad", 18, &[], &[x.clone(), v(&[3])]).is_err());
        assert!(run("CenterCropPad", 18, &axes, &[x, v(&[-3])]).is_err());
    }
}
