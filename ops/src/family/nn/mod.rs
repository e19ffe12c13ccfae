//! Layers: convolution, pooling, normalisation, attention, recurrence.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
