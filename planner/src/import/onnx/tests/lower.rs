//! Plain models become graphs.

use super::*;
use crate::import::onnx::{OnnxElements, OnnxTensor, OnnxType, OnnxValue, lower, missing_operators};
use hologram_ops::{
    Attributes, DType, Dim, Error, Fact, Inputs, OpRow, Operator, Registry, Tensor, Type, Value, fact::Facts,
};
use std::sync::Arc;

/// An operator that gives its first input, or nothing; what a node looks like to it is what these tests are about.
#[derive(Debug)]
struct Probe {
    attributes: Attributes,
    inputs: usize,
}

impl Operator for Probe {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>, Error> {
        Ok(vec![inputs.get(0).cloned().unwrap_or(Fact::of(Type::Unknown))])
    }
    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>, Error> {
        Ok(vec![inputs.value(0)?.clone()])
    }
}

fn registry() -> Registry {
    fn parse(node: &hologram_ops::Node<'_>) -> Result<Arc<dyn Operator>, Error> {
        if node.attributes.get("refuse").is_some() {
            return Err(Error::invalid("it is refused"));
        }
        Ok(Arc::new(Probe { attributes: node.attributes.clone(), inputs: node.inputs }))
    }
    const fn row(op: &'static str, since: u32) -> OpRow {
        OpRow { domain: "", op, since, parse }
    }
    Registry::empty().with(&[row("Add", 7), row("Relu", 14), row("If", 7), row("Loop", 7), row("Neg", 7)])
}

fn lowered(proto: &ModelProto) -> Result<hologram_ops::graph::Graph, OnnxError> {
    lower(&parse(proto)?, &registry())
}

fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(r#type), ..AttributeProto::default() }
}

#[test]
fn a_small_model_becomes_a_graph() {
    let graph = lowered(&small()).unwrap();
    assert_eq!((graph.inputs().len(), graph.node_count()), (1, 2));
    let symbolic = Type::tensor(DType::F32, [Dim::symbol("n"), Dim::Known(2)]);
    assert_eq!(graph.value(graph.inputs()[0]).fact.ty, symbolic);
    let weight = graph.value(graph.value_named("w").unwrap()).constant.clone().unwrap();
    assert_eq!(weight, Tensor::from_slice([2], &[1f32, 2.0]).unwrap());
    let (name, y) = &graph.outputs()[0];
    assert_eq!((name.as_str(), &graph.value(*y).fact.ty), ("y", &symbolic));
    let nodes: Vec<_> = graph.order().unwrap().into_iter().map(|id| graph.node(id).unwrap().clone()).collect();
    assert_eq!((nodes[0].name.as_str(), nodes[1].op.as_str(), nodes[1].version), ("Add_s", "Relu", 18));
}

#[test]
fn constants_in_every_form() {
    let text = |name, s: &'static str| AttributeProto { s: Some(s.into()), ..attribute(name, attribute_type::STRING) };
    let cases = [
        (
            "value",
            AttributeProto {
                t: Some(Box::new(floats("", &[1], &[2.0]))),
                ..attribute("value", attribute_type::TENSOR)
            },
            Tensor::from_slice([1], &[2f32]).unwrap(),
        ),
        ("int", int("value_int", 7), Tensor::scalar(7i64)),
        (
            "ints",
            AttributeProto { ints: vec![1, 2], ..attribute("value_ints", attribute_type::INTS) },
            Tensor::from_slice([2], &[1i64, 2]).unwrap(),
        ),
        (
            "float",
            AttributeProto { f: Some(0.5), ..attribute("value_float", attribute_type::FLOAT) },
            Tensor::scalar(0.5f32),
        ),
        (
            "floats",
            AttributeProto { floats: vec![0.5], ..attribute("value_floats", attribute_type::FLOATS) },
            Tensor::from_slice([1], &[0.5f32]).unwrap(),
        ),
        ("string", text("value_string", "a"), Tensor::from_string_iter([], ["a"]).unwrap()),
        (
            "strings",
            AttributeProto {
                strings: vec!["a".into(), "b".into()],
                ..attribute("value_strings", attribute_type::STRINGS)
            },
            Tensor::from_string_iter([2], ["a", "b"]).unwrap(),
        ),
    ];
    for (case, attribute, expected) in cases {
        let nodes = vec![with(node("Constant", &[], &["c"]), attribute), node("Neg", &["c"], &["y"])];
        let mut g = graph(nodes, &[], &["y"]);
        g.output[0].r#type = None;
        let lowered = lowered(&model(g)).unwrap_or_else(|e| panic!("{case}: {e}"));
        let c = lowered.value_named("c").unwrap();
        assert_eq!(lowered.value(c).constant.as_ref(), Some(&expected), "{case}");
        assert_eq!(lowered.node_count(), 1, "{case}");
    }
}

