//! What these operators share: the check of a node at load, and calling one operator from within another.

use crate::{Attributes, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value, fact::Facts, family};
use std::sync::Arc;

/// Refuses attributes, inputs and outputs that an operator does not read.
pub(super) fn check(node: &Node<'_>, attributes: &[&str], inputs: usize, outputs: usize) -> Result<()> {
    if let Some((name, _)) = node.attributes.iter().find(|(name, _)| !attributes.contains(name)) {
        return Err(Error::unsupported(format!("attribute '{name}', which is not read")));
    }
    for (what, given, most) in [("inputs", node.inputs, inputs), ("outputs", node.outputs, outputs)] {
        if given > most {
            return Err(Error::unsupported(format!("{given} {what}, of which the first {most} are read")));
        }
    }
    Ok(())
}

/// Refuses an attribute of any value but the one that changes nothing.
pub(super) fn only(node: &Node<'_>, name: &str, neutral: i64) -> Result<()> {
    match node.attributes.int_or(name, neutral)? {
        n if n == neutral => Ok(()),
        n => Err(Error::unsupported(format!("attribute '{name}' of {n}; only {neutral} is read"))),
    }
}

/// The operator that `ai.onnx` has under a name, in its newest version.
pub(super) fn standard(node: &Node<'_>, op: &str, attributes: &Attributes) -> Result<Arc<dyn Operator>> {
    let rows = family::ALL.iter().flat_map(|rows| rows.iter()).filter(|r| r.domain.is_empty() && r.op == op);
    let row = rows.max_by_key(|r| r.since).ok_or_else(|| Error::unsupported(format!("operator ai.onnx::{op}")))?;
    (row.parse)(&Node { domain: "", op, version: row.since, since: row.since, attributes, ..*node })
}

/// The outputs of an operator for these tensors.
pub(super) fn call(operator: &dyn Operator, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let values: Vec<Option<Value>> = inputs.iter().map(|t| t.map(|t| t.clone().into())).collect();
    let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
    operator.evaluate(Inputs(&values))?.into_iter().map(Value::into_tensor).collect()
}

/// The first output of an operator for these tensors.
pub(super) fn one(operator: &dyn Operator, inputs: &[Option<&Tensor>]) -> Result<Tensor> {
    call(operator, inputs)?.into_iter().next().ok_or_else(|| Error::invalid("the operator gave no output"))
}

/// All inputs in their working types, so that a chain of operators rounds once.
pub(super) fn widened(inputs: Inputs<'_>) -> Result<Vec<Option<Tensor>>> {
    (0..inputs.len()).map(|i| inputs.optional_tensor(i)?.map(Tensor::widen).transpose()).collect()
}

/// What an operator infers for these tensor facts.
pub(super) fn infer(operator: &dyn Operator, inputs: &[Option<&Fact>]) -> Result<Fact> {
    let facts = operator.infer(Facts(inputs))?;
    Ok(facts.into_iter().next().unwrap_or(Fact::of(Type::Unknown)))
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{run_in, t},
    };

    #[test]
    fn what_is_not_read_is_named() {
        let x = Some(t(&[1], &[1.0]));
        let go = |attributes: &[(&str, Attribute)], inputs: &[Option<Tensor>], outputs: usize| {
            run_in("com.microsoft", "Gelu", 1, attributes, inputs, outputs)
        };
        assert!(go(&[], &[x.clone()], 1).is_ok());
        let odd = go(&[("odd", Attribute::Int(1))], &[x.clone()], 1).unwrap_err().to_string();
        assert!(odd.contains("'odd'"), "{odd}");
        assert!(go(&[], &[x.clone(), x.clone()], 1).is_err());
        assert!(go(&[], &[x], 2).is_err());
    }
}
