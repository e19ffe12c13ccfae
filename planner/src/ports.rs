//! Ports: what a caller needs to know of inputs and outputs beyond their types.

use hologram_ops::{
    DType, Missing,
    graph::{Graph, NodeData, NodeId, ValueId},
};

/// Whether every path from a value meets an operator that has a meaning for missing values before one that computes.
pub(crate) fn accepts_missing(graph: &Graph, value: ValueId) -> bool {
    let is_float = graph.value(value).fact.dtype().is_some_and(DType::is_float);
    is_float && !graph.consumers(value).is_empty() && consumed(graph, value)
}

fn consumed(graph: &Graph, value: ValueId) -> bool {
    if graph.outputs().iter().any(|(_, v)| *v == value) {
        return false;
    }
    graph.consumers(value).into_iter().filter_map(|n| graph.node(n)).all(|node| match node.operator.missing() {
        Missing::Consumes => true,
        Missing::Carries => node.outputs.iter().flatten().all(|v| consumed(graph, *v)),
        Missing::Rejects => false,
    })
}

/// The node that gives a value, through nodes that only pass it on.
pub(crate) fn origin(graph: &Graph, mut value: ValueId) -> Option<(NodeId, &NodeData)> {
    loop {
        let (id, _) = graph.value(value).producer?;
        let node = graph.node(id)?;
        match (node.op.as_str(), node.inputs.first()) {
            ("Identity" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten", Some(Some(input))) => {
                value = *input
            }
            _ => return Some((id, node)),
        }
    }
}

/// The class labels that a string output can take, when the node that gives it lists them.
pub(crate) fn class_labels(graph: &Graph, value: ValueId) -> Vec<String> {
    if graph.value(value).fact.dtype() != Some(DType::String) {
        return Vec::new();
    }
    let Some((_, node)) = origin(graph, value) else { return Vec::new() };
    for name in ["classlabels_strings", "classlabels_string", "values_strings", "cats_strings"] {
        if let Ok(Some(labels)) = node.attributes.strings(name)
            && !labels.is_empty()
        {
            return labels;
        }
    }
    let constant = node.inputs.first().copied().flatten().and_then(|v| graph.value(v).constant.as_ref());
    match constant.and_then(|t| t.as_strings().ok()) {
        Some(strings) if matches!(node.op.as_str(), "ArrayFeatureExtractor" | "Gather") => {
            strings.iter().flatten().map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
