//! Arithmetic on elements and products of matrices.

mod abs;
mod acos;
mod acosh;
mod add;
pub mod aligned;
mod asin;
mod asinh;
mod atan;
mod atanh;
mod bitshift;
mod ceil;
mod clip;
mod cos;
mod cosh;
mod div;
pub mod elementwise;
mod erf;
mod exp;
mod floor;
mod gemm;
mod isinf;
mod isnan;
mod log;
mod matmul;
mod max;
mod mean;
mod min;
mod mod_;
mod mul;
mod neg;
mod pow;
mod reciprocal;
mod round;
mod sign;
mod sin;
mod sinh;
mod sqrt;
mod sub;
mod sum;
mod tan;

pub use abs::Abs;
pub use acos::Acos;
pub use acosh::Acosh;
pub use add::Add;
pub use aligned::{Aligned, Alignment};
pub use asin::Asin;
pub use asinh::Asinh;
pub use atan::Atan;
pub use atanh::Atanh;
pub use bitshift::BitShift;
pub use ceil::Ceil;
pub use clip::Clip;
pub use cos::Cos;
pub use cosh::Cosh;
pub use div::Div;
pub use erf::Erf;
pub use exp::Exp;
pub use floor::Floor;
pub use gemm::Gemm;
pub use isinf::IsInf;
pub use isnan::IsNaN;
pub use log::Log;
pub use matmul::MatMul;
pub use max::Max;
pub use mean::Mean;
pub use min::Min;
pub use mod_::Mod;
pub use mul::Mul;
pub use neg::Neg;
pub use pow::Pow;
pub use reciprocal::Reciprocal;
pub use round::Round;
pub use sign::Sign;
pub use sin::Sin;
pub use sinh::Sinh;
pub use sqrt::Sqrt;
pub use sub::Sub;
pub use sum::Sum;
pub use tan::Tan;

use crate::OpRow;

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    OpRow { domain: "", op: "Abs", since: 1, parse: abs::parse },
    OpRow { domain: "", op: "Acos", since: 7, parse: acos::parse },
    OpRow { domain: "", op: "Acos", since: 22, parse: acos::parse },
    OpRow { domain: "", op: "Acosh", since: 9, parse: acosh::parse },
    OpRow { domain: "", op: "Acosh", since: 22, parse: acosh::parse },
    OpRow { domain: "", op: "Add", since: 1, parse: add::parse },
    OpRow { domain: "", op: "Add", since: 7, parse: add::parse },
    OpRow { domain: "", op: "Asin", since: 7, parse: asin::parse },
    OpRow { domain: "", op: "Asin", since: 22, parse: asin::parse },
    OpRow { domain: "", op: "Asinh", since: 9, parse: asinh::parse },
    OpRow { domain: "", op: "Asinh", since: 22, parse: asinh::parse },
    OpRow { domain: "", op: "Atan", since: 7, parse: atan::parse },
    OpRow { domain: "", op: "Atan", since: 22, parse: atan::parse },
    OpRow { domain: "", op: "Atanh", since: 9, parse: atanh::parse },
    OpRow { domain: "", op: "Atanh", since: 22, parse: atanh::parse },
    OpRow { domain: "", op: "BitShift", since: 11, parse: bitshift::parse },
    OpRow { domain: "", op: "BitShift", since: 28, parse: bitshift::parse },
    OpRow { domain: "", op: "Ceil", since: 1, parse: ceil::parse },
    OpRow { domain: "", op: "Clip", since: 1, parse: clip::parse },
    OpRow { domain: "", op: "Clip", since: 6, parse: clip::parse },
    OpRow { domain: "", op: "Clip", since: 11, parse: clip::parse },
    OpRow { domain: "", op: "Cos", since: 7, parse: cos::parse },
    OpRow { domain: "", op: "Cos", since: 22, parse: cos::parse },
    OpRow { domain: "", op: "Cosh", since: 9, parse: cosh::parse },
    OpRow { domain: "", op: "Cosh", since: 22, parse: cosh::parse },
    OpRow { domain: "", op: "Div", since: 1, parse: div::parse },
    OpRow { domain: "", op: "Div", since: 7, parse: div::parse },
    OpRow { domain: "", op: "Erf", since: 9, parse: erf::parse },
    OpRow { domain: "", op: "Exp", since: 1, parse: exp::parse },
    OpRow { domain: "", op: "Floor", since: 1, parse: floor::parse },
    OpRow { domain: "", op: "Gemm", since: 1, parse: gemm::parse },
    OpRow { domain: "", op: "Gemm", since: 7, parse: gemm::parse },
    OpRow { domain: "", op: "Gemm", since: 11, parse: gemm::parse },
    OpRow { domain: "", op: "IsInf", since: 10, parse: isinf::parse },
    OpRow { domain: "", op: "IsInf", since: 20, parse: isinf::parse },
    OpRow { domain: "", op: "IsNaN", since: 9, parse: isnan::parse },
    OpRow { domain: "", op: "IsNaN", since: 20, parse: isnan::parse },
    OpRow { domain: "", op: "Log", since: 1, parse: log::parse },
    OpRow { domain: "", op: "MatMul", since: 1, parse: matmul::parse },
    OpRow { domain: "", op: "Max", since: 1, parse: max::parse },
    OpRow { domain: "", op: "Max", since: 8, parse: max::parse },
    OpRow { domain: "", op: "Mean", since: 1, parse: mean::parse },
    OpRow { domain: "", op: "Mean", since: 8, parse: mean::parse },
    OpRow { domain: "", op: "Min", since: 1, parse: min::parse },
    OpRow { domain: "", op: "Min", since: 8, parse: min::parse },
    OpRow { domain: "", op: "Mod", since: 10, parse: mod_::parse },
    OpRow { domain: "", op: "Mod", since: 28, parse: mod_::parse },
    OpRow { domain: "", op: "Mul", since: 1, parse: mul::parse },
    OpRow { domain: "", op: "Mul", since: 7, parse: mul::parse },
    OpRow { domain: "", op: "Neg", since: 1, parse: neg::parse },
    OpRow { domain: "", op: "Pow", since: 1, parse: pow::parse },
    OpRow { domain: "", op: "Pow", since: 7, parse: pow::parse },
    OpRow { domain: "", op: "Pow", since: 12, parse: pow::parse },
    OpRow { domain: "", op: "Reciprocal", since: 1, parse: reciprocal::parse },
    OpRow { domain: "", op: "Round", since: 11, parse: round::parse },
    OpRow { domain: "", op: "Round", since: 22, parse: round::parse },
    OpRow { domain: "", op: "Sign", since: 9, parse: sign::parse },
    OpRow { domain: "", op: "Sin", since: 7, parse: sin::parse },
    OpRow { domain: "", op: "Sin", since: 22, parse: sin::parse },
    OpRow { domain: "", op: "Sinh", since: 9, parse: sinh::parse },
    OpRow { domain: "", op: "Sinh", since: 22, parse: sinh::parse },
    OpRow { domain: "", op: "Sqrt", since: 1, parse: sqrt::parse },
    OpRow { domain: "", op: "Sub", since: 1, parse: sub::parse },
    OpRow { domain: "", op: "Sub", since: 7, parse: sub::parse },
    OpRow { domain: "", op: "Sum", since: 1, parse: sum::parse },
    OpRow { domain: "", op: "Sum", since: 8, parse: sum::parse },
    OpRow { domain: "", op: "Tan", since: 7, parse: tan::parse },
    OpRow { domain: "", op: "Tan", since: 22, parse: tan::parse },
];
