//! The declared evaluation: plain, sequential, and the meaning that every kernel must reproduce bit for bit.

use super::{
    Aggregate, BaseOrder, Forest, ForestError, ForestParts, Leaf, MissingValues, Mode, Tree, TreeShape, ZERO_MAX,
};

impl Forest {
    /// Raw scores of one row of f64 features: `row` is `[n_features]`, `out` is `[n_targets]`.
    ///
    /// # Errors
    /// [`ForestError::Length`] when a slice is shorter or longer than the forest says.
    pub fn evaluate_row(&self, row: &[f64], out: &mut [f64]) -> Result<(), ForestError> {
        check_length("row", row.len(), self.n_features)?;
        self.evaluate_with(&|feature| row[feature as usize], out)
    }

    /// Raw scores of one row of f32 features; sums are still rounded as the forest declares, then to f32.
    ///
    /// # Errors
    /// As [`Forest::evaluate_row`].
    pub fn evaluate_row_f32(&self, row: &[f32], out: &mut [f32]) -> Result<(), ForestError> {
        check_length("row", row.len(), self.n_features)?;
        check_length("out", out.len(), self.n_targets)?;
        let mut scores = vec![0.0; out.len()];
        self.evaluate_with(&|feature| f64::from(row[feature as usize]), &mut scores)?;
        for (out, score) in out.iter_mut().zip(scores) {
            *out = score as f32;
        }
        Ok(())
    }

    /// Raw scores of a row that `feature` reads; it is asked only for indices below `n_features`.
    ///
    /// # Errors
    /// [`ForestError::Length`] when `out` is not `[n_targets]`.
    pub fn evaluate_with(&self, feature: &dyn Fn(u32) -> f64, out: &mut [f64]) -> Result<(), ForestError> {
        self.evaluate(&|tree| self.reach(&self.trees[tree], feature), feature, out)
    }

    /// The raw scores of a row into `out` `[n_targets]`, where the leaf that it reaches in each tree is known, as
    /// [`leaf_indices`](Self::leaf_indices) gives it.
    ///
    /// # Errors
    /// [`ForestError::Length`] when `leaves` is not `[trees]` or `out` not `[n_targets]`.
    ///
    /// # Panics
    /// For a leaf that the forest does not have.
    pub fn evaluate_leaves(
        &self,
        leaves: &[u32],
        feature: &dyn Fn(u32) -> f64,
        out: &mut [f64],
    ) -> Result<(), ForestError> {
        if leaves.len() != self.trees.len() {
            return Err(ForestError::Length { what: "leaves", found: leaves.len(), expected: self.trees.len() });
        }
        self.evaluate(&|tree| leaves[tree], feature, out)
    }

    fn evaluate(
        &self,
        reach: &impl Fn(usize) -> u32,
        feature: &dyn Fn(u32) -> f64,
        out: &mut [f64],
    ) -> Result<(), ForestError> {
        check_length("out", out.len(), self.n_targets)?;
        match self.aggregate {
            Aggregate::Sum | Aggregate::Average(_) => self.sum(reach, feature, out),
            Aggregate::Min => self.extreme(reach, feature, out, |new, old| new < old),
            Aggregate::Max => self.extreme(reach, feature, out, |new, old| new > old),
        }
        Ok(())
    }

    /// The leaf (an index into the forest's leaf column) that a row reaches in each tree, into `out` `[trees]`.
    ///
    /// # Errors
    /// [`ForestError::Length`] when `out` has another length than the forest has trees.
    pub fn leaf_indices(&self, feature: &dyn Fn(u32) -> f64, out: &mut [u32]) -> Result<(), ForestError> {
        if out.len() != self.trees.len() {
            return Err(ForestError::Length { what: "out", found: out.len(), expected: self.trees.len() });
        }
        for (out, tree) in out.iter_mut().zip(&self.trees) {
            *out = self.reach(tree, feature);
        }
        Ok(())
    }

    fn sum(&self, reach: &impl Fn(usize) -> u32, feature: &dyn Fn(u32) -> f64, out: &mut [f64]) {
        let width = self.accumulate;
        match self.base_order {
            BaseOrder::First => out.copy_from_slice(&self.base),
            BaseOrder::Last => out.fill(0.0),
        }
        self.for_each_weight(reach, feature, |target, weight| out[target] = width.round(out[target] + weight));
        if let Aggregate::Average(divisor) = self.aggregate {
            for out in out.iter_mut() {
                *out = width.round(*out / f64::from(divisor));
            }
        }
        if self.base_order == BaseOrder::Last {
            self.scale_and_add_base(out);
        }
    }

