//! [Identity](https://onnx.ai/onnx/operators/onnx__Identity.html): the value itself, of any kind.

use crate::{Fact, Inputs, Missing, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// `output = input`.
#[derive(Debug)]
pub struct Identity;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Identity))
}

impl Operator for Identity {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![inputs.required(0)?.clone()])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![inputs.value(0)?.clone()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Value, family::movement::trial::*};

    #[test]
    fn gives_any_value_back() {
        for v in [
            Value::Tensor(f32s(&[2], &[1.0, f32::NAN])),
            Value::Sequence(vec![i64s(&[1], &[3]).into()]),
            Value::Optional(None),
        ] {
            assert_eq!(run_values("Identity", 16, &[], &[Some(v.clone())], 1).unwrap(), [v]);
        }
        assert!(run_values("Identity", 16, &[], &[None], 1).is_err());
    }
}
