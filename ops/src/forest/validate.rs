//! The border check: whatever passes can be evaluated without a loop, an overflow or an index outside.

use super::{Aggregate, BaseOrder, ChildRef, ForestError, ForestParts, Mode, Precision, Tree, TreeShape};

impl ForestParts {
    /// Checks that the columns agree, that every index is in range, that trees cover the columns in order, and that
    /// each tree reaches each of its nodes exactly once and each of its leaves.
    ///
    /// Work and memory are linear in the columns.
    ///
    /// # Errors
    /// [`ForestError::Invalid`] naming the column and position.
    pub fn validate(&self) -> Result<(), ForestError> {
        self.validate_header()?;
        self.validate_columns()?;
        self.validate_nodes()?;
        self.validate_sets()?;
        self.validate_leaves()?;
        self.validate_trees()
    }

    fn validate_header(&self) -> Result<(), ForestError> {
        let header = |ok: bool, place: &str, reason: &str| {
            if ok { Ok(()) } else { Err(ForestError::invalid(place, reason)) }
        };
        header(self.n_targets > 0, "n_targets", "is 0")?;
        header(self.base.len() == self.n_targets as usize, "base", "needs one value a target")?;
        header(self.aggregate != Aggregate::Average(0), "aggregate", "averages over 0")?;
        let first = self.base_order == BaseOrder::First;
        let plain = self.aggregate == Aggregate::Sum && self.scale == 1.0;
        header(!first || plain, "base_order", "only a plain sum can start from the base values")?;
        let linear_width = self.compare == Precision::F64 && self.accumulate == Precision::F64;
        header(self.linear.is_empty() || linear_width, "linear", "linear leaves need f64 comparison and sums")
    }

    fn validate_columns(&self) -> Result<(), ForestError> {
        let n = self.nodes.len();
        let nodes = &self.nodes;
        let lengths = [
            ("threshold", nodes.threshold.len()),
            ("mode", nodes.mode.len()),
            ("missing", nodes.missing.len()),
            ("true_child", nodes.true_child.len()),
            ("false_child", nodes.false_child.len()),
        ];
        for (name, length) in lengths {
            if length != n {
                return Err(ForestError::invalid(format!("nodes.{name}"), format!("has {length} of {n} nodes")));
            }
        }
        let max = ChildRef::INDEX_MAX as usize;
        let sizes = [
            ("nodes", n),
            ("leaves", self.leaves.len()),
            ("weights", self.weights.len()),
            ("linear", self.linear.len()),
            ("terms", self.terms.len()),
            ("category_sets", self.category_sets.len()),
            ("trees", self.trees.len()),
        ];
        for (name, length) in sizes {
            if length > max {
                return Err(ForestError::invalid(name, format!("more than {max}")));
            }
        }
        Ok(())
    }

    fn validate_nodes(&self) -> Result<(), ForestError> {
        for (index, &feature) in self.nodes.feature.iter().enumerate() {
            let place = || format!("node {index}");
            if feature >= self.n_features {
                return Err(ForestError::invalid(place(), format!("feature {feature} of {}", self.n_features)));
            }
            if let Mode::Member(set) = self.nodes.mode[index] {
                if set as usize >= self.category_sets.len() {
                    let reason = format!("category set {set} of {}", self.category_sets.len());
                    return Err(ForestError::invalid(place(), reason));
                }
            } else {
                let threshold = self.nodes.threshold[index];
                if threshold.to_bits() != self.compare.round(threshold).to_bits() && !threshold.is_nan() {
                    return Err(ForestError::invalid(place(), format!("threshold {threshold} is no f32")));
                }
            }
        }
        Ok(())
    }

    fn validate_sets(&self) -> Result<(), ForestError> {
        match self.category_sets.iter().position(|set| !set.codes.is_sorted_by(|a, b| a < b)) {
            Some(index) => Err(ForestError::invalid(format!("category set {index}"), "codes do not rise strictly")),
            None => Ok(()),
        }
    }

