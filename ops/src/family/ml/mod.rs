//! The `ai.onnx.ml` domain: tables, trees, linear and kernel models.

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[];