#[test]
fn subgraphs_get_their_captures_as_last_inputs() {
    let branch = |op: &str, inputs: &[&str]| graph(vec![node(op, inputs, &["r"])], &[], &["r"]);
    let nodes = vec![
        node("Relu", &["x"], &["s"]),
        with(
            with(node("If", &["c"], &["y"]), subgraph("then_branch", branch("Add", &["s", "w"]))),
            subgraph("else_branch", branch("Add", &["x", "big"])),
        ),
    ];
    let mut g = graph(nodes, &["x", "c"], &["y"]);
    g.initializer = vec![floats("w", &[2], &[1.0, 2.0]), floats("big", &[100], &[0.0; 100])];
    let graph = lowered(&model(g)).unwrap();
    let id = graph.order().unwrap()[1];
    let node = graph.node(id).unwrap();
    let names: Vec<_> = node.inputs.iter().map(|i| graph.value(i.unwrap()).name.clone()).collect();
    // The else branch comes first by name; `w` is small and so repeated inside.
    assert_eq!(names, ["c", "x", "big", "s"]);
    for (name, expected) in [("then_branch", vec!["s"]), ("else_branch", vec!["x", "big"])] {
        let inner = node.attributes.graph(name).unwrap().unwrap();
        let inputs: Vec<_> = inner.inputs().iter().map(|i| inner.value(*i).name.clone()).collect();
        assert_eq!(inputs, expected, "{name}");
    }
    let then = node.attributes.graph("then_branch").unwrap().unwrap();
    assert!(then.value(then.value_named("w").unwrap()).constant.is_some());
}

#[test]
fn a_loop_keeps_its_optional_inputs_before_the_captures() {
    let body = graph(vec![node("Add", &["x", "i"], &["r"])], &["i", "k"], &["k", "r"]);
    let nodes = vec![with(node("Loop", &["n"], &["y"]), subgraph("body", body))];
    let graph = lowered(&model(graph(nodes, &["x", "n"], &["y"]))).unwrap();
    let node = graph.node(graph.order().unwrap()[0]).unwrap();
    let names: Vec<_> = node.inputs.iter().map(|i| i.map(|i| graph.value(i).name.clone())).collect();
    assert_eq!(names, [Some("n".into()), None, Some("x".into())]);
}

#[test]
fn what_is_not_given_is_absent() {
    let nodes = vec![NodeProto { output: vec!["y".into(), String::new()], ..node("Add", &["", "x", "", ""], &["y"]) }];
    let graph = lowered(&model(graph(nodes, &["x"], &["y"]))).unwrap();
    let node = graph.node(graph.order().unwrap()[0]).unwrap();
    assert_eq!((node.inputs.len(), node.inputs[0], node.outputs.len()), (2, None, 1));
    let probe = (node.operator.as_ref() as &dyn std::any::Any).downcast_ref::<Probe>().unwrap();
    assert_eq!((probe.inputs, probe.attributes.is_empty()), (2, true));
}

#[test]
fn a_type_becomes_a_graph_of_one_input() {
    let ty = value("t").r#type.map(Box::new);
    let a = AttributeProto { tp: ty, ..attribute("type", attribute_type::TYPE_PROTO) };
    let lowered = lowered(&model(graph(vec![with(node("Neg", &["x"], &["y"]), a)], &["x"], &["y"]))).unwrap();
    let node = lowered.node(lowered.order().unwrap()[0]).unwrap();
    let of = node.attributes.graph("type").unwrap().unwrap();
    let expected = Type::tensor(DType::F32, [Dim::symbol("n"), Dim::Known(2)]);
    assert_eq!((of.inputs().len(), &of.value(of.inputs()[0]).fact.ty), (1, &expected));
}

