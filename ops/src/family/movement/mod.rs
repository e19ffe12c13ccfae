//! Operators that move elements, change shapes or types, and compute nothing.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
