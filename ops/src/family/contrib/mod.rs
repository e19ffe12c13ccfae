//! The `com.microsoft` operators that exported models contain.

pub mod quantized;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
