//! From a file's or an operator's nodes to the columns of a forest, whatever order they come in.

use super::{ChildRef, ForestError, ForestParts, Leaf, Missing, Mode, Tree, TreeShape};

/// A node under its source's own numbering.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SourceNode {
    /// A test and where its answers lead.
    Split {
        /// The feature that it reads.
        feature: u32,
        /// What the feature is compared with.
        threshold: f64,
        /// The test.
        mode: Mode,
        /// What happens to missing values.
        missing: Missing,
        /// The source's number of the true child.
        yes: i64,
        /// The source's number of the false child.
        no: i64,
    },
    /// An end, whose weights are in the forest's column already.
    Leaf(Leaf),
}

impl ForestParts {
    /// Appends one tree, depth first from the node that the source calls `root`, true children first.
    ///
    /// `read` turns a source's number into a node and pushes a leaf's weights first. `n_max` is the number of nodes and
    /// leaves that the source has: a longer walk means a cycle. A leaf that several nodes share is copied.
    ///
    /// # Errors
    /// What `read` returns, or `fault` of [`ForestError::Invalid`] when the walk is longer than `n_max` or the columns would
    /// outgrow [`ChildRef::INDEX_MAX`].
    pub fn push_tree<E>(
        &mut self,
        root: i64,
        n_max: usize,
        mut read: impl FnMut(i64, &mut Self) -> Result<SourceNode, E>,
        fault: impl Fn(ForestError) -> E,
    ) -> Result<(), E> {
        let place = || format!("tree {}", self.trees.len());
        let (first_node, first_leaf) = (self.nodes.len() as u32, self.leaves.len() as u32);
        let (repeated, too_large) = (
            ForestError::invalid(place(), "a node is reached twice"),
            ForestError::invalid(place(), "more than 2^31 - 1 nodes or leaf weights"),
        );
        let mut top = ChildRef::IMPLIED;
        let mut stack = vec![(root, None)];
        let mut visited = 0;
        while let Some((number, parent)) = stack.pop() {
            visited += 1;
            if visited > n_max {
                return Err(fault(repeated));
            }
            if self.nodes.len().max(self.weights.len()).max(self.leaves.len()) >= ChildRef::INDEX_MAX as usize {
                return Err(fault(too_large));
            }
            let child = match read(number, self)? {
                SourceNode::Split { yes, no, .. } if yes == number || no == number => return Err(fault(repeated)),
                SourceNode::Split { feature, threshold, mode, missing, yes, no } => {
                    let index = self.nodes.len();
                    self.push_split(feature, threshold, mode, missing);
                    stack.push((no, Some((index, false))));
                    stack.push((yes, Some((index, true))));
                    ChildRef::node(index as u32)
                }
                SourceNode::Leaf(leaf) => {
                    self.leaves.push(leaf);
                    ChildRef::leaf(self.leaves.len() as u32 - 1)
                }
            };
            match parent {
                None => top = child,
                Some((parent, true)) => self.nodes.true_child[parent] = child,
                Some((parent, false)) => self.nodes.false_child[parent] = child,
            }
        }
        self.trees.push(Tree {
            shape: TreeShape::Nodes { root: top },
            first_node,
            n_nodes: self.nodes.len() as u32 - first_node,
            first_leaf,
            n_leaves: self.leaves.len() as u32 - first_leaf,
        });
        Ok(())
    }

    /// Appends a node whose children are [`ChildRef::IMPLIED`]: a split of an oblivious tree, or one to be linked later.
    pub fn push_split(&mut self, feature: u32, threshold: f64, mode: Mode, missing: Missing) {
        self.nodes.feature.push(feature);
        self.nodes.threshold.push(threshold);
        self.nodes.mode.push(mode);
        self.nodes.missing.push(missing);
        self.nodes.true_child.push(ChildRef::IMPLIED);
        self.nodes.false_child.push(ChildRef::IMPLIED);
    }
}
