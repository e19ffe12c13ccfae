//! [CastLike](https://onnx.ai/onnx/operators/onnx__CastLike.html): the values of input 0 in the type of input 1.

use super::cast::{cast_fact, conversion};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, numeric::Conversion};
use std::sync::Arc;

/// [`Cast`](super::Cast) to the type of another tensor.
#[derive(Debug)]
pub struct CastLike {
    /// How floats of eight bits are made (from version 19).
    pub conversion: Conversion,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(CastLike { conversion: conversion(node)? }))
}

impl Operator for CastLike {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![cast_fact(inputs, inputs.dtype(1)?)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![inputs.tensor(0)?.cast_with(inputs.tensor(1)?.dtype(), self.conversion)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        // Only the type of input 1 is read, so its rows do not matter.
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::movement::trial::*};

    #[test]
    fn takes_the_type_of_the_other() {
        let got = run("CastLike", 15, &[], &[f32s(&[2], &[1.5, -2.5]), Tensor::scalar(0i16)]).unwrap();
        assert_eq!(got, Tensor::from_vec([2], vec![1i16, -2]).unwrap());
        assert!(run("CastLike", 15, &[], &[f32s(&[1], &[1.5])]).is_err());
    }
}
