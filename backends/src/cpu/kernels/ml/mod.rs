//! The operators of `ai.onnx.ml` over tables of numbers, beside trees.

mod classes;
mod encoded;
mod finish;
mod imputer;
mod linear;
mod normalizer;
mod one_hot;
mod scaler;
#[cfg(test)]
mod tests;

use super::Select;

/// The kernels, tried in order.
pub(super) const TABLE: &[Select] = &[
    linear::select,
    linear::select_classifier,
    encoded::select,
    classes::select,
    scaler::select,
    normalizer::select,
    one_hot::select,
    one_hot::select_code,
    imputer::select,
];
