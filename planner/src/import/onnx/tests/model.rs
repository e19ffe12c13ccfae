//! The frame of a model, names and order.

use super::*;
use crate::import::onnx::{OnnxAttr, OnnxDim, OnnxType};

#[test]
fn a_small_model_is_read() {
    let model = parse(&small()).unwrap();
    assert_eq!((model.ir_version, model.producer.as_str(), model.opsets[""]), (9, "test", 18));
    assert_eq!(model.graph.inputs.len(), 1);
    let shape = Some(vec![OnnxDim::Symbol("n".into()), OnnxDim::Known(2)]);
    assert_eq!(model.graph.inputs[0].ty, OnnxType::Tensor { data_type: 1, shape });
    assert_eq!(model.graph.inputs[0].ty.to_string(), "tensor of float [n, 2]");
    let ops: Vec<_> = model.graph.nodes.iter().map(|n| (n.op_type.as_str(), n.opset)).collect();
    assert_eq!(ops, [("Add", 18), ("Relu", 18)]);
    assert_eq!(model.graph.initializers[0].dims, [2]);
}

#[test]
fn frames_that_are_refused() {
    let edit = |f: &dyn Fn(&mut ModelProto)| {
        let mut m = small();
        f(&mut m);
        parse(&m)
    };
    let g = |f: &dyn Fn(&mut GraphProto)| edit(&|m| f(m.graph.as_mut().unwrap()));
    let cases: Vec<(&str, Result<OnnxModel, OnnxError>, &[&str])> = vec![
        ("no known format", edit(&|m| m.ir_version = Some(0)), &["IR version 0", "1 to 14"]),
        ("new format", edit(&|m| m.ir_version = Some(15)), &["IR version 15"]),
        ("no format", edit(&|m| m.ir_version = None), &["no IR version"]),
        ("no imports", edit(&|m| m.opset_import.clear()), &["imports no operator set"]),
        ("no operators", edit(&|m| m.opset_import = vec![import("", 0)]), &["version 0", "ai.onnx", "1 to 28"]),
        ("new operators", edit(&|m| m.opset_import = vec![import("ai.onnx", 29)]), &["version 29"]),
        (
            "new ml operators",
            edit(&|m| m.opset_import.push(import("ai.onnx.ml", 6))),
            &["version 6", "ai.onnx.ml", "1 to 5"],
        ),
        (
            "new preview operators",
            edit(&|m| m.opset_import.push(import("ai.onnx.preview", 2))),
            &["version 2", "ai.onnx.preview", "1 to 1"],
        ),
        (
            "two versions",
            edit(&|m| m.opset_import.push(import("ai.onnx", 17))),
            &["ai.onnx is imported twice", "18", "17"],
        ),
        ("foreign domain", g(&|g| g.node[0].domain = Some("my.ops".into())), &["Add_s", "'my.ops'"]),
        (
            "missing input",
            g(&|g| g.node[0].input[1] = "v".into()),
            &["m.onnx", "node 'Add_s' (Add)", "input 1", "nobody defines value 'v'"],
        ),
        ("missing output", g(&|g| g.output.push(value("z"))), &["output 1 'z'", "nobody defines"]),
        ("two outputs of a name", g(&|g| g.output.push(value("y"))), &["output 1 'y'", "two outputs"]),
        ("defined twice", g(&|g| g.node[1].output[0] = "s".into()), &["Relu_y", "output 0", "'s' is defined twice"]),
        ("defines an input", g(&|g| g.node[0].output[0] = "x".into()), &["'x' is defined twice"]),
        ("defines a constant", g(&|g| g.node[0].output[0] = "w".into()), &["'w' is defined twice"]),
        (
            "two constants of a name",
            g(&|g| g.initializer.push(floats("w", &[0], &[]))),
            &["initialiser 'w'", "defined twice, with different contents"],
        ),
        ("two inputs of a name", g(&|g| g.input.push(value("x"))), &["input 1", "'x' is defined twice"]),
        ("no operator", g(&|g| g.node[0].op_type = None), &["node 'Add_s'", "no operator"]),
        (
            "attribute twice",
            g(&|g| g.node[0].attribute = vec![int("a", 1), int("a", 2)]),
            &["Add_s", "'a' is given twice"],
        ),
        (
            "attribute without type",
            g(&|g| g.node[0].attribute.push(AttributeProto { name: Some("a".into()), ..Default::default() })),
            &["attribute 'a'", "type is missing"],
        ),
        (
            "attribute of no known type",
            g(&|g| g.node[0].attribute.push(AttributeProto { r#type: Some(99), ..int("a", 1) })),
            &["attribute type 99"],
        ),
        (
            "reference outside",
            g(&|g| g.node[0].attribute.push(reference("a", "b"))),
            &["'a'", "outside of any function"],
        ),
        (
            "cycle",
            g(&|g| {
                g.node[0].input[1] = "c".into();
                g.node.push(node("Neg", &["y"], &["c"]));
            }),
            &["cycle", "'Add_s' -> 'Relu_y' -> 'Neg_c' -> 'Add_s'"],
        ),
        ("reads itself", g(&|g| g.node[0].input[1] = "s".into()), &["cycle", "'Add_s' -> 'Add_s'"]),
    ];
    for (case, result, parts) in cases {
        assert_fails(case, result, parts);
    }
}

#[test]
fn nodes_come_in_order_and_stay_where_they_can() {
    let chain = |order: [usize; 4]| {
        let nodes = [
            node("Abs", &["x"], &["a"]),
            node("Neg", &["a"], &["b"]),
            node("Exp", &["x"], &["c"]),
            node("Add", &["b", "c"], &["y"]),
        ];
        let g = graph(order.map(|i| nodes[i].clone()).to_vec(), &["x"], &["y"]);
        let model = parse(&model(g)).unwrap();
        model.graph.nodes.into_iter().map(|n| n.op_type).collect::<Vec<_>>()
    };
    for (order, expected) in [
        ([0, 1, 2, 3], ["Abs", "Neg", "Exp", "Add"]),
        ([2, 0, 1, 3], ["Exp", "Abs", "Neg", "Add"]),
        ([3, 1, 0, 2], ["Abs", "Neg", "Exp", "Add"]),
        ([3, 2, 1, 0], ["Exp", "Abs", "Neg", "Add"]),
    ] {
        assert_eq!(chain(order), expected, "{order:?}");
    }
}

#[test]
fn constants_among_the_inputs_are_constants() {
    let mut proto = small();
    proto.ir_version = Some(3);
    proto.graph.as_mut().unwrap().input.push(value("w"));
    let model = parse(&proto).unwrap();
    let names: Vec<_> = model.graph.inputs.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(names, ["x"]);
}

#[test]
fn nodes_without_a_name_get_one() {
    let mut proto = small();
    let g = proto.graph.as_mut().unwrap();
    g.node[0].name = None;
    g.node.push(NodeProto { name: Some("Relu_y".into()), ..node("Neg", &["s"], &["z"]) });
    let names: Vec<_> = parse(&proto).unwrap().graph.nodes.into_iter().map(|n| n.name).collect();
    assert_eq!(names, ["Add_0", "Relu_y", "Relu_y_2"]);
}

#[test]
fn subgraphs_capture_values_around_them() {
    let inner = graph(vec![node("Add", &["s", "late"], &["r"])], &[], &["r"]);
    let branch = graph(vec![with(node("If", &["cond"], &["r2"]), subgraph("then_branch", inner))], &[], &["r2"]);
    let nodes = vec![
        node("Relu", &["x"], &["s"]),
        with(node("If", &["cond"], &["y"]), subgraph("then_branch", branch)),
        node("Abs", &["x"], &["late"]),
    ];
    let model = parse(&model(graph(nodes, &["x", "cond"], &["y"]))).unwrap();
    let ops: Vec<_> = model.graph.nodes.iter().map(|n| n.op_type.as_str()).collect();
    // `If` reads `late` through two subgraphs, so it comes last.
    assert_eq!(ops, ["Relu", "Abs", "If"]);
    let (_, OnnxAttr::Graph(branch)) = &model.graph.nodes[2].attributes[0] else { panic!("no graph") };
    assert_eq!(branch.captures, ["cond", "s", "late"]);
    let unknown = graph(vec![node("Neg", &["nowhere"], &["r"])], &[], &["r"]);
    let nodes = vec![with(node("If", &["x"], &["y"]), subgraph("then_branch", unknown))];
    assert_fails("unknown", parse(&super::model(graph(nodes, &["x"], &["y"]))), &["Neg_r", "'nowhere'"]);
}
