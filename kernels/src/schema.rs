//! The JSON form of a kernel: the syntax tree as data, under a version.
//!
//! Nothing here is checked beyond its form; [`check`](crate::check) gives it types. `kernel.schema.json` beside the
//! manifest describes the same form for other programs.

use hologram_ops::DType;
use serde::{Deserialize, Serialize};

/// The version of the JSON form that this library reads and writes.
pub const SCHEMA_VERSION: u64 = 1;

/// The most levels of JSON that a kernel may nest; `serde_json` itself reads 128.
pub(crate) const LEVELS_MAX: u32 = 100;

/// Line and column, both from 1.
pub(crate) type At = [u32; 2];

/// One kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schema {
    pub(crate) version: u64,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) doc: String,
    pub(crate) domain: Domain,
    pub(crate) params: Vec<Param>,
    #[serde(with = "type_name")]
    pub(crate) returns: DType,
    pub(crate) body: Vec<Statement>,
    pub(crate) at: At,
}

/// What a kernel is launched over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Domain {
    /// Once for each element: inputs have one shape or are scalars, and no element sees another.
    Elements,
}

/// One parameter of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The name.
    pub name: String,
    /// The type of each element.
    #[serde(rename = "type", with = "type_name")]
    pub dtype: DType,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "node", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Statement {
    Assign {
        name: String,
        #[serde(rename = "type", with = "type_name::option", default, skip_serializing_if = "Option::is_none")]
        dtype: Option<DType>,
        value: Expr,
        at: At,
    },
    Return {
        value: Expr,
        at: At,
    },
    /// `if` and its `elif`s: one body a test.
    If {
        tests: Vec<Expr>,
        bodies: Vec<Vec<Statement>>,
        otherwise: Vec<Statement>,
        at: At,
    },
}

impl Statement {
    pub(crate) fn at(&self) -> At {
        match self {
            Self::Assign { at, .. } | Self::Return { at, .. } | Self::If { at, .. } => *at,
        }
    }
}

/// One expression. Numbers keep their text, so that each type reads it with one rounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "node", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Expr {
    Number { text: String, at: At },
    Bool { value: bool, at: At },
    Name { name: String, at: At },
    Unary { op: UnaryOp, operand: Box<Expr>, at: At },
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr>, at: At },
    Compare { ops: Vec<CompareOp>, operands: Vec<Expr>, at: At },
    Logic { op: LogicOp, operands: Vec<Expr>, at: At },
    Choose { test: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr>, at: At },
    Call { function: String, arguments: Vec<Expr>, at: At },
}

impl Expr {
    pub(crate) fn at(&self) -> At {
        match self {
            Self::Number { at, .. }
            | Self::Bool { at, .. }
            | Self::Name { at, .. }
            | Self::Unary { at, .. }
            | Self::Binary { at, .. }
            | Self::Compare { at, .. }
            | Self::Logic { at, .. }
            | Self::Choose { at, .. }
            | Self::Call { at, .. } => *at,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UnaryOp {
    #[serde(rename = "-")]
    Minus,
    #[serde(rename = "+")]
    Plus,
    #[serde(rename = "not")]
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BinaryOp {
    #[serde(rename = "+")]
    Add,
    #[serde(rename = "-")]
    Subtract,
    #[serde(rename = "*")]
    Multiply,
    #[serde(rename = "/")]
    Divide,
    #[serde(rename = "//")]
    FloorDivide,
    #[serde(rename = "%")]
    Modulo,
    #[serde(rename = "**")]
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CompareOp {
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessEqual,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterEqual,
    #[serde(rename = "==")]
    Equal,
    #[serde(rename = "!=")]
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogicOp {
    And,
    Or,
}

/// The types that kernels compute with.
pub(crate) const TYPES: [DType; 5] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::Bool];

/// The kernel type of this name.
pub(crate) fn type_named(name: &str) -> Option<DType> {
    TYPES.into_iter().find(|t| t.name() == name)
}

/// Number types by name, only those that kernels compute with.
mod type_name {
    use super::{DType, type_named};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(dtype: &DType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(dtype.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DType, D::Error> {
        let name = String::deserialize(deserializer)?;
        type_named(&name)
            .ok_or_else(|| D::Error::custom(format!("type '{name}'; kernels compute with f32, f64, i32, i64 and bool")))
    }

    pub(super) mod option {
        use super::DType;
        use serde::{Deserializer, Serializer};

        pub(crate) fn serialize<S: Serializer>(dtype: &Option<DType>, serializer: S) -> Result<S::Ok, S::Error> {
            match dtype {
                Some(dtype) => super::serialize(dtype, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DType>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}
