//! Elements of sequences: [SequenceAt](https://onnx.ai/onnx/operators/onnx__SequenceAt.html),
//! [SequenceInsert](https://onnx.ai/onnx/operators/onnx__SequenceInsert.html),
//! [SequenceErase](https://onnx.ai/onnx/operators/onnx__SequenceErase.html) and
//! [SequenceLength](https://onnx.ai/onnx/operators/onnx__SequenceLength.html).

use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Type, Value,
    fact::Facts,
    family::{control::body::either, movement::select::wrap_index},
};
use std::sync::Arc;

/// What is done with a sequence. Positions count from the end when negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceAccess {
    /// The element at the position in input 1.
    At,
    /// Input 1 put in before the position in input 2, or at the end.
    Insert,
    /// Without the element at the position in input 1, or the last.
    Erase,
    /// The number of elements.
    Length,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(match node.op {
        "SequenceAt" => SequenceAccess::At,
        "SequenceInsert" => SequenceAccess::Insert,
        "SequenceErase" => SequenceAccess::Erase,
        _ => SequenceAccess::Length,
    }))
}

fn position(inputs: Inputs<'_>, i: usize) -> Result<Option<i64>> {
    match inputs.ints(i)?.as_deref() {
        None => Ok(None),
        Some([p]) => Ok(Some(*p)),
        Some(other) => Err(Error::invalid(format!("input {i} has {} elements, one position is expected", other.len()))),
    }
}

impl Operator for SequenceAccess {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let sequence = &inputs.required(0)?.ty;
        let element = match sequence {
            Type::Sequence(t) => t.as_ref().clone(),
            Type::Unknown => Type::Unknown,
            other => return Err(Error::invalid(format!("input 0 is {other} where a sequence is expected"))),
        };
        Ok(vec![match self {
            Self::At => Fact::of(element),
            Self::Erase => Fact::of(sequence.clone()),
            Self::Length => Fact::shaped(DType::I64, [0usize; 0]),
            Self::Insert => Fact::of(Type::Sequence(Box::new(match element {
                Type::Unknown => Type::Unknown,
                known => either(&known, &inputs.required(1)?.ty),
            }))),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let all = inputs.value(0)?.as_sequence().map_err(|e| e.at("input 0"))?;
        Ok(vec![match self {
            Self::Length => Tensor::scalar(all.len() as i64).into(),
            Self::At => {
                let at = position(inputs, 1)?.ok_or_else(|| Error::invalid("input 1 is required and missing"))?;
                all[wrap_index(at, all.len())?].clone()
            }
            Self::Erase => {
                let at = wrap_index(position(inputs, 1)?.unwrap_or(-1), all.len())?;
                Value::Sequence(all.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, v)| v.clone()).collect())
            }
            Self::Insert => {
                let new = inputs.tensor(1)?;
                if let Some(Value::Tensor(t)) = all.first()
                    && t.dtype() != new.dtype()
                {
                    return Err(Error::invalid(format!("a {} tensor into a sequence of {}", new.dtype(), t.dtype())));
                }
                let n = all.len() as i64;
                let at = position(inputs, 2)?.unwrap_or(n);
                let at = usize::try_from(if at < 0 { at + n } else { at }).ok().filter(|i| *i <= all.len());
                let at = at.ok_or_else(|| Error::invalid(format!("input 2 is out of range for {n} elements")))?;
                let mut out = all.to_vec();
                out.insert(at, new.clone().into());
                Value::Sequence(out)
            }
        }])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, Value, family::movement::trial::*};

    #[test]
    fn positions_from_both_ends() {
        let v = |n: i64| Value::from(i64s(&[1], &[n]));
        let s = |v: &[Value]| Value::Sequence(v.to_vec());
        let at = |p: i64| Some(Value::from(Tensor::scalar(p)));
        let abc = s(&[v(1), v(2), v(3)]);
        for (op, inputs, expected) in [
            ("SequenceAt", vec![at(-1)], Some(v(3))),
            ("SequenceAt", vec![at(3)], None),
            ("SequenceErase", vec![at(0)], Some(s(&[v(2), v(3)]))),
            ("SequenceErase", vec![], Some(s(&[v(1), v(2)]))),
            ("SequenceErase", vec![at(-4)], None),
            ("SequenceLength", vec![], Some(Tensor::scalar(3i64).into())),
            ("SequenceInsert", vec![Some(v(9))], Some(s(&[v(1), v(2), v(3), v(9)]))),
            ("SequenceInsert", vec![Some(v(9)), at(-1)], Some(s(&[v(1), v(2), v(9), v(3)]))),
            ("SequenceInsert", vec![Some(v(9)), at(4)], None),
            ("SequenceInsert", vec![Some(f32s(&[1], &[0.0]).into())], None),
        ] {
            let inputs = [vec![Some(abc.clone())], inputs].concat();
            let got = run_values(op, 11, &[], &inputs, 1).ok().map(|mut v| v.swap_remove(0));
            assert_eq!(got, expected, "{op} {inputs:?}");
        }
        assert!(run_values("SequenceAt", 11, &[], &[Some(v(1)), at(0)], 1).is_err());
    }
}
