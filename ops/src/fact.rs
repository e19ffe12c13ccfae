//! Facts: what is known of a value before it is computed.

use crate::{DType, Error, Result, Tensor, Value};
use std::sync::Arc;

/// One dimension of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A size.
    Known(usize),
    /// A size that has a name, equal wherever the name stands.
    Symbol(Arc<str>),
    /// A size of which nothing is known.
    Unknown,
}

impl Dim {
    /// The size, if it is known.
    pub fn known(&self) -> Option<usize> {
        match self {
            Self::Known(n) => Some(*n),
            _ => None,
        }
    }

    /// A named size.
    pub fn symbol(name: &str) -> Self {
        Self::Symbol(name.into())
    }

    /// Applies arithmetic to a known size; anything else becomes unknown.
    #[must_use]
    pub fn map(&self, f: impl FnOnce(usize) -> usize) -> Self {
        self.known().map_or(Self::Unknown, |n| Self::Known(f(n)))
    }

    /// The dimension that two broadcast dimensions give (ONNX multidirectional broadcasting).
    ///
    /// # Errors
    /// [`Error::Invalid`] when both are known, differ, and neither is 1.
    pub fn broadcast(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (a, b) if a == b => Ok(a.clone()),
            (Self::Known(1), d) | (d, Self::Known(1)) => Ok(d.clone()),
            (Self::Known(a), Self::Known(b)) => {
                Err(Error::invalid(format!("dimensions {a} and {b} neither match nor broadcast")))
            }
            (Self::Known(n), _) | (_, Self::Known(n)) => Ok(Self::Known(*n)),
            _ => Ok(Self::Unknown),
        }
    }

    /// What is known when a value must satisfy both.
    ///
    /// # Errors
    /// [`Error::Invalid`] when two known sizes differ.
    pub fn unify(&self, other: &Self) -> Result<Self> {
        match (self, other) {
            (Self::Known(a), Self::Known(b)) if a != b => {
                Err(Error::invalid(format!("dimension {a} where {b} is expected")))
            }
            (Self::Known(n), _) | (_, Self::Known(n)) => Ok(Self::Known(*n)),
            (Self::Symbol(s), _) | (_, Self::Symbol(s)) => Ok(Self::Symbol(s.clone())),
            _ => Ok(Self::Unknown),
        }
    }
}

impl From<&str> for Dim {
    fn from(name: &str) -> Self {
        Self::symbol(name)
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Self {
        Self::Known(n)
    }
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(n) => write!(f, "{n}"),
            Self::Symbol(s) => f.write_str(s),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// The shape that multidirectional broadcasting gives.
///
/// # Errors
/// [`Error::Invalid`] when the shapes do not broadcast.
pub fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>> {
    let rank = a.len().max(b.len());
    let at = |s: &[Dim], i: usize| (i + s.len()).checked_sub(rank).map_or(Dim::Known(1), |j| s[j].clone());
    (0..rank)
        .map(|i| at(a, i).broadcast(&at(b, i)))
        .collect::<Result<_>>()
        .map_err(|e| e.at(format!("shapes {} and {}", shape_text(a), shape_text(b))))
}

/// The known sizes of a shape, if all are known.
pub fn known_shape(shape: &[Dim]) -> Option<Vec<usize>> {
    shape.iter().map(Dim::known).collect()
}

/// A shape as messages print it: `[N, 3, ?]`.
pub fn shape_text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Nothing is known.
    Unknown,
    /// A tensor; without a shape its rank is unknown.
    Tensor {
        /// The element type.
        dtype: DType,
        /// The dimensions.
        shape: Option<Vec<Dim>>,
    },
    /// A sequence of values of this type.
    Sequence(Box<Type>),
    /// A value of this type or nothing.
    Optional(Box<Type>),
    /// A map.
    Map {
        /// The keys' type.
        key: DType,
        /// The values' type.
        value: DType,
    },
}

impl Type {
    /// A tensor of a known shape.
    pub fn tensor(dtype: DType, shape: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        Self::Tensor { dtype, shape: Some(shape.into_iter().map(Into::into).collect()) }
    }

    /// The type of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Tensor(t) => Self::tensor(t.dtype(), t.shape().iter().copied()),
            Value::Sequence(s) => Self::Sequence(Box::new(s.first().map_or(Self::Unknown, |v| match Self::of(v) {
                Self::Tensor { dtype, .. } => Self::Tensor { dtype, shape: None },
                other => other,
            }))),
            Value::Optional(o) => Self::Optional(Box::new(o.as_ref().map_or(Self::Unknown, |v| Self::of(v)))),
            Value::Map { keys, values } => Self::Map { key: keys.dtype(), value: values.dtype() },
        }
    }

    /// The type without shapes.
    #[must_use]
    pub fn shapeless(&self) -> Self {
        match self {
            Self::Tensor { dtype, .. } => Self::Tensor { dtype: *dtype, shape: None },
            Self::Sequence(of) => Self::Sequence(Box::new(of.shapeless())),
            Self::Optional(of) => Self::Optional(Box::new(of.shapeless())),
            other => other.clone(),
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("?"),
            Self::Tensor { dtype, shape: None } => write!(f, "{dtype}[..]"),
            Self::Tensor { dtype, shape: Some(s) } => write!(f, "{dtype}{}", shape_text(s)),
            Self::Sequence(t) => write!(f, "sequence<{t}>"),
            Self::Optional(t) => write!(f, "optional<{t}>"),
            Self::Map { key, value } => write!(f, "map<{key}, {value}>"),
        }
    }
}

