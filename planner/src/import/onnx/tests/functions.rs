//! Functions of a model are expanded.

use super::*;
use crate::import::onnx::{OnnxAttr, proto::FunctionProto};

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.into()),
        domain: Some("my".into()),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: outputs.iter().map(|s| s.to_string()).collect(),
        node: nodes,
        opset_import: vec![import("", 17), import("my", 1)],
        ..FunctionProto::default()
    }
}

fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    in_domain(node(name, inputs, outputs), "my")
}

/// Two calls of a function that calls another one, with an attribute handed through and a default.
pub(super) fn doubled() -> ModelProto {
    let mut inner =
        function("Inner", &["a"], &["b"], vec![with(node("Softmax", &["a"], &["b"]), reference("axis", "ax"))]);
    inner.attribute_proto = vec![int("ax", -1)];
    let mut outer = function(
        "Outer",
        &["p", "q"],
        &["r"],
        vec![
            node("Add", &["p", "q"], &["t"]),
            with(call("Inner", &["t"], &["u"]), reference("ax", "axis")),
            node("Relu", &["u"], &["r"]),
        ],
    );
    outer.attribute = vec!["axis".into()];
    let nodes = vec![with(call("Outer", &["x", "w"], &["s"]), int("axis", 1)), call("Outer", &["s", "s"], &["y"])];
    let mut g = graph(nodes, &["x"], &["y"]);
    g.initializer.push(floats("w", &[2], &[1.0, 2.0]));
    ModelProto { functions: vec![inner, outer], opset_import: vec![import("", 18), import("my", 1)], ..model(g) }
}

#[test]
fn calls_become_bodies() {
    let model = parse(&doubled()).unwrap();
    let lines: Vec<String> = model
        .graph
        .nodes
        .iter()
        .map(|n| format!("{}@{} {}({}) -> {}", n.op_type, n.opset, n.name, n.inputs.join(","), n.outputs.join(",")))
        .collect();
    assert_eq!(
        lines,
        [
            "Add@17 Outer_s/Add_t(x,w) -> Outer_s/t",
            "Softmax@17 Outer_s/Inner_u/Softmax_b(Outer_s/t) -> Outer_s/u",
            "Relu@17 Outer_s/Relu_r(Outer_s/u) -> s",
            "Add@17 Outer_y/Add_t(s,s) -> Outer_y/t",
            "Softmax@17 Outer_y/Inner_u/Softmax_b(Outer_y/t) -> Outer_y/u",
            "Relu@17 Outer_y/Relu_r(Outer_y/u) -> y",
        ]
    );
    // The first call gives the attribute; the second leaves it out, so the inner default holds.
    assert_eq!(model.graph.nodes[1].attributes, [("axis".to_string(), OnnxAttr::Int(1))]);
    assert_eq!(model.graph.nodes[4].attributes, [("axis".to_string(), OnnxAttr::Int(-1))]);
}

#[test]
fn names_never_meet() {
    // The body's `t` meets a value of the graph with the very name that expansion would give.
    let f = function("F", &["a"], &["b"], vec![node("Neg", &["a"], &["t"]), node("Abs", &["t"], &["b"])]);
    let nodes = vec![
        NodeProto { name: Some("c".into()), ..call("F", &["x"], &["y"]) },
        NodeProto { name: Some("c".into()), ..call("F", &["y"], &["z"]) },
        node("Exp", &["z"], &["c/t"]),
    ];
    let proto = ModelProto { functions: vec![f], ..model(graph(nodes, &["x"], &["c/t"])) };
    let model = parse(&proto).unwrap();
    let ops: Vec<_> = model.graph.nodes.iter().map(|n| n.op_type.as_str()).collect();
    assert_eq!(ops, ["Neg", "Abs", "Neg", "Abs", "Exp"]);
    let mut outputs: Vec<_> = model.graph.nodes.iter().flat_map(|n| n.outputs.clone()).collect();
    outputs.sort();
    outputs.dedup();
    assert_eq!(outputs.len(), 5, "{outputs:?}");
}

