//! Programs: straight-line operator calls over typed slots, as data.
//!
//! A program is what a graph becomes when planning is over. It is encoded with prost, so it is deterministic, bounded
//! and evolvable; [`Program::from_graph`] and [`Program::to_graph`] are inverse up to names that nothing reads.

mod convert;
mod proto;

pub use proto::{
    AttributeData, Call, DimData, NamedAttribute, Program, Slot, SlotKind, Space, SpaceKind, TensorData, TypeData,
    attribute_data, dim_data,
};
