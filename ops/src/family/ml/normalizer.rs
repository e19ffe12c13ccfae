//! [Normalizer](https://onnx.ai/onnx/operators/onnx_aionnxml_Normalizer.html): each row divided by its norm.

use super::table;
use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// A norm of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The largest element (not the largest magnitude).
    Max,
    /// The sum of magnitudes.
    L1,
    /// The root of the sum of squares.
    L2,
}

/// Each row divided by its norm, in `f32`; a row whose norm is 0 stays.
///
/// Sums run in `f32` in ascending order, L2 as a chain of fused multiply-adds, and each element is divided once.
#[derive(Debug)]
pub struct Normalizer {
    /// The norm.
    pub norm: Norm,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let norm = match node.attributes.string_or("norm", "MAX".to_owned())?.as_str() {
        "MAX" => Norm::Max,
        "L1" => Norm::L1,
        "L2" => Norm::L2,
        other => return Err(Error::invalid(format!("attribute 'norm' is '{other}' where MAX, L1 or L2 is expected"))),
    };
    Ok(Arc::new(Normalizer { norm }))
}

impl Norm {
    /// The norm of a row.
    #[inline(always)]
    pub fn of(self, row: &[f32]) -> f32 {
        match self {
            Self::Max => row.iter().fold(f32::NEG_INFINITY, |max, x| if *x > max || x.is_nan() { *x } else { max }),
            Self::L1 => row.iter().fold(0.0, |sum, x| sum + x.abs()),
            Self::L2 => row.iter().fold(0.0f32, |sum, x| x.mul_add(*x, sum)).sqrt(),
        }
    }
}

impl Operator for Normalizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        table::table_fact(inputs)?;
        Ok(vec![Fact::tensor(DType::F32, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (_, columns) = table::table(x.shape())?;
        let mut out = table::narrow(x)?;
        for row in out.chunks_exact_mut(columns.max(1)) {
            let norm = self.norm.of(row);
            if norm != 0.0 {
                row.iter_mut().for_each(|x| *x /= norm);
            }
        }
        Ok(vec![Tensor::from_vec(x.shape(), out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
