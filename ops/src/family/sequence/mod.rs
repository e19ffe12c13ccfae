//! Sequences and optionals.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
