//! The functions that kernels may call: one table.

use hologram_ops::{
    DType,
    numeric::{Float, transcendental},
};

/// What a function takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One float to a float of its type.
    Float,
    /// One number to a number of its type.
    Number,
    /// One float to a boolean.
    FloatToBool,
    /// Two numbers or more of one type to one of that type.
    Numbers,
    /// As the operator `**`.
    Power,
    /// Anything to this type.
    Convert(DType),
}

/// A function of one float at both precisions.
pub(crate) type OneFloat = (fn(f32) -> f32, fn(f64) -> f64);

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Float(OneFloat),
    Abs,
    Min,
    Max,
    IsNan,
}

/// A function's name, shape and meaning; none where the checker lowers it to something else.
pub(crate) type Row = (&'static str, Shape, Option<Function>);

/// The functions. `round` goes to the nearest even of two equally near integers; rounding keeps the type; `min` and
/// `max` are NaN when one of their arguments is; angles are in radians.
pub(crate) const FUNCTIONS: &[Row] = &[
    ("abs", Shape::Number, Some(Function::Abs)),
    ("min", Shape::Numbers, Some(Function::Min)),
    ("max", Shape::Numbers, Some(Function::Max)),
    ("isnan", Shape::FloatToBool, Some(Function::IsNan)),
    ("pow", Shape::Power, None),
    ("sqrt", Shape::Float, Some(Function::Float((transcendental::sqrt, transcendental::sqrt)))),
    ("exp", Shape::Float, Some(Function::Float((transcendental::exp, transcendental::exp)))),
    ("expm1", Shape::Float, Some(Function::Float((transcendental::expm1, transcendental::expm1)))),
    ("log", Shape::Float, Some(Function::Float((transcendental::ln, transcendental::ln)))),
    ("tanh", Shape::Float, Some(Function::Float((transcendental::tanh, transcendental::tanh)))),
    ("erf", Shape::Float, Some(Function::Float((transcendental::erf, transcendental::erf)))),
    ("sin", Shape::Float, Some(Function::Float((transcendental::sin, transcendental::sin)))),
    ("cos", Shape::Float, Some(Function::Float((transcendental::cos, transcendental::cos)))),
    ("floor", Shape::Float, Some(Function::Float((f32::floor, f64::floor)))),
    ("ceil", Shape::Float, Some(Function::Float((f32::ceil, f64::ceil)))),
    ("trunc", Shape::Float, Some(Function::Float((f32::trunc, f64::trunc)))),
    ("round", Shape::Float, Some(Function::Float((f32::round_ties_even, f64::round_ties_even)))),
    ("f32", Shape::Convert(DType::F32), None),
    ("f64", Shape::Convert(DType::F64), None),
    ("i32", Shape::Convert(DType::I32), None),
    ("i64", Shape::Convert(DType::I64), None),
    ("bool", Shape::Convert(DType::Bool), None),
];

/// The function of this name.
pub(crate) fn named(name: &str) -> Option<&'static Row> {
    FUNCTIONS.iter().find(|(n, ..)| *n == name)
}

/// The names of all functions, for messages.
pub(crate) fn names() -> String {
    FUNCTIONS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// `x^y` as the operator and the function mean it.
pub(crate) fn power<T: Float>(x: T, y: T) -> T {
    transcendental::pow(x, y)
}
