//! Bounds on whatever comes from outside.

/// One value that bounds what a file from outside may ask for, passed explicitly to every reader.
///
/// The defaults admit every real model; a service that takes models from strangers lowers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of messages, subgraphs and functions.
    pub nesting: u32,
    /// Nodes of a graph after functions are expanded.
    pub nodes: u64,
    /// Nodes and values that one inference or evaluation of a graph works through, those of bodies once a round.
    pub steps: u64,
    /// Elements of one tensor.
    pub elements: u64,
    /// Bytes of one file or of one decoded value.
    pub bytes: u64,
    /// Pixels of one decoded image.
    pub pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nesting: 64, nodes: 1_000_000, steps: 10_000_000, elements: 1 << 36, bytes: 1 << 36, pixels: 1 << 28 }
    }
}
