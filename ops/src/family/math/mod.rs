//! Arithmetic on elements and products of matrices.

mod add;
mod matmul;

pub use add::Add;
pub use matmul::MatMul;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "Add", since: 7, parse: add::parse },
    OpRow { domain: "", op: "MatMul", since: 1, parse: matmul::parse },
];