#[test]
fn models_that_have_no_graph() {
    let edit = |f: &dyn Fn(&mut GraphProto)| {
        let mut m = small();
        f(m.graph.as_mut().unwrap());
        lowered(&m)
    };
    let bytes = |name: &str, s: &'static [u8]| AttributeProto {
        s: Some(prost::bytes::Bytes::from_static(s)),
        ..attribute(name, attribute_type::STRING)
    };
    let cases: Vec<(&str, Result<_, OnnxError>, &[&str])> = vec![
        (
            "unknown operator",
            edit(&|g| g.node[0].op_type = Some("Addd".into())),
            &["m.onnx", "node 'Add_s' (Addd)", "ai.onnx::Addd", "operator set 18", "nearest name is Add"],
        ),
        ("refused", edit(&|g| g.node[0].attribute.push(int("refuse", 1))), &["'Add_s' (Add)", "it is refused"]),
        (
            "no text",
            edit(&|g| g.node[0].attribute.push(bytes("a", b"ab\xff"))),
            &["node 'Add_s' (Add), attribute 'a'", "no UTF-8", "byte 2"],
        ),
        (
            "complex constant",
            edit(&|g| g.initializer[0] = TensorProto { data_type: Some(14), ..floats("w", &[1], &[1.0, 2.0]) }),
            &["initialiser 'w'", "complex64"],
        ),
        (
            "contradiction",
            edit(&|g| {
                let mut w = value("w");
                if let Some(TypeProto { value: Some(TypeValue::Tensor(t)) }) = &mut w.r#type {
                    t.elem_type = Some(7);
                }
                g.value_info.push(w);
            }),
            &["'w'", "i64"],
        ),
        (
            "many graphs",
            edit(&|g| g.node[0].attribute.push(attribute("gs", attribute_type::GRAPHS))),
            &["attribute 'gs'", "graphs"],
        ),
        (
            "empty constant",
            edit(&|g| g.node.push(node("Constant", &[], &["k"]))),
            &["node 'Constant_k'", "0 attributes"],
        ),
        (
            "wrong constant",
            edit(&|g| g.node.push(with(node("Constant", &[], &["k"]), int("value", 1)))),
            &["attribute 'value' is an integer"],
        ),
    ];
    for (case, result, parts) in cases {
        assert_fails(case, result, parts);
    }
}

#[test]
fn missing_operators_are_listed_once() {
    let mut m = small();
    m.opset_import[0].version = Some(13);
    let g = m.graph.as_mut().unwrap();
    g.node.push(node("Foo", &["s"], &["a"]));
    let inner = graph(vec![node("Foo", &["s"], &["r"])], &[], &["r"]);
    g.node.push(with(node("If", &["x"], &["b"]), subgraph("then_branch", inner)));
    let missing = missing_operators(&parse(&m).unwrap(), &registry());
    let names: Vec<_> = missing.iter().map(|m| (m.op.as_str(), m.opset)).collect();
    assert_eq!(names, [("Foo", 13), ("Relu", 13)]);
    assert!(missing[1].message.contains("from version 14 on"), "{}", missing[1].message);
}

#[test]
fn recorded_values_become_values() {
    let scalar = |v: f32| {
        let data = OnnxElements::Bytes(v.to_le_bytes().to_vec().into());
        OnnxValue::Tensor(OnnxTensor { name: String::new(), data_type: 1, dims: vec![], data })
    };
    let map = OnnxValue::Map {
        key_type: 8,
        keys: vec![],
        string_keys: vec!["b".into(), "a".into()],
        values: vec![scalar(2.0), scalar(1.0)],
    };
    let expected = Value::Map {
        keys: Tensor::from_string_iter([2], ["a", "b"]).unwrap(),
        values: Tensor::from_slice([2], &[1f32, 2.0]).unwrap(),
    };
    assert_eq!(OnnxValue::Sequence(vec![map]).to_value("f").unwrap(), Value::Sequence(vec![expected]));
    let some = OnnxValue::Optional(Some(Box::new(scalar(3.0)))).to_value("f").unwrap();
    assert_eq!(some, Value::Optional(Some(Box::new(Value::Tensor(Tensor::scalar(3f32))))));
    assert_fails(
        "type",
        OnnxValue::parse(
            "f",
            vec![].into(),
            &OnnxType::Opaque { domain: "d".into(), name: "n".into() },
            &Limits::default(),
        ),
        &["opaque d.n"],
    );
}
