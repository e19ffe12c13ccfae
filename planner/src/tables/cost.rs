//! About what a row costs, told from the graph alone, so that what is decided with it is the same on every machine.

use hologram_ops::{
    Attribute,
    graph::{Graph, NodeData},
};

/// Elements that the runs of a table which nobody asked for may touch, about: some tenths of a second.
pub(super) const ELEMENTS_UNASKED_MAX: u64 = 1 << 28;

/// Elements that one run touches, about.
const ELEMENTS_OF_RUN: u64 = 1 << 22;

/// Rows of one run, at most.
const ROWS_MAX: u64 = 4_096;

/// Rows of one run where a row's cost cannot be told.
const ROWS_UNKNOWN: u64 = 64;

/// About the elements that a row touches: those that it computes, and those of the constants that it meets. `None` where
/// sizes are open, or a node has a body that may run any number of times.
pub(crate) fn elements_of_row(graph: &Graph) -> Option<u64> {
    let mut elements = 0_u64;
    for id in graph.order().ok()? {
        let node = graph.node(id)?;
        if node.attributes.iter().any(|(_, attribute)| matches!(attribute, Attribute::Graph(_))) {
            return None;
        }
        for output in node.outputs.iter().flatten() {
            // The first dimension counts rows, or is that of a value which all rows share.
            let inner = graph.value(*output).fact.shape()?.get(1..).unwrap_or_default();
            let count = inner.iter().try_fold(1_u64, |n, dim| n.checked_mul(dim.known()? as u64))?;
            elements = elements.checked_add(count)?;
        }
        elements = elements.checked_add(constants(graph, node)?)?;
    }
    Some(elements.max(1))
}

/// Elements of the constants that a node reads. Of a forest a row meets few.
fn constants(graph: &Graph, node: &NodeData) -> Option<u64> {
    if node.op == "Forest" {
        return Some(0);
    }
    let sizes = node.inputs.iter().flatten().filter_map(|input| graph.value(*input).constant.as_ref());
    sizes.map(|constant| constant.len() as u64).try_fold(0, u64::checked_add)
}

/// Rows of one run, so that it stays small.
pub(crate) fn rows_of_run(elements_of_row: Option<u64>) -> u64 {
    elements_of_row.map_or(ROWS_UNKNOWN, |elements| (ELEMENTS_OF_RUN / elements.max(1)).clamp(1, ROWS_MAX))
}
