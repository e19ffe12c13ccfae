//! Columns that no answer depends on: a scan need not read them.

use crate::{Result, tables::forest_of};
use hologram_ops::{
    graph::{Graph, NodeData, ValueId},
    operator::axis_index,
};
use std::{collections::HashMap, rc::Rc};

/// Operators that make of each column of a table the column of another one, whose parameters are constant.
const COLUMN_BY_COLUMN: &[(&str, &str)] =
    &[("", "Cast"), ("", "Identity"), ("ai.onnx.ml", "Imputer"), ("ai.onnx.ml", "Scaler")];

/// Columns of a table that is looked at, at most.
const COLUMNS_MAX: usize = 1 << 16;

/// Nodes of a graph that is looked at, at most.
const NODES_MAX: usize = 1_000;

/// For each input of a graph its columns that no output depends on, ascending: of tables `[rows, columns]` of numbers.
pub(crate) fn columns(graph: &Graph) -> Result<Vec<Vec<u32>>> {
    if graph.node_count() > NODES_MAX {
        return Ok(vec![Vec::new(); graph.inputs().len()]);
    }
    let mut read: HashMap<ValueId, Read> = HashMap::new();
    for (_, output) in graph.outputs() {
        read.insert(*output, Read::All);
    }
    // Readers before what they read.
    for id in graph.order()?.into_iter().rev() {
        let Some(node) = graph.node(id) else { continue };
        for input in node.inputs.iter().flatten() {
            let own = read_by(graph, node, *input, &read);
            let all = match read.remove(input) {
                Some(before) => before.and(own),
                None => own,
            };
            read.insert(*input, all);
        }
    }
    let unread = |input: &ValueId| {
        let is_number = graph.value(*input).fact.dtype().is_some_and(|dtype| dtype.is_float() || dtype.is_integer());
        match (width(graph, *input).filter(|_| is_number), read.get(input)) {
            (Some(width), None) => (0..width as u32).collect(),
            (Some(_), Some(Read::Columns(read))) => {
                (0..).zip(read.iter()).filter(|(_, read)| !**read).map(|(column, _)| column).collect()
            }
            _ => Vec::new(),
        }
    };
    Ok(graph.inputs().iter().map(unread).collect())
}

/// Columns of a value that something depends on.
#[derive(Clone)]
enum Read {
    All,
    /// Whether each is.
    Columns(Rc<Vec<bool>>),
}

impl Read {
    /// What one or the other reads.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Columns(a), Self::Columns(b)) if a.len() == b.len() => {
                Self::Columns(Rc::new(a.iter().zip(b.iter()).map(|(a, b)| *a || *b).collect()))
            }
            _ => Self::All,
        }
    }
}

/// The number of columns of a table.
fn width(graph: &Graph, value: ValueId) -> Option<usize> {
    match graph.value(value).fact.shape()? {
        [_, columns] => columns.known().filter(|columns| *columns <= COLUMNS_MAX),
        _ => None,
    }
}

/// The columns of a value that a node asks, or hands on to those that do.
fn read_by(graph: &Graph, node: &NodeData, value: ValueId, read: &HashMap<ValueId, Read>) -> Read {
    let (Some(width), Some(dtype)) = (width(graph, value), graph.value(value).fact.dtype()) else { return Read::All };
    if let Some(forest) = forest_of(graph, node, value, dtype) {
        // Leaves with linear models read more than tests do.
        let mut columns = vec![!forest.linear.is_empty(); width];
        for feature in &forest.nodes.feature {
            match columns.get_mut(*feature as usize) {
                Some(column) => *column = true,
                None => return Read::All,
            }
        }
        return Read::Columns(Rc::new(columns));
    }
    let [Some(output)] = node.outputs[..] else { return Read::All };
    let name = (node.domain.as_str(), node.op.as_str());
    if name == ("", "Concat") {
        return concatenated(graph, node, value, width, read.get(&output)).unwrap_or(Read::All);
    }
    let is_alone = node.inputs == [Some(value)] && self::width(graph, output) == Some(width);
    match read.get(&output) {
        Some(columns) if COLUMN_BY_COLUMN.contains(&name) && is_alone => columns.clone(),
        None if COLUMN_BY_COLUMN.contains(&name) && is_alone => Read::Columns(Rc::new(vec![false; width])),
        _ => Read::All,
    }
}

/// The columns of one of several tables side by side, of which these are read.
fn concatenated(graph: &Graph, node: &NodeData, value: ValueId, own: usize, read: Option<&Read>) -> Option<Read> {
    let axis = axis_index(node.attributes.int_or("axis", 1).ok()?, 2).ok()?;
    let Some(Read::Columns(read)) = read.filter(|_| axis == 1) else { return None };
    let mut columns = vec![false; own];
    let mut first = 0;
    for input in &node.inputs {
        let width = width(graph, (*input)?)?;
        if *input == Some(value) {
            let part = read.get(first..first + width)?;
            columns.iter_mut().zip(part).for_each(|(column, read)| *column |= read);
        }
        first += width;
    }
    Some(Read::Columns(Rc::new(columns)))
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
        assert_eq!(columns(&graph).unwrap(), [vec![0, 2], vec![1], vec![0]]);
        // Another reader needs them all.
        let sum = graph.add_op("ReduceSum").input(a, 0, 0).finish().unwrap();
        let sum = graph.output_of(sum, 0).unwrap();
        graph.add_output("sum", sum);
        graph.infer().unwrap();
        assert_eq!(columns(&graph).unwrap(), [vec![], vec![1], vec![0]]);
        graph.add_output("c", c);
        assert_eq!(columns(&graph).unwrap(), [vec![], vec![1], vec![]]);
    }
}
