//! Running one operator in tests, with its inference held against what it gives.

use crate::{Attribute, Attributes, Fact, Inputs, Node, Registry, Result, Tensor, Type, Value, fact::Facts, graph};

/// The outputs of an operator; inference with all values known and with types only must agree with them.
pub(crate) fn run_values(
    op: &str,
    version: u32,
    attributes: &[(&str, Attribute)],
    inputs: &[Option<Value>],
    outputs: usize,
) -> Result<Vec<Value>> {
    let attributes = attributes.iter().fold(Attributes::new(), |all, (k, v)| all.with(*k, v.clone()));
    let node = Node { domain: "", op, version, since: 0, attributes: &attributes, inputs: inputs.len(), outputs };
    let operator = Registry::standard().parse(&node)?.1;
    let given: Vec<Option<&Value>> = inputs.iter().map(Option::as_ref).collect();
    let result = operator.evaluate(Inputs(&given))?;
    assert!(result.len() >= outputs, "{op} gives {} outputs of {outputs}", result.len());
    let typed = |constants: bool| {
        let fact = |v: &Value| match v {
            Value::Tensor(t) if constants => Fact::constant(t.clone()),
            other => Fact::of(Type::of(other)),
        };
        inputs.iter().map(|v| v.as_ref().map(fact)).collect::<Vec<_>>()
    };
    for constants in [true, false] {
        let facts = typed(constants);
        let refs: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let inferred = operator.infer(Facts(&refs))?;
        assert!(inferred.len() >= outputs, "{op} infers {} outputs of {outputs}", inferred.len());
        for (fact, value) in inferred.iter().zip(&result) {
            let found = Type::of(value);
            let unified = graph::unify(&fact.ty, &found);
            assert!(unified.is_ok(), "{op} infers {} and gives {found}", fact.ty);
            if let (Value::Tensor(t), Some(dims)) = (value, &fact.dims) {
                let values = t.to_i64_vec()?;
                assert_eq!(dims.len(), values.len(), "{op} dims");
                for (d, v) in dims.iter().zip(values) {
                    assert!(d.known().is_none_or(|d| i64::try_from(d) == Ok(v)), "{op} dims {dims:?}");
                }
            }
        }
    }
    Ok(result)
}

/// [`run_values`] for tensors.
pub(crate) fn run(op: &str, version: u32, attributes: &[(&str, Attribute)], inputs: &[Tensor]) -> Result<Tensor> {
    let inputs: Vec<Option<Value>> = inputs.iter().map(|t| Some(t.clone().into())).collect();
    run_values(op, version, attributes, &inputs, 1)?.swap_remove(0).into_tensor()
}

/// The facts that an operator infers from these facts.
pub(crate) fn infer(op: &str, version: u32, attributes: &[(&str, Attribute)], inputs: &[Fact]) -> Result<Vec<Fact>> {
    let attributes = attributes.iter().fold(Attributes::new(), |all, (k, v)| all.with(*k, v.clone()));
    let node = Node { domain: "", op, version, since: 0, attributes: &attributes, inputs: inputs.len(), outputs: 1 };
    let refs: Vec<Option<&Fact>> = inputs.iter().map(Some).collect();
    Registry::standard().parse(&node)?.1.infer(Facts(&refs))
}

/// A tensor of 32-bit floats.
pub(crate) fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_slice(shape, values).expect("as many values as the shape takes")
}

/// A tensor of 64-bit integers.
pub(crate) fn i64s(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_slice(shape, values).expect("as many values as the shape takes")
}
