//! What tests of these operators share.

use crate::{Attribute, Result, Tensor, family::nn::testing::run_in};

/// The first output of an operator with every input given.
pub(super) fn run(op: &str, attributes: &[(&str, Attribute)], inputs: &[&Tensor]) -> Result<Tensor> {
    let inputs: Vec<Option<Tensor>> = inputs.iter().map(|t| Some((*t).clone())).collect();
    Ok(run_in("com.microsoft", op, 1, attributes, &inputs, 1)?.remove(0))
}

/// A tensor of bytes.
pub(super) fn u8s(shape: &[usize], values: &[u8]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}

/// A tensor of signed bytes.
pub(super) fn i8s(shape: &[usize], values: &[i8]) -> Tensor {
    Tensor::from_slice(shape, values).unwrap()
}
