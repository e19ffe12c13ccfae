//! The `com.microsoft` operators that exported models contain.
//!
//! Their meaning is what onnxruntime's CPU does. They are made of the operators of `ai.onnx`, in whose files the
//! arithmetic stands.

mod activated;
mod attention;
mod bias_gelu;
mod compose;
mod embed_layer_normalization;
mod fast_gelu;
mod fused_conv;
mod fused_gemm;
mod fused_matmul;
mod gelu;
mod group_query_attention;
mod layer_normalization;
mod multi_head_attention;
mod padding;
mod quick_gelu;
mod rotary_embedding;
mod simplified_layer_normalization;
mod skip_layer_normalization;
mod skip_simplified_layer_normalization;

pub use activated::Activated;
pub use attention::PackedAttention;
pub use bias_gelu::BiasGelu;
pub use embed_layer_normalization::EmbedLayerNormalization;
pub use fused_matmul::{FusedMatMul, Turn};
pub use group_query_attention::GroupQueryAttention;
pub use multi_head_attention::MultiHeadAttention;
pub use simplified_layer_normalization::SimplifiedLayerNormalization;
pub use skip_layer_normalization::SkipLayerNormalization;

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

type Parse = fn(&Node<'_>) -> Result<Arc<dyn Operator>>;

const fn row(op: &'static str, parse: Parse) -> OpRow {
    OpRow { domain: "com.microsoft", op, since: 1, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("Attention", attention::parse),
    row("BiasGelu", bias_gelu::parse),
    row("EmbedLayerNormalization", embed_layer_normalization::parse),
    row("FastGelu", fast_gelu::parse),
    row("FusedConv", fused_conv::parse),
    row("FusedGemm", fused_gemm::parse),
    row("FusedMatMul", fused_matmul::parse),
    row("Gelu", gelu::parse),
    row("GroupQueryAttention", group_query_attention::parse),
    row("LayerNormalization", layer_normalization::parse),
    row("MultiHeadAttention", multi_head_attention::parse),
    row("QuickGelu", quick_gelu::parse),
    row("RotaryEmbedding", rotary_embedding::parse),
    row("SimplifiedLayerNormalization", simplified_layer_normalization::parse),
    row("SkipLayerNormalization", skip_layer_normalization::parse),
    row("SkipSimplifiedLayerNormalization", skip_simplified_layer_normalization::parse),
    // Exporters write this one into ai.onnx.
    OpRow { domain: "", op: "SimplifiedLayerNormalization", since: 1, parse: simplified_layer_normalization::parse },
];
