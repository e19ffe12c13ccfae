//! The schema of the messages that are read, as the walk over the wire format needs it.
//!
//! Fields that nothing decodes are here too, as blobs, so that their wire type is checked. The rows follow
//! <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto> and <https://github.com/onnx/onnx/blob/main/onnx/onnx-data.proto>.

use super::proto;

/// One message of the schema.
pub(super) struct Schema {
    /// The message's name.
    pub(super) name: &'static str,
    /// Bytes of the decoded structure without what it owns.
    pub(super) size: usize,
    /// Whether it counts as a node.
    pub(super) is_node: bool,
    /// The fields.
    pub(super) fields: &'static [Field],
}

/// One field of a message.
pub(super) struct Field {
    /// The number on the wire.
    pub(super) number: u64,
    /// The field's name.
    pub(super) name: &'static str,
    /// What its content is.
    pub(super) shape: Shape,
}

/// What a field's content is.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// One integer.
    Varint,
    /// Integers, packed or not.
    Varints,
    /// Floats of four bytes, packed or not, or one of them.
    Floats,
    /// Floats of eight bytes, packed or not.
    Doubles,
    /// UTF-8.
    Text,
    /// Any bytes.
    Blob,
    /// A message.
    Message(&'static Schema),
}

use Shape::{Blob, Doubles, Floats, Message, Text, Varint, Varints};

const fn f(number: u64, name: &'static str, shape: Shape) -> Field {
    Field { number, name, shape }
}

const fn schema<T>(name: &'static str, fields: &'static [Field]) -> Schema {
    Schema { name, size: size_of::<T>(), is_node: false, fields }
}

const fn nodes<T>(name: &'static str, fields: &'static [Field]) -> Schema {
    Schema { is_node: true, ..schema::<T>(name, fields) }
}

pub(super) static MODEL: Schema = schema::<proto::ModelProto>(
    "ModelProto",
    &[
        f(1, "ir_version", Varint),
        f(2, "producer_name", Text),
        f(3, "producer_version", Text),
        f(4, "domain", Text),
        f(5, "model_version", Varint),
        f(6, "doc_string", Blob),
        f(7, "graph", Message(&GRAPH)),
        f(8, "opset_import", Message(&OPSET)),
        f(14, "metadata_props", Message(&ENTRY)),
        f(20, "training_info", Blob),
        f(25, "functions", Message(&FUNCTION)),
        f(26, "configuration", Blob),
    ],
);

pub(super) static OPSET: Schema =
    schema::<proto::OperatorSetIdProto>("OperatorSetIdProto", &[f(1, "domain", Text), f(2, "version", Varint)]);

pub(super) static ENTRY: Schema =
    schema::<proto::StringStringEntryProto>("StringStringEntryProto", &[f(1, "key", Text), f(2, "value", Text)]);

pub(super) static GRAPH: Schema = schema::<proto::GraphProto>(
    "GraphProto",
    &[
        f(1, "node", Message(&NODE)),
        f(2, "name", Text),
        f(5, "initializer", Message(&TENSOR)),
        f(10, "doc_string", Blob),
        f(11, "input", Message(&VALUE_INFO)),
        f(12, "output", Message(&VALUE_INFO)),
        f(13, "value_info", Message(&VALUE_INFO)),
        f(14, "quantization_annotation", Blob),
        f(15, "sparse_initializer", Message(&SPARSE)),
        f(16, "metadata_props", Blob),
    ],
);

pub(super) static NODE: Schema = nodes::<proto::NodeProto>(
    "NodeProto",
    &[
        f(1, "input", Text),
        f(2, "output", Text),
        f(3, "name", Text),
        f(4, "op_type", Text),
        f(5, "attribute", Message(&ATTRIBUTE)),
        f(6, "doc_string", Blob),
        f(7, "domain", Text),
        f(8, "overload", Text),
        f(9, "metadata_props", Blob),
        f(10, "device_configurations", Blob),
    ],
);

pub(super) static ATTRIBUTE: Schema = schema::<proto::AttributeProto>(
    "AttributeProto",
    &[
        f(1, "name", Text),
        f(2, "f", Floats),
        f(3, "i", Varint),
        f(4, "s", Blob),
        f(5, "t", Message(&TENSOR)),
        f(6, "g", Message(&GRAPH)),
        f(7, "floats", Floats),
        f(8, "ints", Varints),
        f(9, "strings", Blob),
        f(10, "tensors", Message(&TENSOR)),
        f(11, "graphs", Message(&GRAPH)),
        f(13, "doc_string", Blob),
        f(14, "tp", Message(&TYPE)),
        f(15, "type_protos", Message(&TYPE)),
        f(20, "type", Varint),
        f(21, "ref_attr_name", Text),
        f(22, "sparse_tensor", Message(&SPARSE)),
        f(23, "sparse_tensors", Message(&SPARSE)),
    ],
);

