//! Tree ensembles: the one in-memory form for LightGBM, XGBoost and CatBoost files and the ONNX tree operators.
//!
//! A [`Forest`] is data plus a declared meaning: flat columns of nodes, leaves and weights ([`ForestParts`]), a plain
//! evaluation that states the order of every addition ([`Forest::evaluate_row`]), and a byte form for archives
//! ([`Forest::to_bytes`]). Links that libraries apply after the raw score live apart, in [`PostTransform`].
//!
//! It holds no fast kernel: backends read the same columns, and must give the bits that the evaluation here gives.
//! Start at [`ForestParts`].

mod builder;
mod encode;
mod error;
mod evaluate;
mod narrow;
mod parts;
mod transform;
mod validate;

#[cfg(test)]
mod tests;

pub use builder::SourceNode;
pub use error::ForestError;
pub use narrow::Span;
pub use parts::{
    Aggregate, BaseOrder, CategoryCast, CategorySet, ChildRef, Forest, ForestParts, Leaf, LeafWeight, LinearLeaf,
    LinearTerm, Missing, MissingValues, Mode, Nodes, Precision, Tree, TreeShape, ZERO_MAX,
};
pub use transform::PostTransform;
