//! [ZipMap](https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html): each row as a map from labels to numbers.

use super::table;
use crate::{DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Type, Value, fact::Facts};
use std::{collections::BTreeMap, sync::Arc};

/// A sequence of maps, one a row, whose keys are the labels in ascending order; of equal labels the last counts.
#[derive(Debug)]
pub struct ZipMap {
    /// The labels, a column each.
    pub labels: table::Labels,
    /// The labels in ascending order without repeats.
    pub keys: Tensor,
    /// The column of each key.
    pub columns: Vec<usize>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let labels = table::Labels::parse(node.attributes, "classlabels_int64s", "classlabels_strings")?;
    let (keys, columns) = match &labels {
        table::Labels::Ints(v) => {
            let sorted: BTreeMap<i64, usize> = v.iter().enumerate().map(|(i, k)| (*k, i)).collect();
            (Tensor::from_vec([sorted.len()], sorted.keys().copied().collect())?, sorted.into_values().collect())
        }
        table::Labels::Strings(v) => {
            let sorted: BTreeMap<&str, usize> = v.iter().enumerate().map(|(i, k)| (k.as_str(), i)).collect();
            (Tensor::from_string_iter([sorted.len()], sorted.keys())?, sorted.into_values().collect())
        }
    };
    Ok(Arc::new(ZipMap { labels, keys, columns }))
}

impl Operator for ZipMap {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32", |t| t == DType::F32)?;
        let (_, _, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.labels.len())?;
        let map = Type::Map { key: self.labels.dtype(), value: DType::F32 };
        Ok(vec![Fact::of(Type::Sequence(Box::new(map)))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (_, columns) = table::table(x.shape())?;
        if columns != self.labels.len() {
            return Err(Error::invalid(format!("input 0 has {columns} columns for {} labels", self.labels.len())));
        }
        let values = x.as_slice::<f32>().map_err(|e| e.at("input 0"))?;
        let maps = values.chunks_exact(columns).map(|row| {
            let picked = self.columns.iter().map(|c| row[*c]).collect();
            Ok(Value::Map { keys: self.keys.clone(), values: Tensor::from_vec([self.columns.len()], picked)? })
        });
        Ok(vec![Value::Sequence(maps.collect::<Result<_>>()?)])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}
