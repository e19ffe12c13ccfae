//! Common subexpressions: nodes with the same operator, attributes and inputs are computed once.

use hologram_ops::{
    Limits, Result,
    graph::{Graph, NodeId, Patch, ValueId},
};
use std::collections::HashMap;

/// What equal nodes share: domain, operator, inputs.
type Key = (String, String, Vec<Option<ValueId>>);

pub(super) fn run(graph: &Graph, _: &Limits) -> Result<(Patch, String)> {
    let mut patch = Patch::new();
    let mut same: HashMap<ValueId, ValueId> = HashMap::new();
    let mut seen: HashMap<Key, Vec<NodeId>> = HashMap::new();
    let mut merged = 0;
    for id in graph.order()? {
        let Some(node) = graph.node(id) else { continue };
        if !node.operator.is_pure() {
            continue;
        }
        let inputs = node.inputs.iter().map(|i| i.map(|v| same.get(&v).copied().unwrap_or(v))).collect();
        let candidates = seen.entry((node.domain.clone(), node.op.clone(), inputs)).or_default();
        let twin = candidates.iter().find_map(|t| {
            let other = graph.node(*t)?;
            let gives_all = node
                .outputs
                .iter()
                .enumerate()
                .all(|(i, o)| o.is_none() || other.outputs.get(i).is_some_and(Option::is_some));
            (other.version == node.version
                && other.attributes == node.attributes
                && other.outputs.len() == node.outputs.len()
                && gives_all)
                .then_some(other)
        });
        match twin {
            None => candidates.push(id),
            Some(twin) => {
                for (mine, theirs) in node.outputs.iter().zip(&twin.outputs) {
                    if let (Some(mine), Some(theirs)) = (mine, theirs) {
                        patch.replace(*mine, *theirs);
                        same.insert(*mine, *theirs);
                    }
                }
                patch.remove(id);
                merged += 1;
            }
        }
    }
    Ok((patch, format!("{merged} nodes were equal to others")))
}

#[cfg(test)]
mod tests {
    use hologram_ops::{DType, Limits, Registry, Type, graph::Graph};

    #[test]
    fn chains_of_equal_nodes_merge_and_different_attributes_do_not() {
        let mut graph = Graph::new("t");
        let x = graph.add_input("x", Type::tensor(DType::F32, [2usize, 3])).unwrap();
        let mut ends = Vec::new();
        for _ in 0..2 {
            let a = graph.add_op("Add").input(x, 0, 0).input(x, 0, 1).finish().unwrap();
            ends.push(graph.add_op("Add").input(a, 0, 0).input(x, 0, 1).finish().unwrap());
        }
        for end in &ends {
            let value = graph.output_of(*end, 0).unwrap();
            graph.add_output(format!("y{}", end.index()), value);
        }
        graph.infer().unwrap();
        let (patch, note) = super::run(&graph, &Limits::default()).unwrap();
        graph.apply(patch, &Registry::standard()).unwrap();
        assert_eq!((graph.node_count(), note.as_str()), (2, "2 nodes were equal to others"));
        assert_eq!(graph.outputs()[0].1, graph.outputs()[1].1);
    }
}
