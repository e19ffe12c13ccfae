//! [LabelEncoder](https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html): each element looked up in a table.

use super::{
    keys::{Key, Positions, gather, keys},
    table,
};
use crate::{
    Attributes, DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts,
};
use std::sync::Arc;

/// One table of keys and values, as `LabelEncoder` and `CategoryMapper` hold it.
#[derive(Debug)]
pub struct Lookup {
    /// The type that it takes.
    pub from: DType,
    /// The keys' positions in `values`.
    pub positions: Positions,
    /// The values.
    pub values: Tensor,
    /// The value of everything else.
    pub default: Tensor,
}

impl Lookup {
    /// Each element's value.
    pub(super) fn map(&self, x: &Tensor) -> Result<Tensor> {
        gather(x.shape(), &self.positions.of(x)?, &self.values, &self.default)
    }
}

/// Each element becomes the value of its key, or the default. The first of equal keys counts; 0 and -0 are one key, and
/// NaN is a key from version 4 on.
///
/// Version 1 has one list of texts: texts become their positions, integers the text at that position.
#[derive(Debug)]
pub struct LabelEncoder {
    /// The tables: one, or one for either direction in version 1.
    pub tables: Vec<Lookup>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    if node.since >= 2 {
        return parse_table(node);
    }
    let a = node.attributes;
    let classes = a.required("classes_strings", |a, n| a.strings(n))?;
    let (unknown, absent) = (a.string_or("default_string", "_Unused".to_owned())?, a.int_or("default_int64", -1)?);
    let numbers: Vec<i64> = (0..).take(classes.len()).collect();
    Ok(Arc::new(LabelEncoder { tables: both_ways(&classes, &numbers, &unknown, absent, false)? }))
}

/// The tables from texts to integers and back.
pub(super) fn both_ways(texts: &[String], ints: &[i64], text: &str, int: i64, last: bool) -> Result<Vec<Lookup>> {
    let n = texts.len();
    Ok(vec![
        Lookup {
            from: DType::String,
            positions: Positions::new(texts.iter().cloned().map(Key::Text), last),
            values: Tensor::from_slice([n], ints)?,
            default: Tensor::scalar(int),
        },
        Lookup {
            from: DType::I64,
            positions: Positions::new(ints.iter().copied().map(Key::Int), last),
            values: Tensor::from_string_iter([n], texts)?,
            default: Tensor::from_string_iter([1], [text])?,
        },
    ])
}

/// The list `what` in whichever type it is given.
fn list(a: &Attributes, what: &str) -> Result<Tensor> {
    let mut found = Vec::new();
    if let Some(tensor) = a.tensor(&format!("{what}_tensor"))? {
        found.push(tensor);
    }
    if let Some(v) = a.strings(&format!("{what}_strings"))? {
        found.push(Tensor::from_string_iter([v.len()], v)?);
    }
    if let Some(v) = a.ints(&format!("{what}_int64s"))? {
        found.push(Tensor::from_vec([v.len()], v)?);
    }
    if let Some(v) = a.floats(&format!("{what}_floats"))? {
        found.push(Tensor::from_vec([v.len()], v)?);
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        n => Err(Error::invalid(format!("{n} attributes of '{what}_*' where exactly one is expected"))),
    }
}

fn parse_table(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let (from, values) = (list(a, "keys")?, list(a, "values")?);
    if from.len() != values.len() {
        return Err(Error::invalid(format!("{} keys and {} values", from.len(), values.len())));
    }
    let default = match (a.tensor("default_tensor")?, values.dtype()) {
        (Some(tensor), _) => tensor,
        (None, DType::String) => Tensor::from_string_iter([1], [a.string_or("default_string", "_Unused".to_owned())?])?,
        (None, DType::F32) => Tensor::scalar(a.float_or("default_float", -0.0)?),
        (None, DType::F64) => Tensor::scalar(f64::from(a.float_or("default_float", -0.0)?)),
        (None, DType::I32) => Tensor::scalar(a.int_or("default_int64", -1)? as i32),
        (None, DType::I16) => Tensor::scalar(a.int_or("default_int64", -1)? as i16),
        (None, _) => Tensor::scalar(a.int_or("default_int64", -1)?),
    };
    // Refuses a default of another type now, not when the first value comes.
    gather(&[0], &[], &values, &default)?;
    let mut own = keys(&from)?;
    if node.since < 4 {
        // A NaN equals nothing there; its place in the list must stay.
        own.iter_mut().filter(|k| **k == Key::float(f64::NAN)).for_each(|k| *k = Key::Text(String::new()));
    }
    let table = Lookup { from: from.dtype(), positions: Positions::new(own, false), values, default };
    Ok(Arc::new(LabelEncoder { tables: vec![table] }))
}

/// The table that takes this type.
pub(super) fn table_of(tables: &[Lookup], dtype: DType) -> Result<&Lookup> {
    tables.iter().find(|t| t.from == dtype).ok_or_else(|| {
        let taken: Vec<&str> = tables.iter().map(|t| t.from.name()).collect();
        Error::invalid(format!("input 0 is {dtype} where {} is expected", taken.join(" or ")))
    })
}

impl Operator for LabelEncoder {
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

    fn missing(&self) -> Missing {
        // NaN is a key like any other, or gets the default.
        if self.tables.iter().any(|t| t.from.is_float()) { Missing::Consumes } else { Missing::Rejects }
    }
}
