//! Dead code: nodes that no output needs.

use hologram_ops::{
    Limits, Result,
    graph::{Graph, NodeId, Patch, ValueId},
};
use std::collections::HashSet;

pub(super) fn run(graph: &Graph, _: &Limits) -> Result<(Patch, String)> {
    let mut needed: HashSet<ValueId> = graph.outputs().iter().map(|(_, v)| *v).collect();
    let mut dead: Vec<NodeId> = Vec::new();
    for id in graph.order()?.into_iter().rev() {
        let Some(node) = graph.node(id) else { continue };
        if node.outputs.iter().flatten().any(|v| needed.contains(v)) {
            needed.extend(node.inputs.iter().flatten());
        } else {
            dead.push(id);
        }
    }
    let mut patch = Patch::new();
    for id in &dead {
        patch.remove(*id);
    }
    Ok((patch, format!("{} nodes removed", dead.len())))
}

#[cfg(test)]
mod tests {
    use hologram_ops::{DType, Limits, Registry, Type, graph::Graph};

    #[test]
    fn only_what_an_output_needs_is_left() {
        let mut graph = Graph::new("t");
        let x = graph.add_input("x", Type::tensor(DType::F32, [2usize])).unwrap();
        let used = graph.add_op("Add").input(x, 0, 0).input(x, 0, 1).finish().unwrap();
        let unused = graph.add_op("Add").input(used, 0, 0).input(x, 0, 1).finish().unwrap();
        graph.add_op("Add").input(unused, 0, 0).input(x, 0, 1).finish().unwrap();
        let y = graph.output_of(used, 0).unwrap();
        graph.add_output("y", y);
        let (patch, note) = super::run(&graph, &Limits::default()).unwrap();
        graph.apply(patch, &Registry::standard()).unwrap();
        assert_eq!((graph.node_count(), note.as_str()), (1, "2 nodes removed"));
        assert!(graph.node(used).is_some(), "ids survive");
    }
}
