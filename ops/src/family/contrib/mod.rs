//! The `com.microsoft` operators that exported models contain.
//!
//! Their meaning is what onnxruntime's CPU does. They are made of the operators of `ai.onnx`, in whose files the
//! arithmetic stands.

mod activated;
mod attention;
mod bias_gelu;
mod compose;
mod crop_and_resize;
mod embed_layer_normalization;
mod expand_dims;
mod fast_gelu;
mod fused_conv;
mod fused_gemm;
mod fused_matmul;
mod gelu;
mod grid_sample;
mod group_query_attention;
mod inverse;
mod layer_normalization;
mod multi_head_attention;
mod murmur_hash3;
mod ngram_repeat_block;
mod pad;
mod padding;
pub mod quantized;
mod quick_gelu;
mod range;
mod rotary_embedding;
mod simplified_layer_normalization;
mod skip_layer_normalization;
mod skip_simplified_layer_normalization;
mod tokenizer;
mod trilu;
mod unique;
mod word_conv_embedding;

pub use activated::Activated;
pub use attention::PackedAttention;
pub use bias_gelu::BiasGelu;
pub use crop_and_resize::CropAndResize;
pub use embed_layer_normalization::EmbedLayerNormalization;
pub use fused_matmul::{FusedMatMul, Turn};
pub use group_query_attention::GroupQueryAttention;
pub use inverse::Inverse;
pub use multi_head_attention::MultiHeadAttention;
pub use murmur_hash3::MurmurHash3;
pub use ngram_repeat_block::NGramRepeatBlock;
pub use range::Range;
pub use simplified_layer_normalization::SimplifiedLayerNormalization;
pub use skip_layer_normalization::SkipLayerNormalization;
pub use tokenizer::{Cut, Longest, Tokenizer};
pub use unique::Unique;
pub use word_conv_embedding::WordConvEmbedding;

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
    row("CropAndResize", crop_and_resize::parse),
    row("EmbedLayerNormalization", embed_layer_normalization::parse),
    row("ExpandDims", expand_dims::parse),
    row("FastGelu", fast_gelu::parse),
    row("FusedConv", fused_conv::parse),
    row("FusedGemm", fused_gemm::parse),
    row("FusedMatMul", fused_matmul::parse),
    row("Gelu", gelu::parse),
    row("GridSample", grid_sample::parse),
    row("GroupQueryAttention", group_query_attention::parse),
    row("Inverse", inverse::parse),
    row("LayerNormalization", layer_normalization::parse),
    row("MultiHeadAttention", multi_head_attention::parse),
    row("MurmurHash3", murmur_hash3::parse),
    row("NGramRepeatBlock", ngram_repeat_block::parse),
    row("Pad", pad::parse),
    row("QuickGelu", quick_gelu::parse),
    row("Range", range::parse),
    row("RotaryEmbedding", rotary_embedding::parse),
    row("SimplifiedLayerNormalization", simplified_layer_normalization::parse),
    row("SkipLayerNormalization", skip_layer_normalization::parse),
    row("SkipSimplifiedLayerNormalization", skip_simplified_layer_normalization::parse),
    row("Tokenizer", tokenizer::parse),
    row("Trilu", trilu::parse),
    row("Unique", unique::parse),
    row("WordConvEmbedding", word_conv_embedding::parse),
    // Exporters write this one into ai.onnx.
    OpRow { domain: "", op: "SimplifiedLayerNormalization", since: 1, parse: simplified_layer_normalization::parse },
];
