//! [ArrayFeatureExtractor](https://onnx.ai/onnx/operators/onnx_aionnxml_ArrayFeatureExtractor.html): chosen columns.

use crate::{
    DType, Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
    numeric::with_bits, tensor::element_count,
};
use std::sync::Arc;

/// The elements of the last axis that input 1 names, in its order; a vector gives one row.
#[derive(Debug)]
pub struct ArrayFeatureExtractor;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(ArrayFeatureExtractor))
}

/// The output's shape.
fn extracted<D: Clone>(x: &[D], chosen: D, one: D) -> Result<Vec<D>> {
    match x {
        [] => Err(Error::invalid("input 0 is a scalar; it needs at least one dimension")),
        [_] => Ok(vec![one, chosen]),
        [rest @ .., _] => Ok(rest.iter().cloned().chain([chosen]).collect()),
    }
}

fn pick<T: Copy>(values: &[T], width: usize, chosen: &[usize]) -> Vec<T> {
    values.chunks_exact(width).flat_map(|row| chosen.iter().map(|i| row[*i])).collect()
}

impl Operator for ArrayFeatureExtractor {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "i64", |t| t == DType::I64)?;
        let chosen = inputs.shape(1)?.map(|s| s.iter().map(Dim::known).try_fold(1usize, |n, d| n.checked_mul(d?)));
        let chosen = chosen.flatten().map_or(Dim::Unknown, Dim::Known);
        let shape = inputs.shape(0)?.map(|x| extracted(x, chosen, Dim::Known(1))).transpose()?;
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, y) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let width = x.shape().last().copied().unwrap_or(0);
        let chosen = y.as_slice::<i64>().map_err(|e| e.at("input 1"))?;
        let chosen = chosen.iter().map(|i| {
            let found = usize::try_from(*i).ok().filter(|i| *i < width);
            found.ok_or_else(|| Error::invalid(format!("input 1 holds {i}, input 0 has {width} columns")))
        });
        let chosen = chosen.collect::<Result<Vec<usize>>>()?;
        let shape = extracted(x.shape(), chosen.len(), 1)?;
        element_count(&shape)?;
        if x.is_empty() || chosen.is_empty() {
            return Ok(vec![Tensor::zeros(x.dtype(), shape)?.into()]);
        }
        if x.dtype() == DType::String {
            let strings = x.as_strings()?;
            let rows = x.len() / width;
            let picked = (0..rows).flat_map(|r| chosen.iter().map(move |i| strings.value(r * width + i)));
            return Ok(vec![Tensor::from_string_iter(shape, picked)?.into()]);
        }
        with_bits!(x.dtype(), T => {
            Ok(vec![Tensor::from_bits(x.dtype(), shape, pick::<T>(x.bits()?, width, &chosen))?.into()])
        })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let rank = inputs.get(0).and_then(Fact::shape).map(<[Dim]>::len);
        match (rank, rows) {
            (Some(rank), [Rows::Axis(a), Rows::Free]) if a + 1 < rank => vec![Rows::Axis(*a); outputs.len()],
            _ => crate::rows::opaque(rows, outputs.len()),
        }
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}
