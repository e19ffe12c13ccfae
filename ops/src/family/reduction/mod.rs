//! Operators that combine elements along axes.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
