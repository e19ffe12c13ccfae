//! [BiasGelu](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasGelu): the
//! exact Gelu of a tensor and a bias along its last axis.

use super::compose::check;
use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::{
        activation::Gelu,
        math::{
            Add,
            elementwise::{Elementwise, same_float},
        },
    },
    rows,
};
use std::sync::Arc;

/// Gelu of `x + bias`; the sum is rounded in the working type.
#[derive(Debug)]
pub struct BiasGelu {
    /// The function of the sum.
    pub gelu: Gelu,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 2, 1)?;
    Ok(Arc::new(BiasGelu { gelu: Gelu { tanh: false } }))
}

impl Operator for BiasGelu {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = same_float(&[inputs.dtype(0)?, inputs.dtype(1)?])?;
        let shape = inputs.shape(0)?;
        if let (Some(x), Some(bias)) = (shape, inputs.shape(1)?) {
            match (x.last(), bias) {
                (Some(last), [size]) => last.unify(size).map_err(|e| e.at("input 1"))?,
                _ => return Err(Error::invalid(format!("input 1 has rank {}; a vector is expected", bias.len()))),
            };
        }
        Ok(vec![Fact::tensor(dtype, shape.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, bias) = (inputs.tensor(0)?, inputs.tensor(1)?);
        if bias.rank() != 1 || x.shape().last() != bias.shape().last() {
            return Err(Error::invalid(format!("a bias of shape {:?} for shape {:?}", bias.shape(), x.shape())));
        }
        let sum = Add.map(&[&x.widen()?, &bias.widen()?])?;
        Ok(vec![self.gelu.map(&[&sum])?.narrow(x.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::family::nn::testing::{close, run_in, t};

    #[test]
    fn the_bias_is_a_vector_along_the_last_axis() {
        let x = t(&[2, 1], &[0.5, -2.0]);
        let go = |bias| run_in("com.microsoft", "BiasGelu", 1, &[], &[Some(x.clone()), Some(bias)], 1);
        close(&go(t(&[1], &[1.0])).unwrap()[0], &[2, 1], &[1.399_789_2, -0.158_655_25]);
        for bad in [t(&[2], &[0.0; 2]), t(&[1, 1], &[0.0]), t(&[], &[0.0])] {
            assert!(go(bad).is_err());
        }
    }
}
