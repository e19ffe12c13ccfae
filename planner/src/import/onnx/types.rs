//! Types and shapes as a model declares them.

use super::{
    error::{OnnxError, Result},
    proto::{DimensionProto, DimensionValue, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto},
    tensor::type_name,
};
use std::fmt;

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnnxType {
    /// Nothing is declared.
    #[default]
    Unknown,
    /// A tensor.
    Tensor {
        /// The element type as a number of `TensorProto.DataType`; 0 when it is not declared.
        data_type: i32,
        /// The dimensions, or `None` when not even their number is declared.
        shape: Option<Vec<OnnxDim>>,
    },
    /// A sparse tensor.
    SparseTensor {
        /// The element type as a number of `TensorProto.DataType`.
        data_type: i32,
        /// The dimensions.
        shape: Option<Vec<OnnxDim>>,
    },
    /// A sequence of values of one type.
    Sequence(Box<OnnxType>),
    /// A value or nothing.
    Optional(Box<OnnxType>),
    /// A map.
    Map {
        /// The type of the keys as a number of `TensorProto.DataType`.
        key_type: i32,
        /// The type of the values.
        value_type: Box<OnnxType>,
    },
    /// A type of somebody else.
    Opaque {
        /// Whose it is.
        domain: String,
        /// Its name.
        name: String,
    },
}

/// A declared dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnnxDim {
    /// A size.
    Known(usize),
    /// A name; equal names are equal sizes.
    Symbol(String),
    /// Any size.
    Unknown,
}

/// A name with its declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxValueInfo {
    /// The value's name.
    pub name: String,
    /// The declared type.
    pub ty: OnnxType,
}

impl fmt::Display for OnnxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Tensor { data_type, shape } => write!(f, "tensor of {}{}", type_name(*data_type), Shape(shape)),
            Self::SparseTensor { data_type, shape } => {
                write!(f, "sparse tensor of {}{}", type_name(*data_type), Shape(shape))
            }
            Self::Sequence(of) => write!(f, "sequence of {of}"),
            Self::Optional(of) => write!(f, "optional {of}"),
            Self::Map { key_type, value_type } => write!(f, "map from {} to {value_type}", type_name(*key_type)),
            Self::Opaque { domain, name } => write!(f, "opaque {domain}.{name}"),
        }
    }
}

struct Shape<'a>(&'a Option<Vec<OnnxDim>>);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(dims) = self.0 else { return Ok(()) };
        f.write_str(" [")?;
        for (i, dim) in dims.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            match dim {
                OnnxDim::Known(n) => write!(f, "{n}")?,
                OnnxDim::Symbol(name) => f.write_str(name)?,
                OnnxDim::Unknown => f.write_str("?")?,
            }
        }
        f.write_str("]")
    }
}

/// A value's name and type.
///
/// # Errors
/// [`OnnxError::Invalid`] for dimensions that cannot be.
pub(super) fn value_info(file: &str, proto: &ValueInfoProto) -> Result<OnnxValueInfo> {
    let name = proto.name.clone().unwrap_or_default();
    let ty = match &proto.r#type {
        Some(ty) => read_type(ty).map_err(|e| OnnxError::invalid(file, format!("value '{name}'"), e))?,
        None => OnnxType::Unknown,
    };
    Ok(OnnxValueInfo { name, ty })
}

/// A declared type; the error says what is wrong.
pub(super) fn read_type(proto: &TypeProto) -> Result<OnnxType, String> {
    let inner = |ty: Option<&TypeProto>| ty.map_or(Ok(OnnxType::Unknown), read_type).map(Box::new);
    Ok(match &proto.value {
        None => OnnxType::Unknown,
        Some(TypeValue::Tensor(t)) => OnnxType::Tensor { data_type: t.elem_type.unwrap_or(0), shape: shape(t)? },
        Some(TypeValue::SparseTensor(t)) => {
            OnnxType::SparseTensor { data_type: t.elem_type.unwrap_or(0), shape: shape(t)? }
        }
        Some(TypeValue::Sequence(s)) => OnnxType::Sequence(inner(s.elem_type.as_deref())?),
        Some(TypeValue::Optional(o)) => OnnxType::Optional(inner(o.elem_type.as_deref())?),
        Some(TypeValue::Map(m)) => {
            OnnxType::Map { key_type: m.key_type.unwrap_or(0), value_type: inner(m.value_type.as_deref())? }
        }
        Some(TypeValue::Opaque(o)) => {
            OnnxType::Opaque { domain: o.domain.clone().unwrap_or_default(), name: o.name.clone().unwrap_or_default() }
        }
    })
}

fn shape(proto: &TensorTypeProto) -> Result<Option<Vec<OnnxDim>>, String> {
    proto.shape.as_ref().map(|s| s.dim.iter().map(dim).collect()).transpose()
}

/// Exporters write -1 for a size that they do not know.
fn dim(proto: &DimensionProto) -> Result<OnnxDim, String> {
    match &proto.value {
        None | Some(DimensionValue::DimValue(-1)) => Ok(OnnxDim::Unknown),
        Some(DimensionValue::DimParam(name)) if name.is_empty() => Ok(OnnxDim::Unknown),
        Some(DimensionValue::DimParam(name)) => Ok(OnnxDim::Symbol(name.clone())),
        Some(DimensionValue::DimValue(n)) => {
            usize::try_from(*n).map(OnnxDim::Known).map_err(|_| format!("{n} is declared as a dimension"))
        }
    }
}
