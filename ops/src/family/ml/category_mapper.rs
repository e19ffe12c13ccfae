//! [CategoryMapper](https://onnx.ai/onnx/operators/onnx_aionnxml_CategoryMapper.html): texts to integers or back.

use super::{
    label_encoder::{Lookup, both_ways, table_of},
    table,
};
use crate::{Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Each text becomes its integer, or each integer its text; what is not listed becomes the default. The last of equal keys
/// counts.
#[derive(Debug)]
pub struct CategoryMapper {
    /// The tables from texts and from integers.
    pub tables: Vec<Lookup>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let texts = a.required("cats_strings", |a, n| a.strings(n))?;
    let ints = a.required("cats_int64s", |a, n| a.ints(n))?;
    if texts.len() != ints.len() {
        return Err(Error::invalid(format!("{} texts and {} integers", texts.len(), ints.len())));
    }
    let (text, int) = (a.string_or("default_string", "_Unused".to_owned())?, a.int_or("default_int64", -1)?);
    Ok(Arc::new(CategoryMapper { tables: both_ways(&texts, &ints, &text, int, true)? }))
}

impl Operator for CategoryMapper {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let table = table_of(&self.tables, inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(table.values.dtype(), inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        Ok(vec![table_of(&self.tables, x.dtype())?.map(x)?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::element_rows(rows, outputs.len())
    }
}
