//! [DictVectorizer](https://onnx.ai/onnx/operators/onnx_aionnxml_DictVectorizer.html): a map as one row of a vocabulary.

use super::{
    keys::{Positions, gather, keys},
    table,
};
use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value, fact::Facts};
use std::sync::Arc;

/// A row `[1, words]` with the map's value of each word, and 0 (or the empty text) where it has none.
#[derive(Debug)]
pub struct DictVectorizer {
    /// The vocabulary, a column each.
    pub vocabulary: table::Labels,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let vocabulary = table::Labels::parse(node.attributes, "int64_vocabulary", "string_vocabulary")?;
    Ok(Arc::new(DictVectorizer { vocabulary }))
}

impl Operator for DictVectorizer {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let Type::Map { key, value } = &inputs.required(0)?.ty else {
            return Err(Error::invalid(format!("input 0 is {} where a map is expected", inputs.required(0)?.ty)));
        };
        if *key != self.vocabulary.dtype() {
            return Err(Error::invalid(format!(
                "the map's keys are {key} where {} is expected",
                self.vocabulary.dtype()
            )));
        }
        Ok(vec![Fact::shaped(*value, [Dim::Known(1), Dim::Known(self.vocabulary.len())])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let Value::Map { keys: given, values } = inputs.value(0)? else {
            return Err(Error::invalid(format!("input 0 is a {} where a map is expected", inputs.value(0)?.kind())));
        };
        if given.dtype() != self.vocabulary.dtype() || given.len() != values.len() {
            return Err(Error::invalid(format!(
                "the map's keys are {} for {} words",
                given.dtype(),
                self.vocabulary.dtype()
            )));
        }
        let words = match &self.vocabulary {
            table::Labels::Ints(v) => Tensor::from_slice([v.len()], v)?,
            table::Labels::Strings(v) => Tensor::from_string_iter([v.len()], v)?,
        };
        let at = Positions::new(keys(given)?, true).of(&words)?;
        let default = Tensor::zeros(values.dtype(), [1])?;
        if values.dtype() == DType::Bool {
            return Err(Error::unsupported("maps to booleans"));
        }
        Ok(vec![gather(&[1, words.len()], &at, values, &default)?.into()])
    }
}
