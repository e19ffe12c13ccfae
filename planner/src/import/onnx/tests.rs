//! Models are built from messages here, encoded, and read back.

mod damage;
mod functions;
mod lower;
mod model;
mod repairs;
mod tensor;

use super::{
    OnnxError, OnnxModel,
    proto::{
        AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
        TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, attribute_type,
    },
};
use hologram_ops::Limits;
use prost::Message;

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        name: Some(format!("{op}_{}", outputs.first().unwrap_or(&""))),
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: outputs.iter().map(|s| s.to_string()).collect(),
        ..NodeProto::default()
    }
}

fn in_domain(mut node: NodeProto, domain: &str) -> NodeProto {
    node.domain = Some(domain.into());
    node
}

fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

fn int(name: &str, value: i64) -> AttributeProto {
    let r#type = Some(attribute_type::INT);
    AttributeProto { name: Some(name.into()), r#type, i: Some(value), ..AttributeProto::default() }
}

fn subgraph(name: &str, graph: GraphProto) -> AttributeProto {
    let r#type = Some(attribute_type::GRAPH);
    AttributeProto { name: Some(name.into()), r#type, g: Some(Box::new(graph)), ..AttributeProto::default() }
}

fn reference(name: &str, of: &str) -> AttributeProto {
    let r#type = Some(attribute_type::INT);
    AttributeProto { name: Some(name.into()), r#type, ref_attr_name: Some(of.into()), ..AttributeProto::default() }
}

fn value(name: &str) -> ValueInfoProto {
    let dim = |value| DimensionProto { value: Some(value) };
    let shape =
        TensorShapeProto { dim: vec![dim(DimensionValue::DimParam("n".into())), dim(DimensionValue::DimValue(2))] };
    let ty = TypeValue::Tensor(TensorTypeProto { elem_type: Some(1), shape: Some(shape) });
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { value: Some(ty) }) }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(1),
        raw_data: Some(raw.into()),
        ..TensorProto::default()
    }
}

fn graph(nodes: Vec<NodeProto>, inputs: &[&str], outputs: &[&str]) -> GraphProto {
    GraphProto {
        name: Some("g".into()),
        node: nodes,
        input: inputs.iter().map(|n| value(n)).collect(),
        output: outputs.iter().map(|n| value(n)).collect(),
        ..GraphProto::default()
    }
}

fn import(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto { domain: (!domain.is_empty()).then(|| domain.into()), version: Some(version) }
}

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(9),
        producer_name: Some("test".into()),
        graph: Some(graph),
        opset_import: vec![import("", 18)],
        ..ModelProto::default()
    }
}

/// `y = relu(x + w)`, which every part of the reader has something to do for.
fn small() -> ModelProto {
    let mut g = graph(vec![node("Add", &["x", "w"], &["s"]), node("Relu", &["s"], &["y"])], &["x"], &["y"]);
    g.initializer.push(floats("w", &[2], &[1.0, 2.0]));
    model(g)
}

fn parse(proto: &ModelProto) -> Result<OnnxModel, OnnxError> {
    parse_bytes(proto.encode_to_vec())
}

fn parse_bytes(bytes: Vec<u8>) -> Result<OnnxModel, OnnxError> {
    OnnxModel::parse("m.onnx", bytes.into(), None, &Limits::default())
}

/// The message holds all parts.
#[track_caller]
fn assert_fails<T: std::fmt::Debug>(case: &str, result: Result<T, OnnxError>, parts: &[&str]) {
    let message = result.expect_err(case).to_string();
    for part in parts {
        assert!(message.contains(part), "{case}: no '{part}' in: {message}");
    }
}
