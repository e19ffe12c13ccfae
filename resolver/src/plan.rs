//! The plan's messages, encoded with prost. Tags are never reused.
//!
//! A plan has entry points; each has slots, steps that fill them in order, and ports, which are the slots that callers
//! fill and read, with what a caller needs to know of them.

use hologram_ops::program::{Slot, TypeData};

/// The name of the archive section that holds the plan.
pub const PLAN_SECTION: &str = "plan";

/// The kind of the plan's section.
pub const PLAN_KIND: &str = "plan";

/// The kind of a program's section.
pub const PROGRAM_KIND: &str = "program";

/// The kind of a constant's section.
pub const CONSTANT_KIND: &str = "constant";

/// The kind of a section of a table: an axis, or the answers of an output.
pub const TABLE_KIND: &str = "table";

/// The version of operator semantics that this library writes and runs.
pub const SEMANTICS_VERSION: u32 = 1;

/// The version of the numerics that this library computes by: the declared orders and polynomials. Kept answers are keyed
/// by it.
pub const NUMERICS_VERSION: u32 = 2;

/// A model's plan.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Plan {
    /// The model's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The ways in; the first is the default.
    #[prost(message, repeated, tag = "2")]
    pub entry_points: Vec<EntryPoint>,
    /// What the model says of itself, and what made the plan, in order.
    #[prost(message, repeated, tag = "3")]
    pub metadata: Vec<Pair>,
    /// What each pass did, in order.
    #[prost(message, repeated, tag = "4")]
    pub passes: Vec<PassRecord>,
    /// What the importer mended so that the model could be read.
    #[prost(message, repeated, tag = "5")]
    pub repairs: Vec<RepairRecord>,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Pair {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// What one pass did at compile time.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PassRecord {
    /// The pass.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Nodes before it.
    #[prost(uint64, tag = "2")]
    pub nodes_before: u64,
    /// Nodes after it.
    #[prost(uint64, tag = "3")]
    pub nodes_after: u64,
    /// What it says it did.
    #[prost(string, tag = "4")]
    pub note: String,
}

/// What an importer mended, once for each kind of repair and graph.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RepairRecord {
    /// The repair, in words.
    #[prost(string, tag = "1")]
    pub what: String,
    /// The graph in which things were mended so.
    #[prost(string, tag = "2")]
    pub graph: String,
    /// How many things were.
    #[prost(uint64, tag = "3")]
    pub count: u64,
    /// The names of the first ones.
    #[prost(string, repeated, tag = "4")]
    pub names: Vec<String>,
}

/// One way into a model.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntryPoint {
    /// The name, such as `main` or `text`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The slots, numbered by position.
    #[prost(message, repeated, tag = "2")]
    pub slots: Vec<Slot>,
    /// The steps in order.
    #[prost(message, repeated, tag = "3")]
    pub steps: Vec<Step>,
    /// What a caller gives.
    #[prost(message, repeated, tag = "4")]
    pub inputs: Vec<PortData>,
    /// What a caller gets.
    #[prost(message, repeated, tag = "5")]
    pub outputs: Vec<PortData>,
    /// Whether rows are independent.
    #[prost(message, optional, tag = "6")]
    pub rows: Option<RowProofData>,
    /// The answers of every row of a finite space, when they are in the archive.
    #[prost(message, optional, tag = "7")]
    pub table: Option<TableData>,
    /// What was decided when the model was compiled, and why, in words.
    #[prost(string, repeated, tag = "8")]
    pub decisions: Vec<String>,
}

/// The answers of an entry point for every row of a finite space. A row outside of it goes through the steps.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TableData {
    /// The axes, the last one varying fastest: one for each element that a row gives, in the order of the inputs.
    #[prost(message, repeated, tag = "1")]
    pub axes: Vec<AxisData>,
    /// For each output the relative coordinate of a tensor whose axis 0 is the row's number in the space.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub answers: Vec<Vec<u8>>,
    /// Where there are no answers: they are computed when rows ask for them, up to so many bytes.
    #[prost(uint64, optional, tag = "3")]
    pub on_demand_bytes: Option<u64>,
}

