//! From a file's nodes to the columns of a forest, whatever order the file keeps them in.

use hologram_ops::forest::{ChildRef, ForestParts, Leaf, Missing, Mode, Tree, TreeShape};

/// A node as a file has it, with children by the file's own numbers.
pub(super) enum SourceNode {
    /// A test and where its answers lead.
    Split { feature: u32, threshold: f64, mode: Mode, missing: Missing, yes: i64, no: i64 },
    /// An end; its weights are in the forest's column already.
    Leaf(Leaf),
}

/// Appends one tree, depth first from `root`. `read` turns a file's number into a node and pushes a leaf's weights;
/// `n_max` is the number of nodes and leaves in the file: more visits mean a cycle or a shared subtree.
///
/// # Errors
/// What `read` returns, or `fault` of a message.
pub(super) fn push_tree<E>(
    parts: &mut ForestParts,
    root: i64,
    n_max: usize,
    mut read: impl FnMut(i64, &mut ForestParts) -> Result<SourceNode, E>,
    fault: impl Fn(&str) -> E,
) -> Result<(), E> {
    let first_node = parts.nodes.len() as u32;
    let first_leaf = parts.leaves.len() as u32;
    let mut top = ChildRef::IMPLIED;
    let mut stack = vec![(root, None)];
    let mut visited = 0;
    while let Some((number, parent)) = stack.pop() {
        visited += 1;
        if visited > n_max {
            return Err(fault("a node is reached twice"));
        }
        if parts.nodes.len().max(parts.weights.len()).max(parts.leaves.len()) >= ChildRef::INDEX_MAX as usize {
            return Err(fault("the model has more than 2^31 - 1 nodes or leaf weights"));
        }
        let child = match read(number, parts)? {
            SourceNode::Split { feature, threshold, mode, missing, yes, no } => {
                let index = parts.nodes.len() as u32;
                let nodes = &mut parts.nodes;
                nodes.feature.push(feature);
                nodes.threshold.push(threshold);
                nodes.mode.push(mode);
                nodes.missing.push(missing);
                nodes.true_child.push(ChildRef::IMPLIED);
                nodes.false_child.push(ChildRef::IMPLIED);
                stack.push((no, Some((index as usize, false))));
                stack.push((yes, Some((index as usize, true))));
                ChildRef::node(index)
            }
            SourceNode::Leaf(leaf) => {
                let index = parts.leaves.len() as u32;
                parts.leaves.push(leaf);
                ChildRef::leaf(index)
            }
        };
        match parent {
            None => top = child,
            Some((parent, true)) => parts.nodes.true_child[parent] = child,
            Some((parent, false)) => parts.nodes.false_child[parent] = child,
        }
    }
    parts.trees.push(Tree {
        shape: TreeShape::Nodes { root: top },
        first_node,
        n_nodes: parts.nodes.len() as u32 - first_node,
        first_leaf,
        n_leaves: parts.leaves.len() as u32 - first_leaf,
    });
    Ok(())
}