pub(super) static TENSOR: Schema = schema::<proto::TensorProto>(
    "TensorProto",
    &[
        f(1, "dims", Varints),
        f(2, "data_type", Varint),
        f(3, "segment", Message(&SEGMENT)),
        f(4, "float_data", Floats),
        f(5, "int32_data", Varints),
        f(6, "string_data", Blob),
        f(7, "int64_data", Varints),
        f(8, "name", Text),
        f(9, "raw_data", Blob),
        f(10, "double_data", Doubles),
        f(11, "uint64_data", Varints),
        f(12, "doc_string", Blob),
        f(13, "external_data", Message(&ENTRY)),
        f(14, "data_location", Varint),
        f(16, "metadata_props", Blob),
    ],
);

pub(super) static SEGMENT: Schema =
    schema::<proto::SegmentProto>("SegmentProto", &[f(1, "begin", Varint), f(2, "end", Varint)]);

pub(super) static SPARSE: Schema = schema::<proto::SparseTensorProto>(
    "SparseTensorProto",
    &[f(1, "values", Message(&TENSOR)), f(2, "indices", Message(&TENSOR)), f(3, "dims", Varints)],
);

pub(super) static VALUE_INFO: Schema = schema::<proto::ValueInfoProto>(
    "ValueInfoProto",
    &[f(1, "name", Text), f(2, "type", Message(&TYPE)), f(3, "doc_string", Blob), f(4, "metadata_props", Blob)],
);

pub(super) static TYPE: Schema = schema::<proto::TypeProto>(
    "TypeProto",
    &[
        f(1, "tensor_type", Message(&TENSOR_TYPE)),
        f(4, "sequence_type", Message(&ELEMENT_TYPE)),
        f(5, "map_type", Message(&MAP_TYPE)),
        f(6, "denotation", Blob),
        f(7, "opaque_type", Message(&OPAQUE_TYPE)),
        f(8, "sparse_tensor_type", Message(&TENSOR_TYPE)),
        f(9, "optional_type", Message(&ELEMENT_TYPE)),
    ],
);

pub(super) static TENSOR_TYPE: Schema =
    schema::<proto::TensorTypeProto>("TensorTypeProto", &[f(1, "elem_type", Varint), f(2, "shape", Message(&SHAPE))]);

pub(super) static ELEMENT_TYPE: Schema =
    schema::<proto::ElementTypeProto>("ElementTypeProto", &[f(1, "elem_type", Message(&TYPE))]);

pub(super) static MAP_TYPE: Schema =
    schema::<proto::MapTypeProto>("MapTypeProto", &[f(1, "key_type", Varint), f(2, "value_type", Message(&TYPE))]);

pub(super) static OPAQUE_TYPE: Schema =
    schema::<proto::OpaqueTypeProto>("OpaqueTypeProto", &[f(1, "domain", Text), f(2, "name", Text)]);

pub(super) static SHAPE: Schema =
    schema::<proto::TensorShapeProto>("TensorShapeProto", &[f(1, "dim", Message(&DIMENSION))]);

pub(super) static DIMENSION: Schema = schema::<proto::DimensionProto>(
    "DimensionProto",
    &[f(1, "dim_value", Varint), f(2, "dim_param", Text), f(3, "denotation", Blob)],
);

pub(super) static FUNCTION: Schema = schema::<proto::FunctionProto>(
    "FunctionProto",
    &[
        f(1, "name", Text),
        f(4, "input", Text),
        f(5, "output", Text),
        f(6, "attribute", Text),
        f(7, "node", Message(&NODE)),
        f(8, "doc_string", Blob),
        f(9, "opset_import", Message(&OPSET)),
        f(10, "domain", Text),
        f(11, "attribute_proto", Message(&ATTRIBUTE)),
        f(12, "value_info", Blob),
        f(13, "overload", Text),
        f(14, "metadata_props", Blob),
    ],
);

pub(super) static SEQUENCE: Schema = schema::<proto::SequenceProto>(
    "SequenceProto",
    &[
        f(1, "name", Text),
        f(2, "elem_type", Varint),
        f(3, "tensor_values", Message(&TENSOR)),
        f(4, "sparse_tensor_values", Message(&SPARSE)),
        f(5, "sequence_values", Message(&SEQUENCE)),
        f(6, "map_values", Message(&MAP)),
        f(7, "optional_values", Message(&OPTIONAL)),
    ],
);

pub(super) static MAP: Schema = schema::<proto::MapProto>(
    "MapProto",
    &[
        f(1, "name", Text),
        f(2, "key_type", Varint),
        f(3, "keys", Varints),
        f(4, "string_keys", Blob),
        f(5, "values", Message(&SEQUENCE)),
    ],
);

pub(super) static OPTIONAL: Schema = schema::<proto::OptionalProto>(
    "OptionalProto",
    &[
        f(1, "name", Text),
        f(2, "elem_type", Varint),
        f(3, "tensor_value", Message(&TENSOR)),
        f(4, "sparse_tensor_value", Message(&SPARSE)),
        f(5, "sequence_value", Message(&SEQUENCE)),
        f(6, "map_value", Message(&MAP)),
        f(7, "optional_value", Message(&OPTIONAL)),
    ],
);
