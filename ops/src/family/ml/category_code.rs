//! `ai.hologram::CategoryCode`: each element's place among categories.

use super::{
    one_hot_encoder::{OneHotEncoder, encoder},
    table,
};
use crate::{DType, Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// The column that [`OneHotEncoder`] would set to 1, in `i32`; -1 where it would set none. Attributes and errors are the
/// encoder's.
#[derive(Debug)]
pub struct CategoryCode {
    /// The encoder.
    pub encoder: OneHotEncoder,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(CategoryCode { encoder: encoder(node)? }))
}

impl Operator for CategoryCode {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.encoder.check(inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(DType::I32, inputs.shape(0)?.map(<[Dim]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        Ok(vec![Tensor::from_vec(x.shape(), self.encoder.codes(x)?)?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::element_rows(rows, outputs.len())
    }
}
