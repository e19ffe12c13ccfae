//! [Scaler](https://onnx.ai/onnx/operators/onnx_aionnxml_Scaler.html): `(x - offset) * scale`, column by column.

use super::table;
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// `(x - offset) * scale` with one number for all or one a column, in `f32`.
///
/// Each operation rounds to `f32`; for inputs of `f64` to `f64`, with one more rounding at the end. Columns are counted
/// along axis 1 (axis 0 of a vector), as onnxruntime counts them.
#[derive(Debug)]
pub struct Scaler {
    /// What is taken away.
    pub offset: Vec<f32>,
    /// What is multiplied by; as many as there are offsets.
    pub scale: Vec<f32>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let list = |name: &str| node.attributes.required(name, |a, n| a.floats(n));
    let (offset, scale) = (list("offset")?, list("scale")?);
    if offset.is_empty() || offset.len() != scale.len() {
        return Err(Error::invalid(format!(
            "{} offsets and {} scales where as many are expected",
            offset.len(),
            scale.len()
        )));
    }
    Ok(Arc::new(Scaler { offset, scale }))
}

impl Scaler {
    fn check(&self, columns: Option<usize>) -> Result<()> {
        match columns {
            Some(n) if self.offset.len() != 1 && self.offset.len() != n => {
                Err(Error::invalid(format!("{} offsets for input 0 with {n} columns", self.offset.len())))
            }
            _ => Ok(()),
        }
    }
}

impl Operator for Scaler {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        table::number(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?;
        self.check(shape.and_then(|s| s.get(1).or(s.first())).and_then(Dim::known))?;
        Ok(vec![Fact::tensor(DType::F32, shape.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        self.check(Some(x.shape().get(1).or(x.shape().first()).copied().unwrap_or(1)))?;
        let pairs = self.offset.iter().zip(&self.scale).cycle();
        let out: Vec<f32> = match x.dtype() {
            DType::F64 => {
                let scaled = x.as_slice::<f64>()?.iter().zip(pairs);
                scaled.map(|(v, (o, s))| ((v - f64::from(*o)) * f64::from(*s)) as f32).collect()
            }
            _ => table::narrow(x)?.into_iter().zip(pairs).map(|(v, (o, s))| (v - o) * s).collect(),
        };
        Ok(vec![Tensor::from_vec(x.shape(), out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if self.offset.len() == 1 {
            return table::element_rows(rows, outputs.len());
        }
        table::table_rows(rows, inputs, outputs.len())
    }
}
