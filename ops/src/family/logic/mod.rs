//! Comparisons, booleans and bits.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
