//! The messages. Tags are never reused.

/// Straight-line calls over slots.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Program {
    /// The entry point's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The slots, numbered by position.
    #[prost(message, repeated, tag = "2")]
    pub slots: Vec<Slot>,
    /// The calls in order.
    #[prost(message, repeated, tag = "3")]
    pub calls: Vec<Call>,
    /// The slots that the caller fills, in order.
    #[prost(uint32, repeated, tag = "4")]
    pub inputs: Vec<u32>,
    /// The slots that the caller reads, in order; one slot may stand twice.
    #[prost(uint32, repeated, tag = "5")]
    pub outputs: Vec<u32>,
    /// The outputs' names.
    #[prost(string, repeated, tag = "6")]
    pub output_names: Vec<String>,
}

/// What fills a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SlotKind {
    /// A call of this program.
    Intermediate = 0,
    /// The caller.
    Input = 1,
    /// A constant: a section of the archive, or inline in nested programs.
    Constant = 2,
    /// The session, from run to run.
    State = 3,
}

/// Where a slot lies.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Space {
    /// The kind of memory.
    #[prost(enumeration = "SpaceKind", tag = "1")]
    pub kind: i32,
    /// Which one of its kind.
    #[prost(uint32, tag = "2")]
    pub index: u32,
}

/// A kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SpaceKind {
    /// The host's memory.
    Host = 0,
    /// A device's memory.
    Device = 1,
}

/// One numbered, typed place for a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Slot {
    /// The value's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What fills it.
    #[prost(enumeration = "SlotKind", tag = "2")]
    pub kind: i32,
    /// Where it lies; the host without this.
    #[prost(message, optional, tag = "3")]
    pub space: Option<Space>,
    /// The type.
    #[prost(message, optional, tag = "4")]
    pub ty: Option<TypeData>,
    /// The memory layout; empty is row-major.
    #[prost(string, tag = "5")]
    pub layout: String,
    /// The constant itself, in nested programs only.
    #[prost(message, optional, tag = "6")]
    pub constant: Option<TensorData>,
    /// For state: the greatest size of each dimension; empty where the type says it.
    #[prost(uint64, repeated, tag = "7")]
    pub maximum: Vec<u64>,
}

/// One operator call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    /// The node's name.
    #[prost(string, tag = "1")]
    pub node: String,
    /// The domain; empty for `ai.onnx`.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// The operator.
    #[prost(string, tag = "3")]
    pub op: String,
    /// The operator set version that the meaning is read under.
    #[prost(uint32, tag = "4")]
    pub version: u32,
    /// The attributes, ordered by name.
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<NamedAttribute>,
    /// The slots read, plus one; 0 is an input that is not given.
    #[prost(uint32, repeated, tag = "6")]
    pub inputs: Vec<u32>,
    /// The slots written, plus one; 0 is an output that nobody reads.
    #[prost(uint32, repeated, tag = "7")]
    pub outputs: Vec<u32>,
}

/// An attribute with its name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamedAttribute {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The attribute.
    #[prost(message, optional, tag = "2")]
    pub attribute: Option<AttributeData>,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeData {
    /// Which kind, with its content.
    #[prost(oneof = "attribute_data::Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub kind: Option<attribute_data::Kind>,
}

/// The kinds of attributes.
pub mod attribute_data {
    /// One kind of attribute with its content.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// A float.
        #[prost(float, tag = "1")]
        Float(f32),
        /// An integer.
        #[prost(sint64, tag = "2")]
        Int(i64),
        /// A text.
        #[prost(string, tag = "3")]
        String(String),
        /// A tensor.
        #[prost(message, tag = "4")]
        Tensor(super::TensorData),
        /// A subgraph.
        #[prost(message, tag = "5")]
        Graph(super::Program),
        /// Floats.
        #[prost(message, tag = "6")]
        Floats(super::FloatsData),
        /// Integers.
        #[prost(message, tag = "7")]
        Ints(super::IntsData),
        /// Texts.
        #[prost(message, tag = "8")]
        Strings(super::StringsData),
        /// Tensors.
        #[prost(message, tag = "9")]
        Tensors(super::TensorsData),
    }
}

/// A list of floats.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FloatsData {
    /// The list.
    #[prost(float, repeated, tag = "1")]
    pub values: Vec<f32>,
}

/// A list of integers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct IntsData {
    /// The list.
    #[prost(sint64, repeated, tag = "1")]
    pub values: Vec<i64>,
}

/// A list of texts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringsData {
    /// The list.
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

/// A list of tensors.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorsData {
    /// The list.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<TensorData>,
}

/// A tensor inline.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorData {
    /// The element type's code.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// The dimensions.
    #[prost(uint64, repeated, tag = "2")]
    pub shape: Vec<u64>,
    /// The elements' little-endian bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// The elements of a string tensor.
    #[prost(string, repeated, tag = "4")]
    pub strings: Vec<String>,
}

/// A type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypeData {
    /// `tensor`, `sequence`, `optional`, `map`, or empty when nothing is known.
    #[prost(string, tag = "1")]
    pub kind: String,
    /// The element type's code (the keys' of a map).
    #[prost(int32, tag = "2")]
    pub dtype: i32,
    /// Whether the rank is known.
    #[prost(bool, tag = "3")]
    pub ranked: bool,
    /// The dimensions.
    #[prost(message, repeated, tag = "4")]
    pub shape: Vec<DimData>,
    /// What a sequence or optional holds.
    #[prost(message, optional, boxed, tag = "5")]
    pub inner: Option<Box<TypeData>>,
    /// The code of a map's values.
    #[prost(int32, tag = "6")]
    pub value_dtype: i32,
}

/// A dimension; nothing set is unknown.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DimData {
    /// Size or name.
    #[prost(oneof = "dim_data::Kind", tags = "1, 2")]
    pub kind: Option<dim_data::Kind>,
}

/// The kinds of dimensions.
pub mod dim_data {
    /// A size or a name.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// A size.
        #[prost(uint64, tag = "1")]
        Known(u64),
        /// A name.
        #[prost(string, tag = "2")]
        Symbol(String),
    }
}
