//! `ai.hologram::CategoryCode`: each element's place among categories.

use super::{
    one_hot_encoder::{OneHotEncoder, encoder},
    table,
};
use crate::{DType, Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, tensor::Texts};
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
        let code = |at: Option<usize>| at.map_or(-1, |at| at as i32);
        let codes: Vec<i32> = if self.encoder.texts && self.encoder.zeros {
            let Texts { texts, codes } = x.texts()?;
            let known: Vec<i32> = self.encoder.positions.of_texts(&texts).map(code).collect();
            codes.iter().map(|text| known[*text as usize]).collect()
        } else {
            self.encoder.find(x)?.into_iter().map(code).collect()
        };
        Ok(vec![Tensor::from_vec(x.shape(), codes)?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::element_rows(rows, outputs.len())
    }
}
