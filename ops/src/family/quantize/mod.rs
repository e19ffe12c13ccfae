//! Quantised numbers and products of them.

mod codebook_product;
mod codes;
mod conv_integer;
pub(crate) mod dequantize_linear;
pub(crate) mod dynamic_quantize_linear;
pub(crate) mod granularity;
pub(crate) mod matmul_integer;
pub(crate) mod qlinear_conv;
pub(crate) mod qlinear_matmul;
pub(crate) mod quantize_linear;
mod quantized_conv;
mod quantized_layers;

pub use codebook_product::{CodebookProduct, CodebookSizes, codeword_starts, first_greatest};
pub use codes::Coding;
pub use conv_integer::ConvInteger;
pub use dequantize_linear::DequantizeLinear;
pub use dynamic_quantize_linear::DynamicQuantizeLinear;
pub use granularity::Granularity;
pub use matmul_integer::MatMulInteger;
pub use qlinear_conv::QLinearConv;
pub use qlinear_matmul::QLinearMatMul;
pub use quantize_linear::QuantizeLinear;
pub use quantized_conv::QuantizedConv;
pub use quantized_layers::{INPUTS_OF_LAYER, LayerCoding, QuantizedLayers, WIDTH_MAX};

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "ConvInteger", since: 10, parse: conv_integer::parse },
    OpRow { domain: "", op: "DequantizeLinear", since: 10, parse: dequantize_linear::parse },
    OpRow { domain: "", op: "DynamicQuantizeLinear", since: 11, parse: dynamic_quantize_linear::parse },
    OpRow { domain: "", op: "MatMulInteger", since: 10, parse: matmul_integer::parse },
    OpRow { domain: "", op: "QLinearConv", since: 10, parse: qlinear_conv::parse },
    OpRow { domain: "", op: "QLinearMatMul", since: 10, parse: qlinear_matmul::parse },
    OpRow { domain: "", op: "QuantizeLinear", since: 10, parse: quantize_linear::parse },
    OpRow { domain: "ai.hologram", op: "CodebookProduct", since: 1, parse: codebook_product::parse },
    OpRow { domain: "ai.hologram", op: "QuantizedConv", since: 1, parse: quantized_conv::parse },
    OpRow { domain: "ai.hologram", op: "QuantizedLayers", since: 1, parse: quantized_layers::parse },
];
