//! Layers: convolution, pooling, normalisation, attention, recurrence.

mod attend;
mod attention;
mod average_pool;
mod batch_normalization;
mod conv;
mod global_pool;
mod gru;
mod layer_normalization;
mod lp_pool;
mod lstm;
mod max_pool;
mod recurrent;
mod rnn;
mod rotary_embedding;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wide;
pub mod window;

pub use attend::Capture;
pub use attention::Attention;
pub use average_pool::AveragePool;
pub use batch_normalization::BatchNormalization;
pub use conv::Conv;
pub use global_pool::{Global, GlobalPool};
pub use gru::Gru;
pub use layer_normalization::LayerNormalization;
pub use lp_pool::LpPool;
pub use lstm::Lstm;
pub use max_pool::MaxPool;
pub use recurrent::{Activation, Direction, Recurrent};
pub use rnn::Rnn;
pub use rotary_embedding::RotaryEmbedding;
pub use window::{AutoPad, Span, Window};

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

type Parse = fn(&Node<'_>) -> Result<Arc<dyn Operator>>;

const fn row(op: &'static str, since: u32, parse: Parse) -> OpRow {
    OpRow { domain: "", op, since, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("Attention", 23, attention::parse),
    row("AveragePool", 1, average_pool::parse),
    row("BatchNormalization", 7, batch_normalization::parse),
    row("BatchNormalization", 9, batch_normalization::parse),
    row("BatchNormalization", 14, batch_normalization::parse),
    row("Conv", 1, conv::parse),
    row("GRU", 7, gru::parse),
    row("GlobalAveragePool", 1, global_pool::parse_average),
    row("GlobalLpPool", 1, global_pool::parse_norm),
    row("GlobalLpPool", 2, global_pool::parse_norm),
    row("GlobalMaxPool", 1, global_pool::parse_max),
    row("LSTM", 7, lstm::parse),
    row("LayerNormalization", 17, layer_normalization::parse),
    row("LpPool", 1, lp_pool::parse),
    row("LpPool", 2, lp_pool::parse),
    row("MaxPool", 1, max_pool::parse),
    row("RNN", 7, rnn::parse),
    row("RotaryEmbedding", 23, rotary_embedding::parse),
];
