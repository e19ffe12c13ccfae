//! Layers: convolution, pooling, normalisation, attention, recurrence.

pub(crate) mod attend;
pub(crate) mod attention;
mod average_pool;
mod batch_normalization;
mod causal_conv;
mod conv;
mod conv_transpose;
mod deform_conv;
mod flex_attention;
mod global_pool;
mod group_normalization;
mod gru;
mod instance_normalization;
pub(crate) mod layer_normalization;
mod linear_attention;
mod loss;
mod lp_normalization;
mod lp_pool;
mod lrn;
pub(crate) mod lstm;
mod max_pool;
mod max_roi_pool;
mod max_unpool;
mod mean_variance_normalization;
mod non_max_suppression;
pub(crate) mod recurrent;
pub(crate) mod rms_normalization;
mod rnn;
mod roi_align;
pub(crate) mod rotary_embedding;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod wide;
pub mod window;

pub use attend::Capture;
pub use attention::Attention;
pub use average_pool::AveragePool;
pub use batch_normalization::BatchNormalization;
pub use causal_conv::CausalConvWithState;
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use deform_conv::DeformConv;
pub use flex_attention::FlexAttention;
pub use global_pool::{Global, GlobalPool};
pub use group_normalization::GroupNormalization;
pub use gru::Gru;
pub use instance_normalization::InstanceNormalization;
pub use layer_normalization::LayerNormalization;
pub use linear_attention::{LinearAttention, UpdateRule};
pub use loss::{Loss, Reduction};
pub use lp_normalization::LpNormalization;
pub use lp_pool::LpPool;
pub use lrn::Lrn;
pub use lstm::Lstm;
pub use max_pool::MaxPool;
pub use max_roi_pool::MaxRoiPool;
pub use max_unpool::MaxUnpool;
pub use mean_variance_normalization::MeanVarianceNormalization;
pub use non_max_suppression::NonMaxSuppression;
pub use recurrent::{Activation, Direction, Recurrent};
pub use rms_normalization::RmsNormalization;
pub use rnn::Rnn;
pub use roi_align::RoiAlign;
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
    row("BatchNormalization", 1, batch_normalization::parse),
    row("BatchNormalization", 7, batch_normalization::parse),
    row("BatchNormalization", 9, batch_normalization::parse),
    row("BatchNormalization", 14, batch_normalization::parse),
    row("CausalConvWithState", 27, causal_conv::parse),
    row("Conv", 1, conv::parse),
    row("ConvTranspose", 1, conv_transpose::parse),
    row("DeformConv", 19, deform_conv::parse),
    row("GRU", 1, gru::parse),
    row("GlobalAveragePool", 1, global_pool::parse_average),
    row("GlobalLpPool", 1, global_pool::parse_norm),
    row("GlobalLpPool", 2, global_pool::parse_norm),
    row("GlobalMaxPool", 1, global_pool::parse_max),
    row("GroupNormalization", 18, group_normalization::parse),
    row("GroupNormalization", 21, group_normalization::parse),
    row("InstanceNormalization", 1, instance_normalization::parse),
    row("LRN", 1, lrn::parse),
    row("LSTM", 1, lstm::parse),
    // Exporters that fuse wrote it before the specification had it.
    row("LayerNormalization", 1, layer_normalization::parse),
    row("LayerNormalization", 17, layer_normalization::parse),
    row("LinearAttention", 27, linear_attention::parse),
    row("LpNormalization", 1, lp_normalization::parse),
    row("LpPool", 1, lp_pool::parse),
    row("LpPool", 2, lp_pool::parse),
    row("MaxPool", 1, max_pool::parse),
    row("MaxRoiPool", 1, max_roi_pool::parse),
    row("MaxUnpool", 9, max_unpool::parse),
    row("MeanVarianceNormalization", 9, mean_variance_normalization::parse),
    row("NegativeLogLikelihoodLoss", 12, loss::parse_likelihood),
    row("NonMaxSuppression", 10, non_max_suppression::parse),
    row("RMSNormalization", 23, rms_normalization::parse),
    row("RNN", 1, rnn::parse),
    row("RoiAlign", 10, roi_align::parse),
    row("RoiAlign", 16, roi_align::parse),
    row("RotaryEmbedding", 23, rotary_embedding::parse),
    row("SoftmaxCrossEntropyLoss", 12, loss::parse_softmax),
    OpRow { domain: "ai.onnx.preview", op: "FlexAttention", since: 1, parse: flex_attention::parse },
];
