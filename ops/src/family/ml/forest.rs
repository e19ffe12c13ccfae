//! `ai.hologram::Forest`: the raw scores of a tree ensemble that is itself an input.

use super::table;
use crate::{
    DType, Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    forest::{Forest as Trees, Precision},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// Inputs: a table `[N, F]` and the bytes of a forest (`u8`, [`Trees::to_bytes`]). Output: raw scores `[N, targets]`, in the
/// precision that the forest sums in. The meaning and the order of arithmetic are the forest's own.
#[derive(Debug)]
pub struct Forest;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Forest))
}

impl Forest {
    /// Decodes and checks the forest of input 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the bytes are no forest.
    pub fn decode(bytes: &Tensor) -> Result<Trees> {
        Trees::from_bytes(bytes.as_slice::<u8>()?).map_err(|e| Error::invalid(e.to_string()).at("input 1"))
    }

    /// The type of the scores.
    pub fn dtype(forest: &Trees) -> DType {
        match forest.accumulate {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }
}

impl Operator for Forest {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (dtype, rows, columns) = table::table_fact(inputs)?;
        inputs.dtype_where(1, "u8", |t| t == DType::U8)?;
        let Some(bytes) = inputs.value(1) else {
            return Ok(vec![Fact::shaped(dtype, [rows, Dim::Unknown])]);
        };
        let forest = Self::decode(bytes)?;
        table::expect_columns(&columns, forest.n_features as usize)?;
        Ok(vec![Fact::shaped(Self::dtype(&forest), [rows, Dim::Known(forest.n_targets as usize)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        let forest = Self::decode(inputs.tensor(1)?)?;
        table::expect_columns(&Dim::Known(columns), forest.n_features as usize)?;
        let targets = forest.n_targets as usize;
        let values = table::wide(x)?;
        let mut scores = vec![0.0f64; element_count(&[rows, targets])?];
        for (row, out) in scores.chunks_exact_mut(targets).enumerate() {
            let own = &values[row * columns..(row + 1) * columns];
            forest.evaluate_row(own, out).map_err(|e| Error::invalid(e.to_string()))?;
        }
        let out = match forest.accumulate {
            Precision::F64 => Tensor::from_vec([rows, targets], scores)?,
            Precision::F32 => Tensor::from_vec([rows, targets], scores.iter().map(|s| *s as f32).collect())?,
        };
        Ok(vec![out.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        match inputs.get(0).and_then(Fact::shape) {
            Some([_, _]) => rows::leading(rows, outputs.len()),
            _ => rows::opaque(rows, outputs.len()),
        }
    }

    fn missing(&self) -> Missing {
        Missing::Consumes
    }
}
