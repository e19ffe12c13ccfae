//! [Transpose](https://onnx.ai/onnx/operators/onnx__Transpose.html): the axes in another order.

use super::{flow, select::strides};
use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, broadcast::for_each_index,
    fact::Facts, operator::axis_index, tensor::element_count,
};
use std::sync::Arc;

/// Output axis `i` is input axis `perm[i]`.
#[derive(Debug)]
pub struct Transpose {
    /// The order of the axes; reversed without one.
    pub perm: Option<Vec<i64>>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Transpose { perm: node.attributes.ints("perm")? }))
}

impl Transpose {
    /// The input axis of each output axis.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `perm` is no permutation of the axes.
    pub fn order(&self, rank: usize) -> Result<Vec<usize>> {
        let Some(perm) = &self.perm else { return Ok((0..rank).rev().collect()) };
        let order = perm.iter().map(|p| axis_index(*p, rank)).collect::<Result<Vec<_>>>()?;
        if order.len() != rank || (0..rank).any(|a| !order.contains(&a)) {
            return Err(Error::invalid(format!("perm {perm:?} is no permutation of {rank} axes")));
        }
        Ok(order)
    }
}

/// The tensor with output axis `i` being its axis `order[i]`.
pub(crate) fn transpose(x: &Tensor, order: &[usize]) -> Result<Tensor> {
    let shape: Vec<usize> = order.iter().map(|a| x.shape()[*a]).collect();
    let steps = strides(x.shape());
    let steps: Vec<usize> = order.iter().map(|a| steps[*a]).collect();
    let mut indices = Vec::with_capacity(element_count(&shape)?);
    for_each_index(&shape, &[steps], |[i]| indices.push(i));
    super::select::select(x, shape, indices.into_iter())
}

impl Operator for Transpose {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let shape = match inputs.shape(0)? {
            Some(s) => Some(self.order(s.len())?.iter().map(|a| s[*a].clone()).collect::<Vec<Dim>>()),
            None => self.perm.as_ref().map(|p| vec![Dim::Unknown; p.len()]),
        };
        Ok(vec![super::reshape::with_dims(Fact::tensor(dtype, shape), inputs)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        Ok(vec![transpose(x, &self.order(x.rank())?)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            self.order(inputs.get(0)?.shape()?.len()).ok()?.iter().position(|p| *p == a)
        })
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn turns_axes_for_numbers_and_strings() {
        let x = i64s(&[2, 3, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        let got = run("Transpose", 13, &[("perm", Attribute::Ints(vec![1, 2, 0]))], &[x.clone()]).unwrap();
        assert_eq!(got, i64s(&[3, 2, 2], &[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]));
        let got = run("Transpose", 13, &[], &[x.clone()]).unwrap();
        assert_eq!(got, i64s(&[2, 3, 2], &[0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]));
        let s = Tensor::from_string_iter([1, 2], ["a", "b"]).unwrap();
        assert_eq!(run("Transpose", 13, &[], &[s]).unwrap(), Tensor::from_string_iter([2, 1], ["a", "b"]).unwrap());
        for perm in [vec![0, 0, 1], vec![0, 1], vec![0, 1, 3]] {
            assert!(run("Transpose", 13, &[("perm", Attribute::Ints(perm))], &[x.clone()]).is_err());
        }
    }
}
