//! Tests of the language as a whole: what runs, what is refused and where, what survives damage.

use crate::{Kernel, parse};
use hologram_ops::{DType, Tensor, numeric::Element};

mod form;
mod sources;
mod standard;

/// The one kernel of a source.
fn kernel(source: &str) -> Kernel {
    let mut kernels = parse("test.py", source).unwrap_or_else(|e| panic!("{e}\n{source}"));
    assert_eq!(kernels.len(), 1, "{source}");
    kernels.remove(0)
}

fn column<T: Element>(values: &[T]) -> Tensor {
    Tensor::from_slice([values.len()], values).unwrap()
}

/// A kernel of one expression over `x` and `y`.
fn expression(dtype: DType, returns: DType, text: &str) -> String {
    format!("def f(x: {dtype}, y: {dtype}) -> {returns}:\n    return {text}\n")
}
