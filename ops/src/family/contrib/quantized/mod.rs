//! The `com.microsoft` operators of quantised exports; version 1 of that operator set.
//!
//! Their meaning is onnxruntime's. Where its kernels leave no doubt about the order of arithmetic, that order is declared
//! here, so that codes are equal; the rest of the arithmetic is the `ai.onnx` operators'.

mod binary;
mod dequantize_linear;
mod dynamic_quantize_lstm;
mod dynamic_quantize_matmul;
mod gather_block_quantized;
mod layout;
mod load;
mod matmul_integer_to_float;
mod matmul_nbits;
mod nhwc_max_pool;
mod packed;
mod parameters;
mod qattention;
mod qgemm;
mod qlinear_add;
mod qlinear_average_pool;
mod qlinear_concat;
mod qlinear_conv;
mod qlinear_global_average_pool;
mod qlinear_leaky_relu;
mod qlinear_mul;
mod qlinear_sigmoid;
mod qlinear_softmax;
mod qlinear_where;
mod quantize_linear;
#[cfg(test)]
mod testing;

pub use dynamic_quantize_lstm::DynamicQuantizeLstm;
pub use dynamic_quantize_matmul::DynamicQuantizeMatMul;
pub use gather_block_quantized::GatherBlockQuantized;
pub use matmul_integer_to_float::MatMulIntegerToFloat;
pub use matmul_nbits::MatMulNBits;
pub use nhwc_max_pool::NhwcMaxPool;
pub use qattention::QAttention;
pub use qgemm::QGemm;
pub use qlinear_add::QLinearAdd;
pub use qlinear_average_pool::QLinearAveragePool;
pub use qlinear_concat::QLinearConcat;
pub use qlinear_conv::ChannelsLastQLinearConv;
pub use qlinear_global_average_pool::QLinearGlobalAveragePool;
pub use qlinear_leaky_relu::QLinearLeakyRelu;
pub use qlinear_mul::QLinearMul;
pub use qlinear_sigmoid::QLinearSigmoid;
pub use qlinear_softmax::QLinearSoftmax;
pub use qlinear_where::QLinearWhere;

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

const fn row(op: &'static str, parse: fn(&Node<'_>) -> Result<Arc<dyn Operator>>) -> OpRow {
    OpRow { domain: "com.microsoft", op, since: 1, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("DequantizeLinear", dequantize_linear::parse),
    row("DynamicQuantizeLSTM", dynamic_quantize_lstm::parse),
    row("DynamicQuantizeMatMul", dynamic_quantize_matmul::parse),
    row("GatherBlockQuantized", gather_block_quantized::parse),
    row("MatMulIntegerToFloat", matmul_integer_to_float::parse),
    row("MatMulNBits", matmul_nbits::parse),
    row("NhwcMaxPool", nhwc_max_pool::parse),
    row("QAttention", qattention::parse),
    row("QGemm", qgemm::parse),
    row("QLinearAdd", qlinear_add::parse),
    row("QLinearAveragePool", qlinear_average_pool::parse),
    row("QLinearConcat", qlinear_concat::parse),
    row("QLinearConv", qlinear_conv::parse),
    row("QLinearGlobalAveragePool", qlinear_global_average_pool::parse),
    row("QLinearLeakyRelu", qlinear_leaky_relu::parse),
    row("QLinearMul", qlinear_mul::parse),
    row("QLinearSigmoid", qlinear_sigmoid::parse),
    row("QLinearSoftmax", qlinear_softmax::parse),
    row("QLinearWhere", qlinear_where::parse),
    row("QuantizeLinear", quantize_linear::parse),
];
