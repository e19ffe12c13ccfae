//! [Optional](https://onnx.ai/onnx/operators/onnx__Optional.html),
//! [OptionalHasElement](https://onnx.ai/onnx/operators/onnx__OptionalHasElement.html) and
//! [OptionalGetElement](https://onnx.ai/onnx/operators/onnx__OptionalGetElement.html).

use crate::{DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Type, Value, fact::Facts};
use std::sync::Arc;

/// What is done with an optional value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionalAccess {
    /// The input as an optional value; nothing without one.
    Make,
    /// Whether there is something: a value that is no optional is something, an absent input is nothing.
    Has,
    /// What there is.
    Get,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(match node.op {
        "Optional" => OptionalAccess::Make,
        "OptionalHasElement" => OptionalAccess::Has,
        _ => OptionalAccess::Get,
    }))
}

impl Operator for OptionalAccess {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let ty = inputs.get(0).map_or(Type::Unknown, |f| f.ty.clone());
        Ok(vec![match (self, ty) {
            (Self::Make, ty) => Fact::of(Type::Optional(Box::new(ty))),
            (Self::Has, _) => Fact::shaped(DType::Bool, [0usize; 0]),
            (Self::Get, Type::Optional(t)) => Fact::of(*t),
            (Self::Get, ty) => Fact::of(ty),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let value = inputs.get(0);
        Ok(vec![match self {
            Self::Make => Value::Optional(value.map(|v| Box::new(v.clone()))),
            Self::Has => Tensor::scalar(!matches!(value, None | Some(Value::Optional(None)))).into(),
            Self::Get => match inputs.value(0)? {
                Value::Optional(Some(v)) => v.as_ref().clone(),
                Value::Optional(None) => return Err(Error::invalid("the optional value of input 0 is empty")),
                other => other.clone(),
            },
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
    fn of_something_and_of_nothing() {
        let v: Value = i64s(&[1], &[1]).into();
        let some = Value::Optional(Some(Box::new(v.clone())));
        let one = |op, input: Option<Value>| run_values(op, 18, &[], &[input], 1).ok().map(|mut v| v.swap_remove(0));
        let flag = |b: bool| Some(Value::from(Tensor::scalar(b)));
        for (op, input, expected) in [
            ("Optional", Some(v.clone()), Some(some.clone())),
            ("Optional", None, Some(Value::Optional(None))),
            ("OptionalHasElement", Some(some.clone()), flag(true)),
            ("OptionalHasElement", Some(v.clone()), flag(true)),
            ("OptionalHasElement", Some(Value::Optional(None)), flag(false)),
            ("OptionalHasElement", None, flag(false)),
            ("OptionalGetElement", Some(some), Some(v.clone())),
            ("OptionalGetElement", Some(v.clone()), Some(v)),
            ("OptionalGetElement", Some(Value::Optional(None)), None),
        ] {
            assert_eq!(one(op, input.clone()), expected, "{op} {input:?}");
        }
    }
}