    fn validate_leaves(&self) -> Result<(), ForestError> {
        for (index, leaf) in self.leaves.iter().enumerate() {
            let place = || format!("leaf {index}");
            if !within(leaf.first_weight, leaf.n_weights, self.weights.len()) {
                return Err(ForestError::invalid(place(), "weights out of range"));
            }
            if let Some(linear) = leaf.linear {
                let Some(model) = self.linear.get(linear as usize) else {
                    return Err(ForestError::invalid(place(), format!("linear model {linear} out of range")));
                };
                if !within(model.first_term, model.n_terms, self.terms.len()) {
                    return Err(ForestError::invalid(place(), "linear terms out of range"));
                }
                if leaf.n_weights != 1 {
                    return Err(ForestError::invalid(place(), "a linear leaf has exactly one weight"));
                }
            }
        }
        for (index, weight) in self.weights.iter().enumerate() {
            if weight.target >= self.n_targets {
                let reason = format!("target {} of {}", weight.target, self.n_targets);
                return Err(ForestError::invalid(format!("weight {index}"), reason));
            }
        }
        for (index, term) in self.terms.iter().enumerate() {
            if term.feature >= self.n_features {
                let reason = format!("feature {} of {}", term.feature, self.n_features);
                return Err(ForestError::invalid(format!("linear term {index}"), reason));
            }
        }
        Ok(())
    }

    fn validate_trees(&self) -> Result<(), ForestError> {
        let (mut node, mut leaf) = (0_u64, 0_u64);
        let mut stack = Vec::new();
        for (index, tree) in self.trees.iter().enumerate() {
            if u64::from(tree.first_node) != node || u64::from(tree.first_leaf) != leaf || tree.n_leaves == 0 {
                return Err(ForestError::invalid(format!("tree {index}"), "does not follow the tree before it"));
            }
            node += u64::from(tree.n_nodes);
            leaf += u64::from(tree.n_leaves);
            if node > self.nodes.len() as u64 || leaf > self.leaves.len() as u64 {
                return Err(ForestError::invalid(format!("tree {index}"), "nodes or leaves out of range"));
            }
            match tree.shape {
                TreeShape::Nodes { root } => self.walk(index, tree, root, &mut stack)?,
                TreeShape::Oblivious => self.validate_oblivious(index, tree)?,
            }
        }
        if node != self.nodes.len() as u64 || leaf != self.leaves.len() as u64 {
            return Err(ForestError::invalid("trees", "do not cover all nodes and leaves"));
        }
        Ok(())
    }

    /// Visits a tree from its root; a node seen twice is a cycle or a shared subtree, one not seen is out of reach.
    fn walk(&self, index: usize, tree: &Tree, root: ChildRef, stack: &mut Vec<ChildRef>) -> Result<(), ForestError> {
        let invalid = |reason: &str| ForestError::invalid(format!("tree {index}"), reason);
        let mut seen_nodes = vec![false; tree.n_nodes as usize];
        let mut seen_leaves = vec![false; tree.n_leaves as usize];
        stack.clear();
        stack.push(root);
        while let Some(child) = stack.pop() {
            if child.is_leaf() {
                let seen = child.index().checked_sub(tree.first_leaf).and_then(|at| seen_leaves.get_mut(at as usize));
                *seen.ok_or_else(|| invalid("a child is a leaf of another tree"))? = true;
                continue;
            }
            let seen = child.index().checked_sub(tree.first_node).and_then(|at| seen_nodes.get_mut(at as usize));
            let seen = seen.ok_or_else(|| invalid("a child is a node of another tree"))?;
            if *seen {
                return Err(invalid("a node has two parents"));
            }
            *seen = true;
            let at = child.index() as usize;
            stack.push(self.nodes.true_child[at]);
            stack.push(self.nodes.false_child[at]);
        }
        if seen_nodes.iter().chain(&seen_leaves).all(|&seen| seen) {
            Ok(())
        } else {
            Err(invalid("a node or leaf is out of reach"))
        }
    }

    fn validate_oblivious(&self, index: usize, tree: &Tree) -> Result<(), ForestError> {
        let invalid = |reason: &str| ForestError::invalid(format!("tree {index}"), reason);
        if 1_u32.checked_shl(tree.n_nodes) != Some(tree.n_leaves) {
            return Err(invalid("an oblivious tree of d splits has 2^d leaves"));
        }
        let range = tree.first_node as usize..(tree.first_node + tree.n_nodes) as usize;
        let mut children = self.nodes.true_child[range.clone()].iter().chain(&self.nodes.false_child[range]);
        if children.all(|&child| child == ChildRef::IMPLIED) {
            Ok(())
        } else {
            Err(invalid("the splits of an oblivious tree have implied children"))
        }
    }
}

fn within(first: u32, count: u32, length: usize) -> bool {
    u64::from(first) + u64::from(count) <= length as u64
}