    fn extreme(
        &self,
        reach: &impl Fn(usize) -> u32,
        feature: &dyn Fn(u32) -> f64,
        out: &mut [f64],
        replaces: fn(f64, f64) -> bool,
    ) {
        let mut found = vec![false; out.len()];
        out.fill(0.0);
        self.for_each_weight(reach, feature, |target, weight| {
            if !found[target] || replaces(weight, out[target]) {
                out[target] = weight;
                found[target] = true;
            }
        });
        self.scale_and_add_base(out);
    }

    fn scale_and_add_base(&self, out: &mut [f64]) {
        let width = self.accumulate;
        for (out, &base) in out.iter_mut().zip(&self.base) {
            *out = width.round(width.round(*out * self.scale) + base);
        }
    }

    /// Calls `add(target, weight)` for the reached leaves' weights, in order, rounded to the sums' width.
    fn for_each_weight(
        &self,
        reach: &impl Fn(usize) -> u32,
        feature: &dyn Fn(u32) -> f64,
        mut add: impl FnMut(usize, f64),
    ) {
        for tree in 0..self.trees.len() {
            let leaf = self.leaves[reach(tree) as usize];
            let first = leaf.first_weight as usize;
            for weight in &self.weights[first..first + leaf.n_weights as usize] {
                let value = self.linear_value(leaf, feature).unwrap_or(weight.weight);
                add(weight.target as usize, self.accumulate.round(value));
            }
        }
    }
}

impl ForestParts {
    /// The leaf that a row reaches. Private: it ends only on checked columns.
    fn reach(&self, tree: &Tree, feature: &dyn Fn(u32) -> f64) -> u32 {
        match tree.shape {
            TreeShape::Nodes { root } => {
                let mut at = root;
                while !at.is_leaf() {
                    let node = at.index() as usize;
                    at = if self.passes(node, feature) {
                        self.nodes.true_child[node]
                    } else {
                        self.nodes.false_child[node]
                    };
                }
                at.index()
            }
            TreeShape::Oblivious => (0..tree.n_nodes).fold(tree.first_leaf, |leaf, split| {
                leaf + (u32::from(self.passes((tree.first_node + split) as usize, feature)) << split)
            }),
        }
    }

    fn passes(&self, node: usize, feature: &dyn Fn(u32) -> f64) -> bool {
        let x = self.compare.round(feature(self.nodes.feature[node]));
        let missing = self.nodes.missing[node];
        let is_missing = match missing.values {
            MissingValues::None => false,
            MissingValues::Nan => x.is_nan(),
            MissingValues::ZeroOrNan => x.is_nan() || x.abs() <= ZERO_MAX,
        };
        if is_missing {
            return missing.to_true;
        }
        let threshold = self.nodes.threshold[node];
        match self.nodes.mode[node] {
            Mode::LessEq => x <= threshold,
            Mode::Less => x < threshold,
            Mode::Greater => x > threshold,
            Mode::GreaterEq => x >= threshold,
            Mode::Equal => x == threshold,
            Mode::NotEqual => x != threshold,
            Mode::Member(set) => self.category_sets[set as usize].contains(x),
        }
    }

    /// The value of a leaf's linear model, or none where the leaf has none or one of its features is NaN.
    fn linear_value(&self, leaf: Leaf, feature: &dyn Fn(u32) -> f64) -> Option<f64> {
        let model = self.linear[leaf.linear? as usize];
        let first = model.first_term as usize;
        let mut sum = model.constant;
        for term in &self.terms[first..first + model.n_terms as usize] {
            let x = feature(term.feature);
            if x.is_nan() {
                return None;
            }
            sum += term.coefficient * if x.abs() <= ZERO_MAX { 0.0 } else { x };
        }
        Some(sum)
    }
}

fn check_length(what: &'static str, found: usize, expected: u32) -> Result<(), ForestError> {
    if found == expected as usize {
        Ok(())
    } else {
        Err(ForestError::Length { what, found, expected: expected as usize })
    }
}
