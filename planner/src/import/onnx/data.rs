//! Values in files: the `.pb` files that hold inputs and outputs of test models.

use super::{
    error::{OnnxError, Result},
    external::External,
    model::read_file,
    proto::{MapProto, OptionalProto, SequenceProto, SparseTensorProto, TensorProto, container_type as kind},
    schema,
    tensor::{OnnxTensor, TensorReader},
    types::OnnxType,
    wire,
};
use hologram_ops::Limits;
use prost::{Message, bytes::Bytes};
use std::path::Path;

/// A value in plain form.
#[derive(Debug, Clone, PartialEq)]
pub enum OnnxValue {
    /// A tensor.
    Tensor(OnnxTensor),
    /// A sequence.
    Sequence(Vec<OnnxValue>),
    /// A value or nothing.
    Optional(Option<Box<OnnxValue>>),
    /// A map: keys and values in the same order.
    Map {
        /// The type of the keys as a number of `TensorProto.DataType`.
        key_type: i32,
        /// Integer keys.
        keys: Vec<i64>,
        /// Keys that are text; one of the two lists is empty.
        string_keys: Vec<Bytes>,
        /// The values.
        values: Vec<OnnxValue>,
    },
}

impl OnnxValue {
    /// Reads a value of this type; the file does not say which type it has.
    ///
    /// # Errors
    /// [`OnnxError`] naming the file and the place in it.
    pub fn load(path: &Path, ty: &OnnxType, limits: &Limits) -> Result<Self> {
        Self::parse(&path.display().to_string(), read_file(path, limits)?, ty, limits)
    }

    /// Reads a value of this type from bytes; `file` names them in errors.
    ///
    /// # Errors
    /// [`OnnxError`] naming the file and the place in it.
    pub fn parse(file: &str, bytes: Bytes, ty: &OnnxType, limits: &Limits) -> Result<Self> {
        let mut reader = Reader(TensorReader { file, limits, external: External::new(None) });
        match ty {
            OnnxType::Tensor { .. } | OnnxType::Unknown => {
                reader.tensor(&decode(file, bytes, &schema::TENSOR, limits)?)
            }
            OnnxType::SparseTensor { .. } => reader.sparse(&decode(file, bytes, &schema::SPARSE, limits)?),
            OnnxType::Sequence(_) => {
                reader.sequence(&decode(file, bytes, &schema::SEQUENCE, limits)?).map(Self::Sequence)
            }
            OnnxType::Optional(_) => reader.optional(&decode(file, bytes, &schema::OPTIONAL, limits)?),
            OnnxType::Map { .. } => reader.map(&decode(file, bytes, &schema::MAP, limits)?),
            OnnxType::Opaque { .. } => Err(OnnxError::unsupported(file, "value", format!("a value of type {ty}"))),
        }
    }
}

fn decode<M: Message + Default>(
    file: &str,
    bytes: Bytes,
    schema: &'static schema::Schema,
    limits: &Limits,
) -> Result<M> {
    wire::scan(file, &bytes, schema, limits)?;
    M::decode(bytes).map_err(|e| OnnxError::invalid(file, "value", e.to_string()))
}

struct Reader<'a>(TensorReader<'a>);

impl Reader<'_> {
    fn tensor(&mut self, proto: &TensorProto) -> Result<OnnxValue> {
        self.0.dense("tensor", proto).map(OnnxValue::Tensor)
    }

    fn sparse(&mut self, proto: &SparseTensorProto) -> Result<OnnxValue> {
        self.0.sparse("value", proto).map(OnnxValue::Tensor)
    }

    fn sequence(&mut self, proto: &SequenceProto) -> Result<Vec<OnnxValue>> {
        let code = proto.elem_type.unwrap_or(kind::UNDEFINED);
        match code {
            kind::UNDEFINED => Ok(Vec::new()),
            kind::TENSOR => proto.tensor_values.iter().map(|t| self.tensor(t)).collect(),
            kind::SPARSE_TENSOR => proto.sparse_tensor_values.iter().map(|t| self.sparse(t)).collect(),
            kind::SEQUENCE => proto.sequence_values.iter().map(|s| self.sequence(s).map(OnnxValue::Sequence)).collect(),
            kind::MAP => proto.map_values.iter().map(|m| self.map(m)).collect(),
            kind::OPTIONAL => proto.optional_values.iter().map(|o| self.optional(o)).collect(),
            code => Err(OnnxError::unsupported(self.0.file, "sequence", format!("elements of kind {code}"))),
        }
    }

    fn optional(&mut self, proto: &OptionalProto) -> Result<OnnxValue> {
        let value = if let Some(tensor) = &proto.tensor_value {
            self.tensor(tensor)?
        } else if let Some(tensor) = &proto.sparse_tensor_value {
            self.sparse(tensor)?
        } else if let Some(sequence) = &proto.sequence_value {
            OnnxValue::Sequence(self.sequence(sequence)?)
        } else if let Some(map) = &proto.map_value {
            self.map(map)?
        } else if let Some(optional) = &proto.optional_value {
            self.optional(optional)?
        } else {
            return Ok(OnnxValue::Optional(None));
        };
        Ok(OnnxValue::Optional(Some(Box::new(value))))
    }

    fn map(&mut self, proto: &MapProto) -> Result<OnnxValue> {
        let values = proto.values.as_deref().map_or(Ok(Vec::new()), |s| self.sequence(s))?;
        let (keys, string_keys) = (proto.keys.clone(), proto.string_keys.clone());
        if keys.len() + string_keys.len() != values.len() || !(keys.is_empty() || string_keys.is_empty()) {
            let (n, m, v) = (keys.len(), string_keys.len(), values.len());
            let message = format!("{n} integer keys and {m} string keys for {v} values");
            return Err(OnnxError::invalid(self.0.file, "map", message));
        }
        Ok(OnnxValue::Map { key_type: proto.key_type.unwrap_or(0), keys, string_keys, values })
    }
}
