//! [Constant](https://onnx.ai/onnx/operators/onnx__Constant.html): a tensor that the node itself holds.

use crate::{Error, Fact, Inputs, Missing, Node, Operator, Result, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Gives its value. A `sparse_value` is a dense tensor under the name `value` by the time a node is parsed.
#[derive(Debug)]
pub struct Constant {
    /// The value.
    pub value: Tensor,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let mut found = Vec::new();
    found.extend(a.tensor("value")?);
    found.extend(a.float("value_float")?.map(Tensor::scalar));
    found.extend(a.int("value_int")?.map(Tensor::scalar));
    if let Some(v) = a.floats("value_floats")? {
        found.push(Tensor::from_vec([v.len()], v)?);
    }
    if let Some(v) = a.ints("value_ints")? {
        found.push(Tensor::from_vec([v.len()], v)?);
    }
    if let Some(v) = a.string("value_string")? {
        found.push(Tensor::from_string_iter([], [v])?);
    }
    if let Some(v) = a.strings("value_strings")? {
        found.push(Tensor::from_string_iter([v.len()], v)?);
    }
    match <[Tensor; 1]>::try_from(found) {
        Ok([value]) => Ok(Arc::new(Constant { value })),
        Err(all) => Err(Error::invalid(format!("a constant needs exactly one value attribute, it has {}", all.len()))),
    }
}

impl Operator for Constant {
    fn infer(&self, _: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![Fact::constant(self.value.clone())])
    }

    fn evaluate(&self, _: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![self.value.clone().into()])
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
    fn every_form_of_value() {
        for (name, attribute, expected) in [
            ("value", Attribute::Tensor(f32s(&[1, 2], &[1.0, 2.0])), f32s(&[1, 2], &[1.0, 2.0])),
            ("value_float", Attribute::Float(1.5), Tensor::scalar(1.5f32)),
            ("value_int", Attribute::Int(7), Tensor::scalar(7i64)),
            ("value_floats", Attribute::Floats(vec![1.0, 2.5]), f32s(&[2], &[1.0, 2.5])),
            ("value_ints", Attribute::Ints(vec![]), i64s(&[0], &[])),
            ("value_string", Attribute::String("a".into()), Tensor::from_string_iter([], ["a"]).unwrap()),
            ("value_strings", Attribute::Strings(vec!["b".into()]), Tensor::from_string_iter([1], ["b"]).unwrap()),
        ] {
            assert_eq!(run("Constant", 13, &[(name, attribute)], &[]).unwrap(), expected, "{name}");
        }
        assert!(run("Constant", 13, &[], &[]).is_err());
        let two = [("value_int", Attribute::Int(1)), ("value_float", Attribute::Float(1.0))];
        assert!(run("Constant", 13, &two, &[]).is_err());
    }
}
