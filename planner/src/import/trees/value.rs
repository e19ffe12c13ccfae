//! A parsed JSON or UBJSON document, and a cursor that knows its path for error messages.

use std::fmt::Display;

use super::error::{ImportError, Source};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// A real number, rounded once to each width (JSON text is not rounded twice on its way to f32).
    Real {
        wide: f64,
        narrow: f32,
    },
    Text(String),
    Array(Vec<Value>),
    /// Members in the file's order; of equal keys the last counts.
    Object(Vec<(String, Value)>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Integer(_) => "a whole number",
            Self::Real { .. } => "a real number",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// A value and the path that leads to it.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    source: Source<'a>,
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn root(source: Source<'a>, value: &'a Value) -> Self {
        Self { source, path: String::new(), value }
    }

    pub(super) fn source(&self) -> Source<'a> {
        self.source
    }

    pub(super) fn malformed(&self, reason: impl Display) -> ImportError {
        self.source.malformed(self.place(), reason)
    }

    pub(super) fn unsupported(&self, reason: impl Display) -> ImportError {
        self.source.unsupported(self.place(), reason)
    }

    fn place(&self) -> &str {
        if self.path.is_empty() { "top level" } else { &self.path }
    }

    fn wrong(&self, expected: &str) -> ImportError {
        self.malformed(format!("{} instead of {expected}", self.value.kind()))
    }

    /// The member `key`, or none; null counts as none.
    pub(super) fn find(&self, key: &str) -> Result<Option<At<'a>>, ImportError> {
        let Value::Object(members) = self.value else { return Err(self.wrong("an object")) };
        let found = members.iter().rev().find(|(name, value)| name == key && *value != Value::Null);
        Ok(found.map(|(_, value)| {
            let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
            At { source: self.source, path, value }
        }))
    }

    /// The member `key`.
    pub(super) fn get(&self, key: &str) -> Result<At<'a>, ImportError> {
        self.find(key)?.ok_or_else(|| self.malformed(format!("`{key}` is missing")))
    }

    /// The items of an array.
    pub(super) fn items(&self) -> Result<impl ExactSizeIterator<Item = At<'a>> + use<'a>, ImportError> {
        let Value::Array(items) = self.value else { return Err(self.wrong("an array")) };
        let (source, path) = (self.source, self.path.clone());
        Ok(items.iter().enumerate().map(move |(index, value)| At { source, path: format!("{path}[{index}]"), value }))
    }

    /// The items of an array without their paths, for long columns of numbers.
    fn column<T>(&self, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, ImportError> {
        let Value::Array(items) = self.value else { return Err(self.wrong("an array")) };
        let mut column = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let read = read(item);
            column.push(
                read.ok_or_else(|| self.malformed(format!("item {index} is {} instead of {expected}", item.kind())))?,
            );
        }
        Ok(column)
    }

    /// An array of whole numbers; truth values count as 0 and 1.
    pub(super) fn integers(&self) -> Result<Vec<i64>, ImportError> {
        self.column("a whole number", as_integer)
    }

    /// An array of f32.
    pub(super) fn narrow_reals(&self) -> Result<Vec<f32>, ImportError> {
        self.column("a number", |value| match value {
            Value::Real { narrow, .. } => Some(*narrow),
            Value::Integer(whole) => Some(*whole as f32),
            _ => None,
        })
    }

    /// An array of f64.
    pub(super) fn wide_reals(&self) -> Result<Vec<f64>, ImportError> {
        self.column("a number", as_wide)
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&'a str, ImportError> {
        match self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A whole number, as such or as a text (XGBoost writes parameters as text).
    pub(super) fn integer(&self) -> Result<i64, ImportError> {
        match self.value {
            Value::Text(text) => text.parse().map_err(|_| self.malformed(format!("`{text}` is no whole number"))),
            other => as_integer(other).ok_or_else(|| self.wrong("a whole number")),
        }
    }

    /// A whole number that fits u32, as [`At::integer`].
    pub(super) fn count(&self) -> Result<u32, ImportError> {
        let whole = self.integer()?;
        u32::try_from(whole).map_err(|_| self.malformed(format!("{whole} is no count")))
    }

    /// A number as f64.
    pub(super) fn wide_real(&self) -> Result<f64, ImportError> {
        as_wide(self.value).ok_or_else(|| self.wrong("a number"))
    }

    /// The value itself.
    pub(super) fn value(&self) -> &'a Value {
        self.value
    }
}

fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(whole) => Some(*whole),
        Value::Bool(bit) => Some(i64::from(*bit)),
        _ => None,
    }
}

fn as_wide(value: &Value) -> Option<f64> {
    match value {
        Value::Real { wide, .. } => Some(*wide),
        Value::Integer(whole) => Some(*whole as f64),
        _ => None,
    }
}
