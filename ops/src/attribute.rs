//! Attributes: what a node fixes at load.

use crate::{DType, Error, Result, Tensor, graph::Graph};
use std::{collections::BTreeMap, sync::Arc};

/// One attribute of a node.
#[derive(Debug, Clone)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Text (ONNX keeps bytes; those that are not UTF-8 are refused at import).
    String(String),
    /// A tensor.
    Tensor(Tensor),
    /// A subgraph; the values that it captures are explicit inputs, last in its list of inputs.
    Graph(Arc<Graph>),
    /// Numbers.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Texts.
    Strings(Vec<String>),
    /// Tensors.
    Tensors(Vec<Tensor>),
}

impl From<f32> for Attribute {
    fn from(v: f32) -> Self {
        Self::Float(v)
    }
}

impl From<i64> for Attribute {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}

impl From<&str> for Attribute {
    fn from(v: &str) -> Self {
        Self::String(v.to_owned())
    }
}

impl From<Tensor> for Attribute {
    fn from(v: Tensor) -> Self {
        Self::Tensor(v)
    }
}

impl From<Arc<Graph>> for Attribute {
    fn from(v: Arc<Graph>) -> Self {
        Self::Graph(v)
    }
}

impl<const N: usize> From<[f32; N]> for Attribute {
    fn from(v: [f32; N]) -> Self {
        Self::Floats(v.into())
    }
}

impl<const N: usize> From<[i64; N]> for Attribute {
    fn from(v: [i64; N]) -> Self {
        Self::Ints(v.into())
    }
}

impl<const N: usize> From<[&str; N]> for Attribute {
    fn from(v: [&str; N]) -> Self {
        Self::Strings(v.map(str::to_owned).into())
    }
}

/// The attributes of a node by name, in a fixed order.
#[derive(Debug, Clone, Default)]
pub struct Attributes(BTreeMap<String, Attribute>);

macro_rules! getters {
    ($($name:ident, $name_or:ident, $variant:ident, $ty:ty, $what:literal;)+) => {$(
        #[doc = concat!("The attribute as ", $what, ", if it is there.\n\n# Errors\n[`Error::Invalid`] when it has another type.")]
        pub fn $name(&self, name: &str) -> Result<Option<$ty>> {
            match self.0.get(name) {
                None => Ok(None),
                Some(Attribute::$variant(v)) => Ok(Some(v.clone())),
                Some(other) => Err(wrong_type(name, other, $what)),
            }
        }
        #[doc = concat!("The attribute as ", $what, ", or the default.\n\n# Errors\n[`Error::Invalid`] when it has another type.")]
        pub fn $name_or(&self, name: &str, default: $ty) -> Result<$ty> {
            Ok(self.$name(name)?.unwrap_or(default))
        }
    )+};
}

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same attributes with one more (or replaced).
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.0.insert(name.into(), attribute);
        self
    }

    /// Sets an attribute.
    pub fn insert(&mut self, name: impl Into<String>, attribute: Attribute) {
        self.0.insert(name.into(), attribute);
    }

    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.0.get(name)
    }

    /// Name and attribute, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    getters! {
        float, float_or, Float, f32, "a float";
        int, int_or, Int, i64, "an integer";
        string, string_or, String, String, "a string";
        tensor, tensor_or, Tensor, Tensor, "a tensor";
        graph, graph_or, Graph, Arc<Graph>, "a graph";
        floats, floats_or, Floats, Vec<f32>, "a list of floats";
        ints, ints_or, Ints, Vec<i64>, "a list of integers";
        strings, strings_or, Strings, Vec<String>, "a list of strings";
    }

    /// An integer attribute read as a flag (0 is false).
    ///
    /// # Errors
    /// [`Error::Invalid`] when it has another type.
    pub fn flag_or(&self, name: &str, default: bool) -> Result<bool> {
        Ok(self.int(name)?.map_or(default, |v| v != 0))
    }

    /// An integer attribute read as ONNX's code of an element type.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Unsupported`] when it is no such code.
    pub fn dtype(&self, name: &str) -> Result<Option<DType>> {
        self.int(name)?.map(|c| DType::from_code(i32::try_from(c).unwrap_or(-1))).transpose()
    }

    /// An attribute that must be there.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn required<T>(&self, name: &str, read: impl Fn(&Self, &str) -> Result<Option<T>>) -> Result<T> {
        read(self, name)?.ok_or_else(|| Error::invalid(format!("attribute '{name}' is required and missing")))
    }
}

fn wrong_type(name: &str, found: &Attribute, expected: &str) -> Error {
    let found = match found {
        Attribute::Float(_) => "a float",
        Attribute::Int(_) => "an integer",
        Attribute::String(_) => "a string",
        Attribute::Tensor(_) => "a tensor",
        Attribute::Graph(_) => "a graph",
        Attribute::Floats(_) => "a list of floats",
        Attribute::Ints(_) => "a list of integers",
        Attribute::Strings(_) => "a list of strings",
        Attribute::Tensors(_) => "a list of tensors",
    };
    Error::invalid(format!("attribute '{name}' is {found} where {expected} is expected"))
}

/// The same type and bits; graphs are equal when they are the same graph.
impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Tensor(a), Self::Tensor(b)) => a == b,
            (Self::Graph(a), Self::Graph(b)) => Arc::ptr_eq(a, b),
            (Self::Floats(a), Self::Floats(b)) => bits(a) == bits(b),
            (Self::Ints(a), Self::Ints(b)) => a == b,
            (Self::Strings(a), Self::Strings(b)) => a == b,
            (Self::Tensors(a), Self::Tensors(b)) => a == b,
            _ => false,
        }
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
