//! What the three tree operators share: forests from attributes, and scores of a table.

use super::table;
use crate::{
    Attributes, DType, Error, Fact, Missing as MissingMeaning, Result, Tensor,
    fact::Facts,
    forest::{
        Aggregate, BaseOrder, CategoryCast, CategorySet, ChildRef, Forest, ForestError, ForestParts, Leaf, LeafWeight,
        Missing, Mode, Precision, Tree, TreeShape,
    },
    tensor::element_count,
};
use std::sync::OnceLock;

/// Trees consume missing values: every node says where NaN goes.
pub(super) const MISSING: MissingMeaning = MissingMeaning::Consumes;

/// Categories above this are tested one by one instead of in a set of bits.
const SET_MAX: f64 = 65_536.0;

/// A forest in the precision that its attributes declare, and in doubles for tables of doubles.
#[derive(Debug)]
pub struct Ensemble {
    forest: Forest,
    wide: OnceLock<Forest>,
    reached: Option<Vec<bool>>,
}

/// A child of a node before it has a place in a forest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    /// The node with this index in [`Source::splits`].
    Split(usize),
    /// The leaf with this index in [`Source::leaves`].
    Leaf(usize),
}

/// What a node asks.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Compare with a threshold.
    Compare(Mode, f64),
    /// Whether the feature is one of these.
    Among(Vec<f64>),
}

/// A node before it has a place in a forest.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) test: Test,
    pub(super) nan_to_true: bool,
    pub(super) when_true: Child,
    pub(super) when_false: Child,
}

/// Trees as attributes describe them: nodes in any order, reached from roots.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<Vec<LeafWeight>>,
    pub(super) roots: Vec<Child>,
}

/// What a forest has beside its trees.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) targets: u32,
    pub(super) precision: Precision,
    pub(super) aggregate: Aggregate,
    pub(super) base: Vec<f64>,
}

fn invalid(error: ForestError) -> Error {
    Error::invalid(error.to_string())
}

/// The code of the comparison that a mode's name has, if it compares.
pub(super) fn mode(name: &str) -> Result<Mode> {
    match name {
        "BRANCH_LEQ" => Ok(Mode::LessEq),
        "BRANCH_LT" => Ok(Mode::Less),
        "BRANCH_GTE" => Ok(Mode::GreaterEq),
        "BRANCH_GT" => Ok(Mode::Greater),
        "BRANCH_EQ" => Ok(Mode::Equal),
        "BRANCH_NEQ" => Ok(Mode::NotEqual),
        _ => {
            Err(Error::invalid(format!("node mode '{name}' is none of BRANCH_LEQ, _LT, _GTE, _GT, _EQ, _NEQ and LEAF")))
        }
    }
}

/// Numbers from the attribute `name` or, in doubles or singles, from `name_as_tensor`, and whether they are doubles.
///
/// # Errors
/// [`Error::Invalid`] for other types.
pub(super) fn numbers(attributes: &Attributes, name: &str) -> Result<Option<(Vec<f64>, bool)>> {
    if let Some(tensor) = attributes.tensor(&format!("{name}_as_tensor"))?
        && !tensor.is_empty()
    {
        if !matches!(tensor.dtype(), DType::F32 | DType::F64) {
            return Err(Error::invalid(format!("attribute '{name}_as_tensor' holds {}", tensor.dtype())));
        }
        return Ok(Some((table::wide(&tensor)?, tensor.dtype() == DType::F64)));
    }
    Ok(attributes.floats(name)?.filter(|v| !v.is_empty()).map(|v| (v.into_iter().map(f64::from).collect(), false)))
}

/// A list that must have `expected` entries.
///
/// # Errors
/// [`Error::Invalid`] when it has another number.
pub(super) fn expect_length(name: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::invalid(format!("attribute '{name}' has {found} entries where {expected} are expected")))
}

/// An index of 32 bits.
///
/// # Errors
/// [`Error::Invalid`] when it is negative or too large.
pub(super) fn index(name: &str, value: i64) -> Result<u32> {
    u32::try_from(value)
        .ok()
        .filter(|v| *v < ChildRef::INDEX_MAX)
        .ok_or_else(|| Error::invalid(format!("attribute '{name}' holds {value}, which is no index")))
}

