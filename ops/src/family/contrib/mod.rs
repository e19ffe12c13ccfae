//! The `com.microsoft` operators that exported models contain.
//!
//! Their meaning is what onnxruntime's CPU does. They are made of the operators of `ai.onnx`, in whose files the
//! arithmetic stands.

mod activated;
mod bias_gelu;
mod compose;
mod fast_gelu;
mod fused_conv;
mod fused_gemm;
mod fused_matmul;
mod gelu;
mod quick_gelu;

pub use activated::Activated;
pub use bias_gelu::BiasGelu;
pub use fused_matmul::{FusedMatMul, Turn};

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

type Parse = fn(&Node<'_>) -> Result<Arc<dyn Operator>>;

const fn row(op: &'static str, parse: Parse) -> OpRow {
    OpRow { domain: "com.microsoft", op, since: 1, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("BiasGelu", bias_gelu::parse),
    row("FastGelu", fast_gelu::parse),
    row("FusedConv", fused_conv::parse),
    row("FusedGemm", fused_gemm::parse),
    row("FusedMatMul", fused_matmul::parse),
    row("Gelu", gelu::parse),
    row("QuickGelu", quick_gelu::parse),
];