#[test]
fn what_a_call_may_leave_out_and_hand_on() {
    let through = function("Id", &["a", "b"], &["a", "c"], vec![node("Clip", &["a", "b"], &["c"])]);
    let nodes = vec![call("Id", &["x"], &["y", "z"]), call("Id", &["x"], &["", "v"])];
    let proto = ModelProto { functions: vec![through], ..model(graph(nodes, &["x"], &["y", "z", "v"])) };
    let model = parse(&proto).unwrap();
    let lines: Vec<String> = model
        .graph
        .nodes
        .iter()
        .map(|n| format!("{}({}) -> {}", n.op_type, n.inputs.join(","), n.outputs.join(",")))
        .collect();
    assert_eq!(lines, ["Clip(x,) -> z", "Identity(x) -> y", "Clip(x,) -> v"]);
}

#[test]
fn bodies_with_subgraphs() {
    // The branch has a local value of the same name as a value of the caller that is handed in.
    let branch = graph(vec![node("Neg", &["a"], &["x"])], &[], &["x"]);
    let body = vec![with(node("If", &["c"], &["r"]), subgraph("then_branch", branch))];
    let f = function("F", &["a", "c"], &["r"], body);
    let proto =
        ModelProto { functions: vec![f], ..model(graph(vec![call("F", &["x", "k"], &["y"])], &["x", "k"], &["y"])) };
    let model = parse(&proto).unwrap();
    let (_, OnnxAttr::Graph(branch)) = &model.graph.nodes[0].attributes[0] else { panic!("no graph") };
    assert_eq!(branch.nodes[0].inputs, ["x"]);
    assert_ne!(branch.nodes[0].outputs, ["x"]);
    assert_eq!(branch.captures, ["x"]);
}

#[test]
fn calls_that_are_refused() {
    let with_functions = |functions: Vec<FunctionProto>, nodes: Vec<NodeProto>| {
        parse(&ModelProto { functions, ..model(graph(nodes, &["x"], &["y"])) })
    };
    let relu = || function("F", &["a"], &["b"], vec![node("Relu", &["a"], &["b"])]);
    let ring = vec![
        function("F", &["a"], &["b"], vec![call("G", &["a"], &["b"])]),
        function("G", &["a"], &["b"], vec![call("F", &["a"], &["b"])]),
    ];
    // Each level calls the next one twice, forty levels deep.
    let bomb = (0..40).map(|i| {
        let next = format!("F{}", i + 1);
        let body = vec![call(&next, &["a"], &["t"]), call(&next, &["t"], &["b"])];
        function(&format!("F{i}"), &["a"], &["b"], body)
    });
    let bomb = bomb.chain([function("F40", &["a"], &["b"], vec![node("Relu", &["a"], &["b"])])]).collect();
    let limits = Limits { nodes: 10_000, ..Limits::default() };
    let proto = ModelProto { functions: bomb, ..model(graph(vec![call("F0", &["x"], &["y"])], &["x"], &["y"])) };
    let bomb = OnnxModel::parse("m.onnx", proto.encode_to_vec().into(), None, &limits);
    let bad_reference =
        function("F", &["a"], &["b"], vec![with(node("Softmax", &["a"], &["b"]), reference("axis", "axes"))]);
    let f = |i: &[&str], o: &[&str]| vec![call("F", i, o)];
    let cases: Vec<(&str, Result<OnnxModel, OnnxError>, &[&str])> = vec![
        ("recursion", with_functions(ring, f(&["x"], &["y"])), &["my.F -> my.G -> my.F"]),
        ("bomb", bomb, &["nodes after expansion", "10000"]),
        ("twice", with_functions(vec![relu(), relu()], f(&["x"], &["y"])), &["function my.F", "defined twice"]),
        ("inputs", with_functions(vec![relu()], f(&["x", "x"], &["y"])), &["F_y", "2 inputs", "has 1"]),
        ("outputs", with_functions(vec![relu()], f(&["x"], &["y", "z"])), &["2 outputs", "has 1"]),
        (
            "attribute",
            with_functions(vec![relu()], vec![with(call("F", &["x"], &["y"]), int("alpha", 1))]),
            &["F_y", "no attribute 'alpha'"],
        ),
        ("reference", with_functions(vec![bad_reference], f(&["x"], &["y"])), &["F_y/Softmax_b", "'axes'"]),
        (
            "undefined",
            with_functions(vec![function("F", &["a"], &["b"], vec![node("Relu", &["zz"], &["b"])])], f(&["x"], &["y"])),
            &["F_y/Relu_b", "F_y/zz"],
        ),
    ];
    for (case, result, parts) in cases {
        assert_fails(case, result, parts);
    }
}
