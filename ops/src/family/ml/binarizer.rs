//! [Binarizer](https://onnx.ai/onnx/operators/onnx_aionnxml_Binarizer.html): 1 above a threshold, else 0.

use super::table;
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// 1 where an element is above the threshold, else 0 (NaN is not above), in the input's type.
#[derive(Debug)]
pub struct Binarizer {
    /// The threshold.
    pub threshold: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Binarizer { threshold: node.attributes.float_or("threshold", 0.0)? }))
}

impl Operator for Binarizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = table::number(inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let above = f64::from(self.threshold);
        let bits: Vec<bool> = table::wide(x)?.into_iter().map(|v| v > above).collect();
        Ok(vec![Tensor::from_vec(x.shape(), bits)?.cast(x.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::element_rows(rows, outputs.len())
    }
}
