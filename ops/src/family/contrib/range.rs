//! [Range](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Range): numbers in even
//! steps, of 1 unless given.

use super::compose::check;
use crate::{DType, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, family::movement};
use std::sync::Arc;

/// [`movement::Range`] with a delta of 1.
#[derive(Debug)]
pub struct Range;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &[], 3, 1)?;
    Ok(if node.inputs < 3 { Arc::new(Range) } else { Arc::new(movement::Range) })
}

fn one(dtype: DType) -> Result<Tensor> {
    Tensor::scalar(1i64).cast(dtype)
}

impl Operator for Range {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let delta = Fact::constant(one(inputs.dtype(0)?)?);
        movement::Range.infer(Facts(&[Some(inputs.required(0)?), Some(inputs.required(1)?), Some(&delta)]))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let delta = one(inputs.tensor(0)?.dtype())?.into();
        movement::Range.evaluate(Inputs(&[Some(inputs.value(0)?), Some(inputs.value(1)?), Some(&delta)]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        movement::Range.rows(rows, inputs, outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::nn::testing::{close, run_in, t},
    };

    #[test]
    fn steps_are_of_1_unless_given() {
        let go = |inputs: &[Option<Tensor>]| run_in("com.microsoft", "Range", 1, &[], inputs, 1).unwrap().remove(0);
        let [start, limit, delta] = [t(&[1], &[0.5]), t(&[], &[3.0]), t(&[1], &[2.0])].map(Some);
        close(&go(&[start.clone(), limit.clone()]), &[3], &[0.5, 1.5, 2.5]);
        close(&go(&[start, limit, delta]), &[2], &[0.5, 2.5]);
        let short = [Some(Tensor::scalar(2i16)), Some(Tensor::scalar(4i16))];
        assert_eq!(go(&short).as_slice::<i16>().unwrap(), [2, 3]);
    }
}
