//! Resampling and decoding of images.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
