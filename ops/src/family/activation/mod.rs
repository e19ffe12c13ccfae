//! Functions of one element that networks put between layers.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
