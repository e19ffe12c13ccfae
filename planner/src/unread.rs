//! Columns that no answer depends on: a scan need not read them.

use hologram_ops::{
    graph::{Graph, NodeData, ValueId},
    operator::axis_index,
};
use std::collections::BTreeSet;

use crate::tables::forest_of;

/// Operators that make of each column of a table the column of another one, whose parameters are constant.
const COLUMN_BY_COLUMN: &[&str] = &["Cast", "Identity", "Imputer", "Scaler"];

/// The columns of an input, `[rows]` or `[rows, columns]` of numbers, that no output depends on, ascending.
pub(crate) fn columns(graph: &Graph, input: ValueId) -> Vec<u32> {
    let is_number = graph.value(input).fact.dtype().is_some_and(|dtype| dtype.is_float() || dtype.is_integer());
    match width(graph, input).filter(|_| is_number) {
        Some(width) => match read(graph, input) {
            Read::All => Vec::new(),
            Read::Columns(read) => (0..width as u32).filter(|column| !read.contains(&(*column as usize))).collect(),
        },
        None => Vec::new(),
    }
}

/// Columns of a value that something depends on.
enum Read {
    All,
    Columns(BTreeSet<usize>),
}

/// The number of columns of a table; one of a single axis is a column.
fn width(graph: &Graph, value: ValueId) -> Option<usize> {
    match graph.value(value).fact.shape()? {
        [_] => Some(1),
        [_, columns] => columns.known(),
        _ => None,
    }
}

fn read(graph: &Graph, value: ValueId) -> Read {
    if graph.outputs().iter().any(|(_, output)| *output == value) {
        return Read::All;
    }
    let mut all = BTreeSet::new();
    for node in graph.consumers(value).into_iter().filter_map(|id| graph.node(id)) {
        match read_by(graph, node, value) {
            Read::All => return Read::All,
            Read::Columns(columns) => all.extend(columns),
        }
    }
    Read::Columns(all)
}

/// The columns of a value that a node hands on or asks.
fn read_by(graph: &Graph, node: &NodeData, value: ValueId) -> Read {
    let dtype = graph.value(value).fact.dtype();
    if let Some(forest) = dtype.and_then(|dtype| forest_of(graph, node, value, dtype)) {
        // Leaves with linear models read more than tests do.
        return match forest.linear.is_empty() {
            true => Read::Columns(forest.nodes.feature.iter().map(|feature| *feature as usize).collect()),
            false => Read::All,
        };
    }
    let [Some(output)] = node.outputs[..] else { return Read::All };
    match node.op.as_str() {
        "Concat" => concatenated(graph, node, value, output).unwrap_or(Read::All),
        op if COLUMN_BY_COLUMN.contains(&op)
            && node.inputs == [Some(value)]
            && width(graph, output) == width(graph, value) =>
        {
            read(graph, output)
        }
        _ => Read::All,
    }
}

/// The columns of one of several tables side by side.
fn concatenated(graph: &Graph, node: &NodeData, value: ValueId, output: ValueId) -> Option<Read> {
    let axis = axis_index(node.attributes.int_or("axis", 1).ok()?, 2).ok()?;
    if axis != 1 || graph.value(output).fact.shape()?.len() != 2 {
        return None;
    }
    let Read::Columns(read) = read(graph, output) else { return None };
    let mut own = BTreeSet::new();
    let mut first = 0;
    for input in &node.inputs {
        let width = width(graph, (*input)?)?;
        if *input == Some(value) {
            own.extend(read.range(first..first + width).map(|column| column - first));
        }
        first += width;
    }
    Some(Read::Columns(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hologram_ops::{Attribute, DType, Dim, Type, graph::Graph};

    fn table(graph: &mut Graph, name: &str, columns: usize) -> ValueId {
        graph.add_input(name, Type::tensor(DType::F32, [Dim::symbol("n"), Dim::Known(columns)])).unwrap()
    }

    /// A stump for each of these features over a value.
    fn forest(graph: &mut Graph, value: ValueId, features: &[i64]) {
        let count = features.len() as i64;
        let each = |of: &dyn Fn(i64) -> [i64; 3]| Attribute::Ints((0..count).flat_map(of).collect());
        let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(String::from);
        let modes = modes.iter().cycle().take(features.len() * 3).cloned().collect();
        let leaves = |of: &dyn Fn(i64) -> [i64; 2]| Attribute::Ints((0..count).flat_map(of).collect());
        let node = graph.add_op("TreeEnsembleRegressor").domain("ai.onnx.ml", 1).input(value, 0, 0);
        let node = node
            .attribute("n_targets", Attribute::Int(1))
            .attribute("nodes_treeids", each(&|tree| [tree; 3]))
            .attribute("nodes_nodeids", each(&|_| [0, 1, 2]))
            .attribute("nodes_featureids", each(&|tree| [features[tree as usize], 0, 0]))
            .attribute("nodes_truenodeids", each(&|_| [1, 0, 0]))
            .attribute("nodes_falsenodeids", each(&|_| [2, 0, 0]))
            .attribute("nodes_modes", Attribute::Strings(modes))
            .attribute("nodes_values", Attribute::Floats(vec![0.5; features.len() * 3]))
            .attribute("target_treeids", leaves(&|tree| [tree; 2]))
            .attribute("target_nodeids", leaves(&|_| [1, 2]))
            .attribute("target_ids", leaves(&|_| [0, 0]))
            .attribute("target_weights", Attribute::Floats(vec![1.0; features.len() * 2]))
            .finish()
            .unwrap();
        let y = graph.output_of(node, 0).unwrap();
        graph.add_output("y", y);
        graph.infer().unwrap();
    }

    #[test]
    fn what_no_test_asks_is_not_read() {
        let mut graph = Graph::new("t");
        let (a, b, c) = (table(&mut graph, "a", 3), table(&mut graph, "b", 2), table(&mut graph, "c", 1));
        let scaled = graph.add_op("Scaler").domain("ai.onnx.ml", 1).input(b, 0, 0);
        let scaled = scaled.attribute("offset", Attribute::Floats(vec![0.0; 2]));
        let scaled = scaled.attribute("scale", Attribute::Floats(vec![2.0; 2])).finish().unwrap();
        let all = graph.add_op("Concat").attribute("axis", Attribute::Int(-1)).input(a, 0, 0);
        let all = all.input(scaled, 0, 1).input(c, 0, 2).finish().unwrap();
        let all = graph.output_of(all, 0).unwrap();
        forest(&mut graph, all, &[1, 3, 1]);
        assert_eq!([a, b, c].map(|input| columns(&graph, input)), [vec![0, 2], vec![1], vec![0]]);
        // Another reader needs them all.
        let sum = graph.add_op("ReduceSum").input(a, 0, 0).finish().unwrap();
        let sum = graph.output_of(sum, 0).unwrap();
        graph.add_output("sum", sum);
        graph.infer().unwrap();
        assert_eq!([a, b].map(|input| columns(&graph, input)), [vec![], vec![1]]);
        graph.add_output("c", c);
        assert!(columns(&graph, c).is_empty());
    }
}
