//! [FeatureVectorizer](https://onnx.ai/onnx/operators/onnx_aionnxml_FeatureVectorizer.html): tables side by side.

use super::table;
use crate::{
    DType, Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    tensor::element_count,
};
use std::sync::Arc;

/// The inputs' columns side by side, in `f32`. Each input is cut or filled with zeros to its declared width; a vector is
/// one row, and the dimensions after the first are columns.
#[derive(Debug)]
pub struct FeatureVectorizer {
    /// The declared width of each input.
    pub dimensions: Vec<usize>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let given = node.attributes.required("inputdimensions", |a, n| a.ints(n))?;
    let dimensions = given.iter().map(|n| usize::try_from(*n).ok()).collect::<Option<Vec<usize>>>();
    let dimensions = dimensions.filter(|d| d.len() == node.inputs);
    let dimensions = dimensions.ok_or_else(|| {
        Error::invalid(format!(
            "attribute 'inputdimensions' is {given:?} where a size for each of {} inputs is expected",
            node.inputs
        ))
    })?;
    let total = dimensions.iter().try_fold(0usize, |sum, n| sum.checked_add(*n));
    if total.is_none_or(|n| n > 1 << 24) {
        return Err(Error::Exhausted(format!("attribute 'inputdimensions' adds up to more than {} columns", 1 << 24)));
    }
    Ok(Arc::new(FeatureVectorizer { dimensions }))
}

fn split(shape: &[usize]) -> Result<(usize, usize)> {
    match shape {
        [] => Ok((1, 1)),
        [n] => Ok((1, *n)),
        [rows, rest @ ..] => Ok((*rows, element_count(rest)?)),
    }
}

impl Operator for FeatureVectorizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let mut rows = Dim::Unknown;
        for i in 0..inputs.len() {
            table::number(inputs.dtype(i)?)?;
            let own = match inputs.shape(i)? {
                None => Dim::Unknown,
                Some([] | [_]) => Dim::Known(1),
                Some([rows, ..]) => rows.clone(),
            };
            rows = rows.unify(&own).map_err(|e| e.at(format!("input {i}")))?;
        }
        Ok(vec![Fact::shaped(DType::F32, [rows, Dim::Known(self.dimensions.iter().sum())])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let total: usize = self.dimensions.iter().sum();
        let (rows, _) = split(inputs.tensor(0)?.shape())?;
        let mut out = vec![0.0f32; element_count(&[rows, total])?];
        let mut start = 0;
        for (i, width) in self.dimensions.iter().enumerate() {
            let x = inputs.tensor(i)?;
            let (own, columns) = split(x.shape())?;
            if own != rows {
                return Err(Error::invalid(format!("input {i} has {own} rows where {rows} are expected")));
            }
            let values = table::narrow(x)?;
            let copied = columns.min(*width);
            for r in 0..rows {
                out[r * total + start..][..copied].copy_from_slice(&values[r * columns..][..copied]);
            }
            start += width;
        }
        Ok(vec![Tensor::from_vec([rows, total], out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let table = |i| inputs.get(i).and_then(Fact::shape).is_some_and(|s| s.len() >= 2);
        if (0..rows.len()).all(|i| rows[i] == Rows::Axis(0) && table(i)) {
            return vec![Rows::Axis(0); outputs.len()];
        }
        crate::rows::opaque(rows, outputs.len())
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}
