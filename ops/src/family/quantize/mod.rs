//! Quantised numbers and products of them.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
