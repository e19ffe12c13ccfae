//! ONNX files become plain structures that need no further checking of names, order or sizes.
//!
//! Start at [`OnnxModel::load`]. It walks the wire format within the caller's limits, decodes the messages, brings
//! tensors into one layout wherever their bytes lie, expands the model's own functions, and orders the nodes. What the
//! operators mean is not known until [`lower()`] makes a graph of the model.
//! Source: <https://github.com/onnx/onnx/blob/main/docs/IR.md>.

mod convert;
mod data;
mod error;
mod external;
mod functions;
mod lower;
mod model;
mod order;
pub mod proto;
mod repairs;
mod schema;
mod sha1;
mod tensor;
mod types;
mod values;
mod wire;

#[cfg(test)]
mod tests;

pub use data::OnnxValue;
pub use error::OnnxError;
pub use lower::{MissingOperator, lower, missing_operators};
pub use model::{
    IR_VERSIONS, ML_OPSET_VERSIONS, OPSET_VERSIONS, OnnxAttr, OnnxGraph, OnnxModel, OnnxNode, PREVIEW_OPSET_VERSIONS,
};
pub use repairs::{RepairKind, Repairs};
pub use tensor::{OnnxElements, OnnxTensor};
pub use types::{OnnxDim, OnnxType, OnnxValueInfo};

use super::{Imported, ImportedEntry};
use hologram_ops::{Effort, Limits, Registry, Type, graph::ValueId};
use std::path::Path;

/// Reads an ONNX file into a graph of inferred types.
///
/// # Errors
/// [`OnnxError`]; inference speaks of nodes and inputs by name.
pub fn open(path: &Path, limits: &Limits, registry: &Registry) -> Result<Imported, OnnxError> {
    let mut model = OnnxModel::load(path, limits)?;
    let mut graph = lower(&model, registry)?;
    let declared: Vec<(ValueId, Type)> = graph.values().map(|(id, v)| (id, v.fact.ty.clone())).collect();
    graph
        .infer_within(&Effort::within(limits))
        .map_err(|e| lower::in_file(&model.file, format!("graph '{}'", graph.name), e))?;
    for (id, ty) in declared {
        let value = graph.value(id);
        let kind = match (&ty, &value.fact.ty) {
            (Type::Unknown, _) if value.producer.is_some() => RepairKind::TypeInferred,
            (declared, inferred) if contradict(declared, inferred) => RepairKind::ShapeContradicted,
            _ => continue,
        };
        model.repairs.add(kind, &graph.name, &value.name);
    }
    let mut metadata = vec![("onnx.ir_version".to_owned(), model.ir_version.to_string())];
    if !model.producer.is_empty() {
        metadata.push(("onnx.producer".to_owned(), model.producer));
    }
    for (domain, version) in &model.opsets {
        metadata.push((format!("onnx.opset.{}", model::domain_name(domain)), version.to_string()));
    }
    metadata.extend(model.metadata);
    let entry = ImportedEntry { name: "main".to_owned(), graph, inputs: Vec::new() };
    Ok(Imported { entries: vec![entry], metadata, repairs: model.repairs.records() })
}

/// Whether two shapes cannot both be right.
fn contradict(a: &Type, b: &Type) -> bool {
    let (Type::Tensor { shape: Some(a), .. }, Type::Tensor { shape: Some(b), .. }) = (a, b) else { return false };
    a.len() != b.len() || a.iter().zip(b).any(|(x, y)| matches!((x.known(), y.known()), (Some(x), Some(y)) if x != y))
}
