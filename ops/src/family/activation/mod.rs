//! Functions of one element that networks put between layers.

mod affine;
mod celu;
mod dropout;
mod elu;
mod gelu;
mod hardmax;
mod hardsigmoid;
mod hardswish;
mod lanes;
mod leakyrelu;
mod logsoftmax;
mod mish;
mod parametricsoftplus;
mod prelu;
mod relu;
mod scaledtanh;
mod selu;
mod shrink;
mod sigmoid;
mod softmax;
mod softplus;
mod softsign;
mod swiglu;
mod swish;
mod tanh;
mod thresholdedrelu;

pub use affine::Affine;
pub use celu::Celu;
pub use dropout::Dropout;
pub use elu::Elu;
pub use gelu::{Gelu, gelu_f32, gelu_tanh_f32};
pub use hardmax::Hardmax;
pub use hardsigmoid::HardSigmoid;
pub use hardswish::HardSwish;
pub use lanes::Lanes;
pub use leakyrelu::LeakyRelu;
pub use logsoftmax::LogSoftmax;
pub use mish::Mish;
pub use parametricsoftplus::ParametricSoftplus;
pub use prelu::PRelu;
pub use relu::Relu;
pub use scaledtanh::ScaledTanh;
pub use selu::Selu;
pub use shrink::Shrink;
pub use sigmoid::Sigmoid;
pub use softmax::Softmax;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use swiglu::SwiGlu;
pub use swish::Swish;
pub use tanh::Tanh;
pub use thresholdedrelu::ThresholdedRelu;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "Affine", since: 1, parse: affine::parse },
    OpRow { domain: "", op: "Celu", since: 12, parse: celu::parse },
    OpRow { domain: "", op: "Celu", since: 28, parse: celu::parse },
    OpRow { domain: "", op: "Dropout", since: 1, parse: dropout::parse },
    OpRow { domain: "", op: "Dropout", since: 7, parse: dropout::parse },
    OpRow { domain: "", op: "Dropout", since: 10, parse: dropout::parse },
    OpRow { domain: "", op: "Dropout", since: 12, parse: dropout::parse },
    OpRow { domain: "", op: "Elu", since: 1, parse: elu::parse },
    OpRow { domain: "", op: "Elu", since: 22, parse: elu::parse },
    OpRow { domain: "", op: "Gelu", since: 20, parse: gelu::parse },
    OpRow { domain: "", op: "HardSigmoid", since: 1, parse: hardsigmoid::parse },
    OpRow { domain: "", op: "HardSigmoid", since: 22, parse: hardsigmoid::parse },
    OpRow { domain: "", op: "HardSwish", since: 14, parse: hardswish::parse },
    OpRow { domain: "", op: "HardSwish", since: 22, parse: hardswish::parse },
    OpRow { domain: "", op: "Hardmax", since: 1, parse: hardmax::parse },
    OpRow { domain: "", op: "Hardmax", since: 13, parse: hardmax::parse },
    OpRow { domain: "", op: "LeakyRelu", since: 1, parse: leakyrelu::parse },
    OpRow { domain: "", op: "LeakyRelu", since: 16, parse: leakyrelu::parse },
    OpRow { domain: "", op: "LogSoftmax", since: 1, parse: logsoftmax::parse },
    OpRow { domain: "", op: "LogSoftmax", since: 13, parse: logsoftmax::parse },
    OpRow { domain: "", op: "Mish", since: 18, parse: mish::parse },
    OpRow { domain: "", op: "Mish", since: 22, parse: mish::parse },
    OpRow { domain: "", op: "PRelu", since: 1, parse: prelu::parse },
    OpRow { domain: "", op: "PRelu", since: 7, parse: prelu::parse },
    OpRow { domain: "", op: "PRelu", since: 16, parse: prelu::parse },
    OpRow { domain: "", op: "ParametricSoftplus", since: 1, parse: parametricsoftplus::parse },
    OpRow { domain: "", op: "Relu", since: 1, parse: relu::parse },
    OpRow { domain: "", op: "Relu", since: 14, parse: relu::parse },
    OpRow { domain: "", op: "Scale", since: 1, parse: affine::parse_scale },
    OpRow { domain: "", op: "ScaledTanh", since: 1, parse: scaledtanh::parse },
    OpRow { domain: "", op: "Selu", since: 1, parse: selu::parse },
    OpRow { domain: "", op: "Selu", since: 6, parse: selu::parse },
    OpRow { domain: "", op: "Selu", since: 22, parse: selu::parse },
    OpRow { domain: "", op: "Shrink", since: 9, parse: shrink::parse },
    OpRow { domain: "", op: "Sigmoid", since: 1, parse: sigmoid::parse },
    OpRow { domain: "", op: "Softmax", since: 1, parse: softmax::parse },
    OpRow { domain: "", op: "Softmax", since: 13, parse: softmax::parse },
    OpRow { domain: "", op: "Softplus", since: 1, parse: softplus::parse },
    OpRow { domain: "", op: "Softplus", since: 22, parse: softplus::parse },
    OpRow { domain: "", op: "Softsign", since: 1, parse: softsign::parse },
    OpRow { domain: "", op: "Softsign", since: 22, parse: softsign::parse },
    OpRow { domain: "", op: "SwiGLU", since: 28, parse: swiglu::parse },
    OpRow { domain: "", op: "Swish", since: 24, parse: swish::parse },
    OpRow { domain: "", op: "Tanh", since: 1, parse: tanh::parse },
    OpRow { domain: "", op: "ThresholdedRelu", since: 1, parse: thresholdedrelu::parse },
    OpRow { domain: "", op: "ThresholdedRelu", since: 10, parse: thresholdedrelu::parse },
    OpRow { domain: "", op: "ThresholdedRelu", since: 22, parse: thresholdedrelu::parse },
];
