//! [ConcatFromSequence](https://onnx.ai/onnx/operators/onnx__ConcatFromSequence.html): a sequence joined to one tensor.

use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Type, Value,
    fact::Facts,
    family::{control::body::stack, movement::concat},
    operator::axis_index,
};
use std::sync::Arc;

/// Joins the tensors along an axis, or stacks them along a new one.
#[derive(Debug)]
pub struct ConcatFromSequence {
    /// The axis of the output.
    pub axis: i64,
    /// Whether the axis is new.
    pub new_axis: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let axis = node.attributes.required("axis", crate::Attributes::int)?;
    Ok(Arc::new(ConcatFromSequence { axis, new_axis: node.attributes.flag_or("new_axis", false)? }))
}

impl Operator for ConcatFromSequence {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let element = match &inputs.required(0)?.ty {
            Type::Sequence(t) => t.as_ref(),
            Type::Unknown => &Type::Unknown,
            other => return Err(Error::invalid(format!("input 0 is {other} where a sequence is expected"))),
        };
        Ok(vec![match element {
            Type::Tensor { dtype, shape: Some(s) } => {
                let mut s = s.clone();
                let axis = axis_index(self.axis, s.len() + usize::from(self.new_axis))?;
                if self.new_axis {
                    s.insert(axis, Dim::Unknown);
                } else {
                    s[axis] = Dim::Unknown;
                }
                Fact::tensor(*dtype, Some(s))
            }
            other => Fact::of(other.clone()),
        }])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let all = inputs.value(0)?.as_sequence().map_err(|e| e.at("input 0"))?;
        if self.new_axis {
            return Ok(vec![stack(all, self.axis, None)?]);
        }
        let parts = all.iter().map(Value::as_tensor).collect::<Result<Vec<_>>>()?;
        Ok(vec![concat(&parts, self.axis)?.into()])
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Value, family::movement::trial::*};

    #[test]
    fn joins_and_stacks() {
        let s = Value::Sequence(vec![i64s(&[1, 2], &[1, 2]).into(), i64s(&[1, 2], &[3, 4]).into()]);
        for (axis, new, expected) in [
            (0, 0, Some(i64s(&[2, 2], &[1, 2, 3, 4]))),
            (-1, 0, Some(i64s(&[1, 4], &[1, 2, 3, 4]))),
            (-1, 1, Some(i64s(&[1, 2, 2], &[1, 3, 2, 4]))),
            (2, 0, None),
        ] {
            let attributes = [("axis", Attribute::Int(axis)), ("new_axis", Attribute::Int(new))];
            let got = run_values("ConcatFromSequence", 11, &attributes, &[Some(s.clone())], 1);
            assert_eq!(got.ok(), expected.map(|t| vec![t.into()]));
        }
    }
}
