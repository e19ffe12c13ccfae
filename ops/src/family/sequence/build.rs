//! [SequenceConstruct](https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html) and
//! [SequenceEmpty](https://onnx.ai/onnx/operators/onnx__SequenceEmpty.html): sequences made.

use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Type, Value, fact::Facts,
    family::control::body::either,
};
use std::sync::Arc;

/// A sequence of the inputs, in order.
#[derive(Debug)]
pub struct SequenceConstruct;

/// A sequence of no tensors.
#[derive(Debug)]
pub struct SequenceEmpty {
    /// The element type of the tensors that it may come to hold.
    pub dtype: DType,
}

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(SequenceConstruct))
}

pub(super) fn parse_empty(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(SequenceEmpty { dtype: node.attributes.dtype("dtype")?.unwrap_or(DType::F32) }))
}

impl Operator for SequenceConstruct {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.same_dtype()?;
        let mut ty = inputs.required(0)?.ty.clone();
        for i in 1..inputs.len() {
            ty = either(&ty, &inputs.required(i)?.ty);
        }
        Ok(vec![Fact::of(Type::Sequence(Box::new(ty)))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let all = (0..inputs.len()).map(|i| inputs.tensor(i)).collect::<Result<Vec<_>>>()?;
        if all.windows(2).any(|w| w[0].dtype() != w[1].dtype()) {
            return Err(Error::invalid("tensors of one sequence have one element type"));
        }
        Ok(vec![Value::Sequence(all.into_iter().cloned().map(Value::Tensor).collect())])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

impl Operator for SequenceEmpty {
    fn infer(&self, _: Facts<'_>) -> Result<Vec<Fact>> {
        let ty = Type::Tensor { dtype: self.dtype, shape: None };
        Ok(vec![Fact::of(Type::Sequence(Box::new(ty)))])
    }

    fn evaluate(&self, _: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![Value::Sequence(Vec::new())])
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Value, family::movement::trial::*};

    #[test]
    fn of_some_and_of_none() {
        let (a, b): (Value, Value) = (i64s(&[1], &[1]).into(), i64s(&[2], &[2, 3]).into());
        let got = run_values("SequenceConstruct", 11, &[], &[Some(a.clone()), Some(b.clone())], 1).unwrap();
        assert_eq!(got, [Value::Sequence(vec![a.clone(), b])]);
        assert!(run_values("SequenceConstruct", 11, &[], &[Some(a), Some(f32s(&[1], &[0.0]).into())], 1).is_err());
        let got = run_values("SequenceEmpty", 11, &[("dtype", Attribute::Int(7))], &[], 1).unwrap();
        assert_eq!(got, [Value::Sequence(vec![])]);
    }
}