/// One axis of a table.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct AxisData {
    /// The input.
    #[prost(uint32, tag = "1")]
    pub input: u32,
    /// The element of a row of that input.
    #[prost(uint32, tag = "2")]
    pub feature: u32,
    /// How an element becomes a code.
    #[prost(enumeration = "AxisKind", tag = "3")]
    pub kind: i32,
    /// The relative coordinate of the axis's values or bounds; empty where it has none.
    #[prost(bytes = "vec", tag = "4")]
    pub coordinate: Vec<u8>,
}

/// How an element becomes a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AxisKind {
    /// Its position in a list of values, of its own type.
    Values = 0,
    /// The number of bounds that it exceeds, after rounding to the bounds' type; NaN has a code of its own, the last.
    Bounds = 1,
    /// Zero: the answer does not depend on it.
    Any = 2,
}

/// One step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Step {
    /// Which step, with its operands.
    #[prost(oneof = "step::Kind", tags = "1, 2, 3")]
    pub kind: Option<step::Kind>,
}

/// The kinds of steps.
pub mod step {
    /// One step with its operands.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// A coordinate becomes a value.
        #[prost(message, tag = "1")]
        Resolve(super::Resolve),
        /// A program runs.
        #[prost(message, tag = "2")]
        Compute(super::Compute),
        /// A value crosses from one space to another.
        #[prost(message, tag = "3")]
        Move(super::Move),
    }
}

/// Fills a slot with what lies at a coordinate.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Resolve {
    /// The coordinate's bytes, relative to the archive.
    #[prost(bytes = "vec", tag = "1")]
    pub coordinate: Vec<u8>,
    /// The slot.
    #[prost(uint32, tag = "2")]
    pub slot: u32,
}

/// Runs a program of the archive.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Compute {
    /// The section that holds the program.
    #[prost(string, tag = "1")]
    pub program: String,
    /// The plan's slots for the program's inputs, in order.
    #[prost(uint32, repeated, tag = "2")]
    pub inputs: Vec<u32>,
    /// The plan's slots for the program's constants, in the order of its constant slots.
    #[prost(uint32, repeated, tag = "3")]
    pub constants: Vec<u32>,
    /// The plan's slots for the program's outputs, in order.
    #[prost(uint32, repeated, tag = "4")]
    pub outputs: Vec<u32>,
}

/// Copies a slot into a slot of another space.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Move {
    /// The slot read.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    /// The slot written.
    #[prost(uint32, tag = "2")]
    pub to: u32,
}

/// A slot that callers see.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PortData {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The slot.
    #[prost(uint32, tag = "2")]
    pub slot: u32,
    /// The type, with symbolic dimensions.
    #[prost(message, optional, tag = "3")]
    pub ty: Option<TypeData>,
    /// The names of the columns of a `[rows, f]` input, when the model knows them.
    #[prost(string, repeated, tag = "4")]
    pub features: Vec<String>,
    /// The categories of each feature that has some: a feature whose text is coded by position in this list.
    #[prost(message, repeated, tag = "5")]
    pub categories: Vec<CategoriesData>,
    /// Whether NULL may enter as a missing value.
    #[prost(bool, tag = "6")]
    pub missing: bool,
    /// The names of the columns of a `[rows, k]` output: with them a row is a map by name.
    #[prost(string, repeated, tag = "7")]
    pub labels: Vec<String>,
    /// Integer labels, when the map's keys are integers; as many as `labels`.
    #[prost(sint64, repeated, tag = "8")]
    pub int_labels: Vec<i64>,
    /// Whether the value door gives a `[rows, k]` output as a sequence of maps by label (ONNX's ZipMap).
    #[prost(bool, tag = "9")]
    pub zipped: bool,
    /// The columns of an input that no answer depends on: they need not be given.
    #[prost(uint32, repeated, tag = "10")]
    pub unread: Vec<u32>,
}

/// The categories of one feature.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CategoriesData {
    /// The feature's index.
    #[prost(uint32, tag = "1")]
    pub feature: u32,
    /// The categories as text; a value's code is its position.
    #[prost(string, repeated, tag = "2")]
    pub values: Vec<String>,
}

/// What is known of a plan's rows.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RowProofData {
    /// Whether axis 0 of every input and output counts rows that do not touch each other.
    #[prost(bool, tag = "1")]
    pub independent: bool,
    /// The number of rows that a run must have; 0 when any number will do.
    #[prost(uint64, tag = "2")]
    pub fixed: u64,
    /// Why rows are not independent, or how it was shown that they are.
    #[prost(string, tag = "3")]
    pub reason: String,
}
