//! Small models to start from: one for each use of an operator in the table of pairs, and some with subgraphs.

use super::table::{Draw, uses};
use hologram_ops::{Attribute, DType, Tensor, Value};
use hologram_planner::import::onnx::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, attribute_type,
};

/// A node of these inputs and outputs.
pub(crate) fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        input: inputs.iter().map(|s| (*s).to_owned()).collect(),
        output: outputs.iter().map(|s| (*s).to_owned()).collect(),
        ..NodeProto::default()
    }
}

/// The same node with one more subgraph.
pub(crate) fn with_graph(mut node: NodeProto, name: &str, graph: GraphProto) -> NodeProto {
    node.attribute.push(AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(attribute_type::GRAPH),
        g: Some(Box::new(graph)),
        ..AttributeProto::default()
    });
    node
}

/// A value whose type is declared where `dims` are given: `f32` of these sizes.
pub(crate) fn value(name: &str, dims: Option<&[i64]>) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.to_owned()), r#type: dims.map(|dims| tensor_type(1, dims)) }
}

fn tensor_type(elem_type: i32, dims: &[i64]) -> TypeProto {
    let dim = dims.iter().map(|d| DimensionProto { value: Some(DimensionValue::DimValue(*d)) }).collect();
    let shape = Some(TensorShapeProto { dim });
    TypeProto { value: Some(TypeValue::Tensor(TensorTypeProto { elem_type: Some(elem_type), shape })) }
}

/// An initialiser.
pub(crate) fn constant(name: &str, tensor: &Tensor) -> TensorProto {
    let mut proto = TensorProto {
        name: Some(name.to_owned()),
        dims: tensor.shape().iter().map(|d| *d as i64).collect(),
        data_type: Some(tensor.dtype().code()),
        ..TensorProto::default()
    };
    match tensor.as_strings() {
        Ok(strings) => proto.string_data = strings.iter().flatten().map(|s| s.as_bytes().to_vec().into()).collect(),
        Err(_) => proto.raw_data = Some(tensor.buffer().unwrap().as_slice().to_vec().into()),
    }
    proto
}

/// A graph.
pub(crate) fn graph(
    nodes: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
    input: Vec<ValueInfoProto>,
    outputs: &[&str],
) -> GraphProto {
    let output = outputs.iter().map(|name| value(name, None)).collect();
    GraphProto { name: Some("g".to_owned()), node: nodes, initializer, input, output, ..GraphProto::default() }
}

/// A model of the newest operator sets.
pub(crate) fn model(graph: GraphProto) -> ModelProto {
    let import = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
    ModelProto {
        ir_version: Some(10),
        graph: Some(graph),
        opset_import: vec![import("", 26), import("ai.onnx.ml", 4), import("com.microsoft", 1)],
        ..ModelProto::default()
    }
}

/// Every seed; what is fed and what is constant differs from one to the next.
pub(crate) fn seeds() -> Vec<ModelProto> {
    let mut draw = Draw::new(7);
    let mut all = vec![model(loops(3, 2)), model(branches())];
    for (i, of) in uses().iter().enumerate() {
        for (dtype, shape) in [(DType::F32, &[2usize, 3][..]), (DType::I64, &[3]), (DType::U8, &[1, 4, 6, 6])] {
            let x = draw.tensor(dtype, shape);
            let Some(mut others) = of.others(&Value::Tensor(x.clone()), &mut draw) else { continue };
            others[of.incoming] = Some(x);
            let names: Vec<String> =
                others.iter().enumerate().map(|(k, t)| t.as_ref().map_or(String::new(), |_| format!("x{k}"))).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut call = node(&of.op, &names, &["y"]);
            call.domain = Some(of.domain.to_owned());
            call.attribute = of.attributes.iter().map(|(name, a)| attribute(name, a)).collect();
            let (mut constants, mut inputs) = (Vec::new(), Vec::new());
            for (k, (name, tensor)) in names.iter().zip(&others).enumerate() {
                let Some(tensor) = tensor else { continue };
                if (k == of.incoming) == (i % 3 == 0) {
                    constants.push(constant(name, tensor));
                } else {
                    let dims: Vec<i64> = tensor.shape().iter().map(|d| *d as i64).collect();
                    inputs.push(ValueInfoProto {
                        name: Some((*name).to_owned()),
                        r#type: Some(tensor_type(tensor.dtype().code(), &dims)),
                    });
                }
            }
            all.push(model(graph(vec![call], constants, inputs, &["y"])));
        }
    }
    all
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
    let bytes = |s: &String| s.as_bytes().to_vec().into();
    let kind = match value {
        Attribute::Float(v) => {
            proto.f = Some(*v);
            attribute_type::FLOAT
        }
        Attribute::Int(v) => {
            proto.i = Some(*v);
            attribute_type::INT
        }
        Attribute::String(v) => {
            proto.s = Some(bytes(v));
            attribute_type::STRING
        }
        Attribute::Floats(v) => {
            proto.floats.clone_from(v);
            attribute_type::FLOATS
        }
        Attribute::Ints(v) => {
            proto.ints.clone_from(v);
            attribute_type::INTS
        }
        Attribute::Strings(v) => {
            proto.strings = v.iter().map(bytes).collect();
            attribute_type::STRINGS
        }
        other => panic!("the table has no attribute {other:?}"),
    };
    proto.r#type = Some(kind);
    proto
}

/// Loops in loops, each of so many rounds, around one addition of what is outside.
pub(crate) fn loops(rounds: i64, depth: usize) -> GraphProto {
    let mut body = graph(vec![node("Add", &["x", "x"], &["s"])], Vec::new(), Vec::new(), &["s"]);
    for d in 0..depth {
        let [i, c, k] = ["i", "c", "k"].map(|n| format!("{n}{d}"));
        let inner = body.output[0].name.clone().unwrap_or_default();
        body.input = vec![value(&i, None), value(&c, None)];
        body.output = vec![value(&c, None), value(&inner, None)];
        let out = format!("s{d}");
        let call = with_graph(node("Loop", &[&k, ""], &[&out]), "body", body);
        body = graph(vec![call], vec![constant(&k, &Tensor::scalar(rounds))], Vec::new(), &[&out]);
    }
    body.initializer.push(constant("x", &Tensor::scalar(1.5f32)));
    body
}

/// One of two branches, as an input says.
fn branches() -> GraphProto {
    let branch = |op: &str| graph(vec![node(op, &["x", "x"], &["s"])], Vec::new(), Vec::new(), &["s"]);
    let call = with_graph(node("If", &["c"], &["y"]), "then_branch", branch("Add"));
    let call = with_graph(call, "else_branch", branch("Concat"));
    let condition = ValueInfoProto { name: Some("c".to_owned()), r#type: Some(tensor_type(9, &[])) };
    graph(vec![call], Vec::new(), vec![condition, value("x", Some(&[2, 3]))], &["y"])
}
