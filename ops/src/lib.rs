//! Types, tensors, operator semantics, graphs and programs.
//!
//! This member says what every operator *means*: its signature, how types and shapes flow through it, and a plain
//! reference evaluation. It knows nothing of coordinates, archives or devices. Start at [`Operator`] (what one operator
//! is), [`Registry`] (how they are found), [`graph::Graph`] (how they are wired) and [`program::Program`] (what is run).

pub mod attribute;
pub mod broadcast;
pub mod control;
pub mod dtype;
mod effort;
mod error;
pub mod fact;
pub mod family;
pub mod forest;
pub mod graph;
mod limits;
pub mod numeric;
pub mod operator;
pub mod program;
pub mod registry;
pub mod rows;
pub mod tensor;
pub mod texts;
pub mod value;

pub use attribute::{Attribute, Attributes};
pub use dtype::DType;
pub use effort::Effort;
pub use error::{Error, Result};
pub use fact::{Dim, Fact, Type};
pub use limits::Limits;
pub use operator::{Inputs, Missing, Node, Operator};
pub use registry::{OpRow, Registry};
pub use rows::Rows;
pub use tensor::Tensor;
pub use value::Value;