impl Source {
    /// Makes one question of a chain that asks a feature for one number after the other and goes to the same node for each,
    /// which is how exporters write that it is one of several. For each node whether it is in another's question now.
    fn join_chains(&mut self) -> Vec<bool> {
        let mut parents = vec![0_u32; self.splits.len()];
        for child in self.splits.iter().flat_map(|split| [split.when_true, split.when_false]).chain(self.roots.clone())
        {
            if let Child::Split(split) = child
                && let Some(parents) = parents.get_mut(split)
            {
                *parents = parents.saturating_add(1);
            }
        }
        let equal = |split: &Split| match split.test {
            Test::Compare(Mode::Equal, number) => Some(number),
            _ => None,
        };
        // What goes on a chain: the node that its false child is, if nothing else leads there.
        let next = |splits: &[Split], split: &Split| {
            let Child::Split(place) = split.when_false else { return None };
            let other = splits.get(place).filter(|_| parents[place] == 1)?;
            let number = equal(other)?;
            (other.feature == split.feature && other.when_true == split.when_true).then_some((place, number))
        };
        let mut joined = vec![false; self.splits.len()];
        let mut follows = vec![false; self.splits.len()];
        for split in self.splits.iter().filter(|split| equal(split).is_some()) {
            if let Some((place, _)) = next(&self.splits, split) {
                follows[place] = true;
            }
        }
        let firsts = (0..self.splits.len()).zip(&follows).filter(|(_, follows)| !**follows);
        for (first, _) in firsts {
            let Some(number) = equal(&self.splits[first]) else { continue };
            let mut whole = self.splits[first].clone();
            let mut members = vec![number];
            while let Some((place, number)) = next(&self.splits, &whole) {
                let other = &self.splits[place];
                members.push(number);
                whole.nan_to_true |= other.nan_to_true;
                whole.when_false = other.when_false;
                joined[place] = true;
            }
            if members.len() > 1 {
                whole.test = Test::Among(members);
                self.splits[first] = whole;
            }
        }
        joined
    }

    /// Checks that each node is reached exactly once, but for those in another's question, which excludes cycles and shared
    /// subtrees.
    fn check(&self, mut seen: Vec<bool>) -> Result<()> {
        let mut open = self.roots.clone();
        while let Some(child) = open.pop() {
            match child {
                Child::Leaf(leaf) if leaf < self.leaves.len() => {}
                Child::Leaf(leaf) => return Err(Error::invalid(format!("leaf {leaf} of {}", self.leaves.len()))),
                Child::Split(split) => match seen.get_mut(split) {
                    None => return Err(Error::invalid(format!("node {split} of {}", self.splits.len()))),
                    Some(true) => return Err(Error::invalid(format!("node {split} has two parents or is in a cycle"))),
                    Some(fresh) => {
                        *fresh = true;
                        open.push(self.splits[split].when_true);
                        open.push(self.splits[split].when_false);
                    }
                },
            }
        }
        match seen.iter().position(|s| !s) {
            Some(split) => Err(Error::invalid(format!("node {split} is in a cycle or out of every root's reach"))),
            None => Ok(()),
        }
    }

    /// Lays the trees out one after the other, nodes in depth-first order.
    pub(super) fn build(mut self, header: Header) -> Result<Ensemble> {
        let joined = self.join_chains();
        self.check(joined)?;
        let mut parts = ForestParts::empty(0, header.targets);
        let base_is_plain = header.base.is_empty();
        if !base_is_plain {
            parts.base = header.base;
        }
        parts.compare = header.precision;
        parts.accumulate = header.precision;
        parts.aggregate = header.aggregate;
        parts.base_order = BaseOrder::Last;
        for root in &self.roots {
            self.lay(*root, &mut parts)?;
        }
        let forest = Forest::new(parts).map_err(invalid)?;
        let reached = always_reached(&forest);
        Ok(Ensemble { forest, wide: OnceLock::new(), reached })
    }

