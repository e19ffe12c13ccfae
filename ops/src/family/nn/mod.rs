//! Layers: convolution, pooling, normalisation, attention, recurrence.

mod average_pool;
mod batch_normalization;
mod conv;
mod global_pool;
mod layer_normalization;
mod lp_pool;
mod max_pool;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wide;
pub mod window;

pub use average_pool::AveragePool;
pub use batch_normalization::BatchNormalization;
pub use conv::Conv;
pub use global_pool::{Global, GlobalPool};
pub use layer_normalization::LayerNormalization;
pub use lp_pool::LpPool;
pub use max_pool::MaxPool;
pub use window::{AutoPad, Span, Window};

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

type Parse = fn(&Node<'_>) -> Result<Arc<dyn Operator>>;

const fn row(op: &'static str, since: u32, parse: Parse) -> OpRow {
    OpRow { domain: "", op, since, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("AveragePool", 1, average_pool::parse),
    row("BatchNormalization", 7, batch_normalization::parse),
    row("BatchNormalization", 9, batch_normalization::parse),
    row("BatchNormalization", 14, batch_normalization::parse),
    row("Conv", 1, conv::parse),
    row("GlobalAveragePool", 1, global_pool::parse_average),
    row("GlobalLpPool", 1, global_pool::parse_norm),
    row("GlobalLpPool", 2, global_pool::parse_norm),
    row("GlobalMaxPool", 1, global_pool::parse_max),
    row("LayerNormalization", 17, layer_normalization::parse),
    row("LpPool", 1, lp_pool::parse),
    row("LpPool", 2, lp_pool::parse),
    row("MaxPool", 1, max_pool::parse),
];
