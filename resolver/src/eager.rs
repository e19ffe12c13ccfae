//! Eager evaluation: one operator at once, through the same preparation as compiled programs.

use crate::{Error, Result};
use hologram_backends::{Backend, cpu::Cpu};
use hologram_ops::{
    Attributes, Fact, Registry, Type, Value,
    control::Control,
    fact::Facts,
    graph::{Graph, NewNode},
    program::Program,
};

/// The outputs of one operator for these inputs, as `eval(&registry, "Add", 23, Attributes::new(), &[a, b])`.
///
/// `version` is that of the operator set. An operator outside `ai.onnx` is named with its domain, as
/// `ai.onnx.ml::Scaler`. The operator becomes a program of one call that the CPU backend prepares and runs, so the bits
/// are those of a compiled model. There are as many outputs as the operator's inference gives when one is asked for;
/// optional ones that it gives on demand only (the indices of `MaxPool`) are left out.
///
/// # Errors
/// `Unsupported` for an operator that the registry lacks, `Invalid` for attributes and inputs that do not fit, and what
/// the run itself says; each names the operator.
pub fn eval(
    registry: &Registry,
    op: &str,
    version: u32,
    attributes: Attributes,
    inputs: &[Value],
) -> Result<Vec<Value>> {
    let (domain, name) = op.rsplit_once("::").unwrap_or(("", op));
    let mut graph = Graph::new(op);
    let mut ids = Vec::with_capacity(inputs.len());
    for (i, value) in inputs.iter().enumerate() {
        ids.push(Some(graph.add_input(&format!("input {i}"), Type::of(value))?));
    }
    let spec = NewNode { name: op, domain, op: name, version, attributes };
    let count = output_count(registry, graph.clone(), spec.clone(), ids.clone(), inputs)?;
    let names: Vec<String> = (0..count).map(|i| format!("output {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let node = graph.add_node(registry, spec, ids, &names)?;
    for (i, name) in names.iter().enumerate() {
        let id = graph.output_of(node, i)?;
        graph.add_output(*name, id);
    }
    let program = Program::from_graph(&graph, false)?;
    let constants = vec![None; program.slots.len()];
    let prepared = Cpu.prepare(program, constants, registry)?;
    prepared.submit(inputs, &Control::default())?.wait().map_err(Error::from)
}

/// How many outputs a node gives for these values: what its inference says when it is parsed for one.
fn output_count(
    registry: &Registry,
    mut graph: Graph,
    spec: NewNode<'_>,
    ids: Vec<Option<hologram_ops::graph::ValueId>>,
    inputs: &[Value],
) -> Result<usize> {
    let place = format!("node '{}' ({})", spec.name, spec.op);
    let node = graph.add_node(registry, spec, ids, &["output"])?;
    let Some(node) = graph.node(node) else { return Err(Error::invalid(format!("{place}: it was not added"))) };
    let fact = |value: &Value| match value {
        Value::Tensor(tensor) => Fact::constant(tensor.clone()),
        other => Fact::of(Type::of(other)),
    };
    let facts: Vec<Fact> = inputs.iter().map(fact).collect();
    let facts: Vec<Option<&Fact>> = facts.iter().map(Some).collect();
    Ok(node.operator.infer(Facts(&facts)).map_err(|e| e.at(place))?.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use hologram_ops::{Attribute, Tensor};

    fn floats(values: &[f32]) -> Value {
        Tensor::from_slice([values.len()], values).unwrap().into()
    }

    fn run(op: &str, attributes: Attributes, inputs: &[Value]) -> Result<Vec<Value>> {
        eval(&Registry::standard(), op, 13, attributes, inputs)
    }

    #[test]
    fn one_operator_gives_all_its_outputs() {
        let sum = run("Add", Attributes::new(), &[floats(&[1.0, 2.0]), floats(&[0.5, 0.5])]).unwrap();
        assert_eq!(sum, [floats(&[1.5, 2.5])]);
        let k = Tensor::from_vec([1], vec![2i64]).unwrap();
        let top = run("TopK", Attributes::new(), &[floats(&[1.0, 3.0, 2.0]), k.into()]).unwrap();
        assert_eq!(top, [floats(&[3.0, 2.0]), Tensor::from_vec([2], vec![1i64, 2]).unwrap().into()]);
        let sizes = Tensor::from_vec([2], vec![1i64, 2]).unwrap();
        let parts = run("Split", Attributes::new(), &[floats(&[1.0, 2.0, 3.0]), sizes.into()]).unwrap();
        assert_eq!(parts, [floats(&[1.0]), floats(&[2.0, 3.0])]);
    }

    #[test]
    fn other_domains_and_attributes_are_reached() {
        let scaler =
            Attributes::new().with("offset", Attribute::Floats(vec![1.0])).with("scale", Attribute::Floats(vec![2.0]));
        let x = Tensor::from_vec([2, 1], vec![1.0f32, 3.0]).unwrap();
        let got = eval(&Registry::standard(), "ai.onnx.ml::Scaler", 3, scaler, &[x.into()]).unwrap();
        assert_eq!(got, [Tensor::from_vec([2, 1], vec![0.0f32, 4.0]).unwrap().into()]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let unknown = run("Adding", Attributes::new(), &[]).unwrap_err();
        assert!(unknown.kind() == ErrorKind::Unsupported && unknown.to_string().contains("Adding"), "{unknown}");
        for inputs in [vec![], vec![floats(&[1.0])], vec![floats(&[1.0, 2.0]), floats(&[1.0, 2.0, 3.0])]] {
            let wrong = run("Add", Attributes::new(), &inputs).unwrap_err();
            assert!(wrong.to_string().contains("Add"), "{wrong}");
        }
    }
}