    fn lay(&self, root: Child, parts: &mut ForestParts) -> Result<()> {
        let (first_node, first_leaf) = (parts.nodes.len(), parts.leaves.len());
        // A test of several separate numbers repeats its true subtree; this bounds what a file can ask for.
        let most = first_node + 16 * self.splits.len() + SET_MAX as usize;
        let mut root_ref = ChildRef::leaf(0);
        let mut open: Vec<(Child, Option<(usize, bool)>)> = vec![(root, None)];
        while let Some((child, parent)) = open.pop() {
            let placed = match child {
                Child::Leaf(leaf) => self.lay_leaf(leaf, parts),
                Child::Split(split) => lay_split(&self.splits[split], parts, &mut open),
            };
            match parent {
                None => root_ref = placed,
                Some((node, true)) => parts.nodes.true_child[node] = placed,
                Some((node, false)) => parts.nodes.false_child[node] = placed,
            }
            if parts.nodes.len() > most || parts.leaves.len() > most + 1 {
                return Err(Error::unsupported("set membership tests that repeat too large subtrees"));
            }
        }
        let size = |n: usize| index("nodes", i64::try_from(n).unwrap_or(i64::MAX));
        parts.trees.push(Tree {
            shape: TreeShape::Nodes { root: root_ref },
            first_node: size(first_node)?,
            n_nodes: size(parts.nodes.len() - first_node)?,
            first_leaf: size(first_leaf)?,
            n_leaves: size(parts.leaves.len() - first_leaf)?,
        });
        Ok(())
    }

    fn lay_leaf(&self, leaf: usize, parts: &mut ForestParts) -> ChildRef {
        let weights = &self.leaves[leaf];
        let placed = ChildRef::leaf(parts.leaves.len() as u32);
        let first_weight = parts.weights.len() as u32;
        parts.weights.extend(weights);
        parts.leaves.push(Leaf { first_weight, n_weights: weights.len() as u32, linear: None });
        placed
    }
}

/// Places a node, or the chain of nodes that one set becomes, and opens its children.
fn lay_split(split: &Split, parts: &mut ForestParts, open: &mut Vec<(Child, Option<(usize, bool)>)>) -> ChildRef {
    let mut tests: Vec<(Mode, f64)> = Vec::new();
    match &split.test {
        Test::Compare(mode, threshold) => tests.push((*mode, *threshold)),
        Test::Among(members) => {
            let in_set = |v: f64| (0.0..SET_MAX).contains(&v) && v.fract() == 0.0;
            let categories: Vec<u32> = members.iter().filter(|v| in_set(**v)).map(|v| *v as u32).collect();
            if !categories.is_empty() {
                tests.push((Mode::Member(parts.category_sets.len() as u32), 0.0));
                parts.category_sets.push(CategorySet::new(CategoryCast::Whole, categories));
            }
            tests.extend(members.iter().filter(|v| !in_set(**v)).map(|v| (Mode::Equal, *v)));
            if tests.is_empty() {
                tests.push((Mode::Equal, f64::NAN));
            }
        }
    }
    let first = parts.nodes.len();
    parts.n_features = parts.n_features.max(split.feature + 1);
    for (at, (mode, threshold)) in tests.iter().enumerate() {
        let node = first + at;
        parts.nodes.feature.push(split.feature);
        parts.nodes.threshold.push(*threshold);
        parts.nodes.mode.push(*mode);
        // Only the first node of a chain asks for NaN; the others' tests are false for it.
        let to_true = at == 0 && split.nan_to_true;
        parts.nodes.missing.push(if to_true { Missing::nan(true) } else { Missing::NONE });
        parts.nodes.true_child.push(ChildRef::IMPLIED);
        parts.nodes.false_child.push(ChildRef::node(node as u32 + 1));
        open.push((split.when_true, Some((node, true))));
    }
    open.push((split.when_false, Some((first + tests.len() - 1, false))));
    ChildRef::node(first as u32)
}

