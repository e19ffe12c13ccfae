//! [CastMap](https://onnx.ai/onnx/operators/onnx_aionnxml_CastMap.html): a map as one row.

use crate::{DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value, fact::Facts};
use std::{collections::BTreeMap, sync::Arc};

/// The values of a map from integers as a row `[1, n]` of another type: dense in ascending order of keys, or sparse with
/// key `k` in column `k` of `max_map` and larger keys left out.
///
/// As in onnxruntime floats become texts with six decimals and integers by truncation, and the columns of a sparse row of
/// texts that no key names hold `0.f`.
#[derive(Debug)]
pub struct CastMap {
    /// The type of the row: `f32`, `i64` or strings.
    pub to: DType,
    /// The width of a sparse row.
    pub sparse: Option<usize>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let to = match a.string_or("cast_to", "TO_FLOAT".to_owned())?.as_str() {
        "TO_FLOAT" => DType::F32,
        "TO_INT64" => DType::I64,
        "TO_STRING" => DType::String,
        other => {
            return Err(Error::invalid(format!(
                "attribute 'cast_to' is '{other}' where TO_FLOAT, TO_INT64 or TO_STRING is expected"
            )));
        }
    };
    let width = a.int_or("max_map", 1)?;
    let sparse = match a.string_or("map_form", "DENSE".to_owned())?.as_str() {
        "DENSE" => None,
        "SPARSE" => Some(usize::try_from(width).ok().filter(|n| (1..=1 << 28).contains(n)).ok_or_else(|| {
            Error::invalid(format!("attribute 'max_map' is {width} where a width of 1 to {} is expected", 1 << 28))
        })?),
        other => {
            return Err(Error::invalid(format!("attribute 'map_form' is '{other}' where DENSE or SPARSE is expected")));
        }
    };
    Ok(Arc::new(CastMap { to, sparse }))
}

/// A cell of the row before it has its type.
enum Cell<'a> {
    Empty,
    Text(&'a str),
    Number(f32),
}

impl Cell<'_> {
    fn float(&self) -> Result<f32> {
        match self {
            Self::Empty => Ok(0.0),
            Self::Number(v) => Ok(*v),
            Self::Text(t) => t.trim().parse().map_err(|_| Error::invalid(format!("'{t}' is no number"))),
        }
    }

    fn int(&self) -> Result<i64> {
        match self {
            Self::Empty => Ok(0),
            Self::Number(v) => Ok(*v as i64),
            Self::Text(t) => t.trim().parse().map_err(|_| Error::invalid(format!("'{t}' is no integer"))),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Empty => "0.f".to_owned(),
            Self::Number(v) => format!("{v:.6}"),
            Self::Text(t) => (*t).to_owned(),
        }
    }
}

/// A map from integers and its parts.
fn parts<'a>(inputs: &Inputs<'a>) -> Result<(&'a Tensor, &'a Tensor)> {
    match inputs.value(0)? {
        Value::Map { keys, values } if keys.dtype() == DType::I64 && keys.len() == values.len() => Ok((keys, values)),
        other => Err(Error::invalid(format!("input 0 is a {} where a map from integers is expected", other.kind()))),
    }
}

impl Operator for CastMap {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        match &inputs.required(0)?.ty {
            Type::Unknown | Type::Map { key: DType::I64, value: DType::F32 | DType::String } => {}
            other => return Err(Error::invalid(format!("input 0 is {other} where a map from integers is expected"))),
        }
        Ok(vec![Fact::shaped(self.to, [Dim::Known(1), self.sparse.map_or(Dim::Unknown, Dim::Known)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (keys, values) = parts(&inputs)?;
        let texts = if values.dtype() == DType::String { Some(values.as_strings()?) } else { None };
        let numbers = if texts.is_none() { values.as_slice::<f32>()? } else { &[] };
        let sorted: BTreeMap<i64, usize> = keys.as_slice::<i64>()?.iter().enumerate().map(|(i, k)| (*k, i)).collect();
        let cell = |i: usize| texts.map_or_else(|| Cell::Number(numbers[i]), |t| Cell::Text(t.value(i)));
        let cells: Vec<Cell<'_>> = match self.sparse {
            None => sorted.into_values().map(cell).collect(),
            Some(width) => {
                if let Some((key, _)) = sorted.first_key_value().filter(|(k, _)| **k < 0) {
                    return Err(Error::invalid(format!("a sparse map has the negative key {key}")));
                }
                let mut cells: Vec<Cell<'_>> = (0..width).map(|_| Cell::Empty).collect();
                for (key, i) in sorted {
                    if let Some(place) = usize::try_from(key).ok().and_then(|k| cells.get_mut(k)) {
                        *place = cell(i);
                    }
                }
                cells
            }
        };
        let shape = [1, cells.len()];
        Ok(vec![
            match self.to {
                DType::F32 => Tensor::from_vec(shape, cells.iter().map(Cell::float).collect::<Result<_>>()?)?,
                DType::I64 => Tensor::from_vec(shape, cells.iter().map(Cell::int).collect::<Result<_>>()?)?,
                _ => Tensor::from_string_iter(shape, cells.iter().map(Cell::text))?,
            }
            .into(),
        ])
    }
}
