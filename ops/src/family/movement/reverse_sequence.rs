//! [ReverseSequence](https://onnx.ai/onnx/operators/onnx__ReverseSequence.html): the first part of each sequence reversed.

use super::{
    flow,
    select::{select, strides},
};
use crate::{Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// Reverses the first `sequence_lens[b]` steps of each batch.
#[derive(Debug)]
pub struct ReverseSequence {
    /// The axis of batches: 0 or 1.
    pub batch_axis: usize,
    /// The axis of steps: the other one.
    pub time_axis: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let (batch, time) = (node.attributes.int_or("batch_axis", 1)?, node.attributes.int_or("time_axis", 0)?);
    match (batch, time) {
        (0, 1) | (1, 0) => Ok(Arc::new(ReverseSequence { batch_axis: batch as usize, time_axis: time as usize })),
        _ => Err(Error::invalid(format!("batch axis {batch} and time axis {time}; they are 0 and 1"))),
    }
}

impl Operator for ReverseSequence {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::tensor(inputs.dtype(0)?, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let shape = x.shape();
        if shape.len() < 2 {
            return Err(Error::invalid(format!("rank {} where 2 at least is expected", shape.len())));
        }
        let lengths = inputs.tensor(1)?.to_i64_vec()?;
        let (batches, steps) = (shape[self.batch_axis], shape[self.time_axis]);
        let lengths: Vec<usize> =
            lengths.iter().filter_map(|l| usize::try_from(*l).ok().filter(|l| *l <= steps)).collect();
        if lengths.len() != batches {
            return Err(Error::invalid(format!("input 1 needs {batches} lengths of at most {steps}")));
        }
        let s = strides(shape);
        let (sb, st) = (s[self.batch_axis], s[self.time_axis]);
        let from = |i: usize| {
            let (b, t) = (i / sb % batches, i / st % steps);
            if t < lengths[b] { i - t * st + (lengths[b] - 1 - t) * st } else { i }
        };
        Ok(vec![select(x, shape, (0..x.len()).map(from))?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let found = match (flow::shape_only(rows), rows) {
            (Some(r), _) => r,
            (None, [Rows::Axis(a), Rows::Axis(0)]) if *a == self.batch_axis => Rows::Axis(*a),
            (None, [Rows::Axis(a), Rows::Free]) if *a > 1 => Rows::Axis(*a),
            _ => Rows::Mixed,
        };
        vec![found; outputs.len()]
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn reverses_the_first_steps() {
        let x = i64s(&[3, 2], &[0, 1, 2, 3, 4, 5]);
        let got = run("ReverseSequence", 10, &[], &[x.clone(), i64s(&[2], &[2, 3])]).unwrap();
        assert_eq!(got, i64s(&[3, 2], &[2, 5, 0, 3, 4, 1]));
        let axes = [("batch_axis", Attribute::Int(0)), ("time_axis", Attribute::Int(1))];
        let got = run("ReverseSequence", 10, &axes, &[x.clone(), i64s(&[3], &[2, 1, 0])]).unwrap();
        assert_eq!(got, i64s(&[3, 2], &[1, 0, 2, 3, 4, 5]));
        assert!(run("ReverseSequence", 10, &axes, &[x.clone(), i64s(&[3], &[3, 1, 1])]).is_err());
        assert!(run("ReverseSequence", 10, &axes, &[x, i64s(&[2], &[1, 1])]).is_err());
    }
}