/// For each target whether every row reaches a leaf that names it, if no target depends on the row in this.
fn always_reached(forest: &Forest) -> Option<Vec<bool>> {
    let targets = forest.n_targets as usize;
    let mut always = vec![false; targets];
    let mut ever = vec![false; targets];
    for tree in &forest.trees {
        let leaves = &forest.leaves[tree.first_leaf as usize..][..tree.n_leaves as usize];
        let mut counts = vec![0usize; if leaves.is_empty() { 0 } else { targets }];
        for leaf in leaves {
            let mut named: Vec<u32> = forest.weights[leaf.first_weight as usize..][..leaf.n_weights as usize]
                .iter()
                .map(|w| w.target)
                .collect();
            named.sort_unstable();
            named.dedup();
            for target in named {
                counts[target as usize] += 1;
                ever[target as usize] = true;
            }
        }
        for (always, count) in always.iter_mut().zip(counts) {
            *always |= count == leaves.len();
        }
    }
    (always == ever).then_some(always)
}

impl Ensemble {
    /// The forest in the precision that the attributes declare: `f32` unless they hold doubles.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// The forest that scores a table of this type: a table of doubles is compared and summed in doubles.
    ///
    /// # Errors
    /// [`Error::Invalid`] never in practice: the same columns were checked before.
    pub fn forest_for(&self, dtype: DType) -> Result<&Forest> {
        if dtype != DType::F64 || self.forest.compare == Precision::F64 {
            return Ok(&self.forest);
        }
        if let Some(wide) = self.wide.get() {
            return Ok(wide);
        }
        let mut parts = self.forest.clone().into_parts();
        (parts.compare, parts.accumulate) = (Precision::F64, Precision::F64);
        let wide = Forest::new(parts).map_err(invalid)?;
        Ok(self.wide.get_or_init(|| wide))
    }

    /// For each target whether a leaf names it, where that is the same for every row.
    pub fn reached(&self) -> Option<&[bool]> {
        self.reached.as_deref()
    }

    /// Whether some target gets a weight from some rows and none from others; then the operators ask row by row.
    pub fn varies(&self) -> bool {
        self.reached.is_none()
    }

    /// Checks the types and width of input 0; its number of rows.
    pub(super) fn infer(&self, inputs: Facts<'_>) -> Result<(DType, crate::Dim)> {
        let (dtype, rows, columns) = table::table_fact(inputs)?;
        self.expect(columns.known().unwrap_or(usize::MAX))?;
        Ok((dtype, rows))
    }

    fn expect(&self, columns: usize) -> Result<()> {
        if columns >= self.forest.n_features as usize {
            return Ok(());
        }
        Err(Error::invalid(format!("input 0 has {columns} columns where the trees ask for {}", self.forest.n_features)))
    }

    /// Calls `each` with every row's raw scores (base values added) and, for each target, whether a leaf named it.
    /// The number of rows.
    pub(super) fn scores(&self, x: &Tensor, mut each: impl FnMut(&[f64], &[bool])) -> Result<usize> {
        let (rows, columns) = table::table(x.shape())?;
        self.expect(columns)?;
        element_count(&[rows, self.forest.n_targets as usize])?;
        let forest = self.forest_for(x.dtype())?;
        let values = table::wide(x)?;
        let mut scores = vec![0.0; forest.n_targets as usize];
        let mut reached = self.reached.clone().unwrap_or_else(|| vec![false; scores.len()]);
        let mut leaves = vec![0u32; if self.varies() { forest.trees.len() } else { 0 }];
        for row in 0..rows {
            let feature = |f: u32| values[row * columns + f as usize];
            forest.evaluate_with(&feature, &mut scores).map_err(invalid)?;
            if self.varies() {
                forest.leaf_indices(&feature, &mut leaves).map_err(invalid)?;
                reached.fill(false);
                for leaf in leaves.iter().map(|l| forest.leaves[*l as usize]) {
                    for weight in &forest.weights[leaf.first_weight as usize..][..leaf.n_weights as usize] {
                        reached[weight.target as usize] = true;
                    }
                }
            }
            each(&scores, &reached);
        }
        Ok(rows)
    }
}

/// The types and rows that a tree operator's outputs have.
pub(super) fn fact(dtype: DType, rows: crate::Dim, columns: usize) -> Fact {
    Fact::shaped(dtype, [rows, crate::Dim::Known(columns)])
}
