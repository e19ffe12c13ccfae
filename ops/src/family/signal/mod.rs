//! Transforms of signals and windows.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
