//! Values: what flows along an edge of a graph.

use crate::{Error, Result, Tensor};

/// A tensor, or one of ONNX's containers.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A dense tensor.
    Tensor(Tensor),
    /// A sequence of values of one type.
    Sequence(Vec<Value>),
    /// A value or nothing.
    Optional(Option<Box<Value>>),
    /// A map from keys (an `i64` or string tensor of rank 1, in order, without repeats) to values (a tensor of rank 1 and the same length).
    Map {
        /// The keys.
        keys: Tensor,
        /// The value of each key.
        values: Tensor,
    },
}

impl Value {
    /// The tensor.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the value is a container.
    pub fn as_tensor(&self) -> Result<&Tensor> {
        match self {
            Self::Tensor(t) => Ok(t),
            other => Err(Error::invalid(format!("a tensor is expected, the value is a {}", other.kind()))),
        }
    }

    /// The tensor, taken out.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the value is a container.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self {
            Self::Tensor(t) => Ok(t),
            other => Err(Error::invalid(format!("a tensor is expected, the value is a {}", other.kind()))),
        }
    }

    /// The sequence's values.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the value is not a sequence.
    pub fn as_sequence(&self) -> Result<&[Value]> {
        match self {
            Self::Sequence(s) => Ok(s),
            other => Err(Error::invalid(format!("a sequence is expected, the value is a {}", other.kind()))),
        }
    }

    /// `tensor`, `sequence`, `optional` or `map`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tensor(_) => "tensor",
            Self::Sequence(_) => "sequence",
            Self::Optional(_) => "optional",
            Self::Map { .. } => "map",
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}
