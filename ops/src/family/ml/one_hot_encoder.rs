//! [OneHotEncoder](https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html): a column a category.

use super::{
    keys::{Key, Positions},
    table,
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    tensor::{Texts, element_count},
};
use std::sync::Arc;

/// A new last axis with 1 at the element's category and 0 elsewhere, in `f32`. Floats are truncated to integers first. The
/// last of equal categories counts. Unknown categories give zeros, or an error where `zeros` is 0.
#[derive(Debug)]
pub struct OneHotEncoder {
    /// The categories' columns.
    pub positions: Positions,
    /// The number of categories.
    pub categories: usize,
    /// Whether the categories are texts.
    pub texts: bool,
    /// Whether unknown categories are allowed.
    pub zeros: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(encoder(node)?))
}

/// The encoder that a node's attributes describe.
pub(super) fn encoder(node: &Node<'_>) -> Result<OneHotEncoder> {
    let labels = table::Labels::parse(node.attributes, "cats_int64s", "cats_strings")?;
    let (categories, texts) = (labels.len(), labels.dtype() == DType::String);
    let keys: Vec<Key> = match labels {
        table::Labels::Ints(v) => v.into_iter().map(Key::Int).collect(),
        table::Labels::Strings(v) => v.into_iter().map(Key::Text).collect(),
    };
    let zeros = node.attributes.flag_or("zeros", true)?;
    Ok(OneHotEncoder { positions: Positions::new(keys, true), categories, texts, zeros })
}

impl OneHotEncoder {
    pub(super) fn check(&self, dtype: DType) -> Result<()> {
        if (dtype == DType::String) != self.texts {
            return Err(Error::invalid(format!(
                "input 0 is {dtype} where the categories are {}",
                if self.texts { "texts" } else { "integers" }
            )));
        }
        if self.texts { Ok(()) } else { table::number(dtype).map(|_| ()) }
    }

    /// The category of each element, -1 for an unknown one. A text is looked up once, however often a coded tensor has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another type, and for an unknown category where that is an error.
    pub(super) fn codes(&self, x: &Tensor) -> Result<Vec<i32>> {
        self.check(x.dtype())?;
        let code = |at: Option<usize>| at.map_or(-1, |at| at as i32);
        let codes: Vec<i32> = if self.texts {
            let Texts { texts, codes } = x.texts()?;
            let known: Vec<i32> = self.positions.of_texts(&texts).map(code).collect();
            codes.iter().map(|text| known[*text as usize]).collect()
        } else if x.dtype().is_float() {
            // Truncation maps NaN to a number that must not become category 0.
            let values = table::wide(x)?;
            let ints = Tensor::from_vec(x.shape(), values.iter().map(|v| *v as i64).collect())?;
            let known = self.positions.of(&ints)?;
            known.into_iter().zip(&values).map(|(at, v)| code(at.filter(|_| v.is_finite()))).collect()
        } else {
            self.positions.of(x)?.into_iter().map(code).collect()
        };
        match codes.iter().position(|code| *code < 0).filter(|_| !self.zeros) {
            Some(i) => Err(Error::invalid(format!("element {i} of input 0 is of an unknown category"))),
            None => Ok(codes),
        }
    }
}

impl Operator for OneHotEncoder {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.check(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?.map(|s| s.iter().cloned().chain([Dim::Known(self.categories)]).collect());
        Ok(vec![Fact::tensor(DType::F32, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let codes = self.codes(x)?;
        let shape: Vec<usize> = x.shape().iter().copied().chain([self.categories]).collect();
        let mut out = vec![0.0f32; element_count(&shape)?];
        for (i, code) in codes.into_iter().enumerate() {
            if let Ok(code) = usize::try_from(code) {
                out[i * self.categories + code] = 1.0;
            }
        }
        Ok(vec![Tensor::from_vec(shape, out)?.into()])
    }

    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::element_rows(rows, outputs.len())
    }
}