/// What is known of a value: its type, its value when it is constant, and, for small integer tensors that are computed
/// from shapes, each element as a dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The type.
    pub ty: Type,
    /// The value, when it is known.
    pub value: Option<Tensor>,
    /// The elements of an integer tensor of rank 0 or 1 as dimensions, when at least their number is known.
    pub dims: Option<Vec<Dim>>,
}

impl Fact {
    /// Only a type.
    pub fn of(ty: Type) -> Self {
        Self { ty, value: None, dims: None }
    }

    /// A tensor of which the dimensions may be unknown.
    pub fn tensor(dtype: DType, shape: Option<Vec<Dim>>) -> Self {
        Self::of(Type::Tensor { dtype, shape })
    }

    /// A tensor of this shape.
    pub fn shaped(dtype: DType, shape: impl IntoIterator<Item = impl Into<Dim>>) -> Self {
        Self::of(Type::tensor(dtype, shape))
    }

    /// A known tensor.
    pub fn constant(value: Tensor) -> Self {
        let dims = (value.rank() <= 1 && value.len() <= 64 && matches!(value.dtype(), DType::I64 | DType::I32))
            .then(|| value.to_i64_vec().ok())
            .flatten()
            .map(|v| v.into_iter().map(|n| usize::try_from(n).map_or(Dim::Unknown, Dim::Known)).collect());
        Self { ty: Type::tensor(value.dtype(), value.shape().iter().copied()), value: Some(value), dims }
    }

    /// The element type, if the value is a tensor.
    pub fn dtype(&self) -> Option<DType> {
        match &self.ty {
            Type::Tensor { dtype, .. } => Some(*dtype),
            _ => None,
        }
    }

    /// The shape, if the value is a tensor of known rank.
    pub fn shape(&self) -> Option<&[Dim]> {
        match &self.ty {
            Type::Tensor { shape: Some(s), .. } => Some(s),
            _ => None,
        }
    }

    /// The shape, if every dimension is known.
    pub fn known_shape(&self) -> Option<Vec<usize>> {
        self.shape().and_then(known_shape)
    }
}

/// The facts of a node's inputs, with the checks that every operator makes of them.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a>(pub &'a [Option<&'a Fact>]);

impl<'a> Facts<'a> {
    /// The number of inputs, absent ones in the middle counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fact of input `i`, if it is given.
    pub fn get(&self, i: usize) -> Option<&'a Fact> {
        self.0.get(i).copied().flatten()
    }

    /// The fact of input `i`, which must be given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is absent.
    pub fn required(&self, i: usize) -> Result<&'a Fact> {
        self.get(i).ok_or_else(|| Error::invalid(format!("input {i} is required and missing")))
    }

    /// The element type of tensor input `i`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the input is absent or no tensor.
    pub fn dtype(&self, i: usize) -> Result<DType> {
        let fact = self.required(i)?;
        fact.dtype().ok_or_else(|| Error::invalid(format!("input {i} is {} where a tensor is expected", fact.ty)))
    }

    /// The element type of input `i`, which must be one that `allowed` accepts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn dtype_where(&self, i: usize, what: &str, allowed: impl Fn(DType) -> bool) -> Result<DType> {
        let dtype = self.dtype(i)?;
        if allowed(dtype) {
            Ok(dtype)
        } else {
            Err(Error::invalid(format!("input {i} is {dtype} where {what} is expected")))
        }
    }

    /// The one element type that all given inputs share.
    ///
    /// # Errors
    /// [`Error::Invalid`] when two differ or there are none.
    pub fn same_dtype(&self) -> Result<DType> {
        let first = self.dtype(0)?;
        for i in 1..self.len() {
            if self.get(i).is_some() && self.dtype(i)? != first {
                return Err(Error::invalid(format!("input {i} is {} where {first} is expected", self.dtype(i)?)));
            }
        }
        Ok(first)
    }

    /// The dimensions of tensor input `i`; `None` when its rank is unknown.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the input is absent or no tensor.
    pub fn shape(&self, i: usize) -> Result<Option<&'a [Dim]>> {
        self.dtype(i)?;
        Ok(self.required(i)?.shape())
    }

    /// The value of input `i`, when it is known.
    pub fn value(&self, i: usize) -> Option<&'a Tensor> {
        self.get(i).and_then(|f| f.value.as_ref())
    }

    /// The known integers of input `i`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the value is known and does not hold integers.
    pub fn ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        self.value(i).map(Tensor::to_i64_vec).transpose().map_err(|e| e.at(format!("input {i}")))
    }
}
