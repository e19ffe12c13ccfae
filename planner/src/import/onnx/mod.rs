//! ONNX files become plain structures that need no further checking of names, order or sizes.
//!
//! Start at [`OnnxModel::load`]. It walks the wire format within the caller's limits, decodes the messages, brings
//! tensors into one layout wherever their bytes lie, expands the model's own functions, and orders the nodes. What the
//! operators mean is not known here. Source: <https://github.com/onnx/onnx/blob/main/docs/IR.md>.

mod convert;
mod data;
mod error;
mod external;
mod functions;
mod model;
mod order;
pub mod proto;
mod schema;
mod sha1;
mod tensor;
mod types;
mod wire;

#[cfg(test)]
mod tests;

pub use data::OnnxValue;
pub use error::OnnxError;
pub use model::{IR_VERSIONS, ML_OPSET_VERSIONS, OPSET_VERSIONS, OnnxAttr, OnnxGraph, OnnxModel, OnnxNode};
pub use tensor::{OnnxElements, OnnxTensor};
pub use types::{OnnxDim, OnnxType, OnnxValueInfo};
