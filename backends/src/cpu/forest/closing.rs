//! What tests close. The leaves of a tree, at most 64, are numbered so that those of a test's first child are neighbours: a
//! row that fails the test closes them, and its leaf is the lowest one that stays open, as in QuickScorer (Lucchese et al.,
//! SIGIR 2015).

use super::{TARGETS_MAX, split::Split};
use hologram_ops::forest::{Aggregate, BaseOrder, ChildRef, Forest, Precision, Tree, TreeShape};
use std::sync::Arc;

/// Leaves of a tree at most.
pub(super) const LEAVES: usize = 64;

/// Bytes of what leaves add at most.
const VALUES_BYTES_MAX: usize = 2 << 20;

/// The trees of a forest by what their tests close.
#[derive(Debug)]
pub(super) struct Closings {
    /// The target of each tree.
    pub(super) targets: Vec<u32>,
    pub(super) values: Arc<Values>,
    /// Tree by tree.
    pub(super) tests: Vec<Test>,
}

/// What leaves add, tree by tree, in the width of the sums.
#[derive(Debug)]
pub(super) enum Values {
    F32(Vec<[f32; LEAVES]>),
    F64(Vec<[f64; LEAVES]>),
}

/// A test: which leaves stay open where a row's feature is above the threshold, or NaN where that does not pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test {
    pub(super) feature: u32,
    pub(super) threshold: f64,
    pub(super) nan_first: bool,
    pub(super) tree: u32,
    pub(super) open: u64,
}

impl Closings {
    /// The forest's trees; `None` where they have more than 64 leaves, tests other than of order, linear leaves, leaves that
    /// add to several targets, extremes, a base that the width of the sums cannot hold, or are more than 4,096.
    pub(super) fn of(forest: &Forest) -> Option<Self> {
        let is_sum = matches!(forest.aggregate, Aggregate::Sum | Aggregate::Average(_));
        let is_held = |base: &f64| forest.accumulate.round(*base).to_bits() == base.to_bits();
        let is_based = forest.base_order == BaseOrder::Last || forest.base.iter().all(is_held);
        let fits =
            forest.trees.len() * size_of::<[f64; LEAVES]>() <= VALUES_BYTES_MAX && forest.n_targets <= TARGETS_MAX;
        if !is_sum || !is_based || !forest.linear.is_empty() || !fits {
            return None;
        }
        let (mut targets, mut tests) = (Vec::new(), Vec::new());
        let trees = (0..).zip(&forest.trees).map(|(number, tree)| {
            let (target, values) = Self::read(forest, number, tree, &mut tests)?;
            targets.push(target);
            Some(values)
        });
        let values: Vec<[f64; LEAVES]> = trees.collect::<Option<_>>()?;
        let values = match forest.accumulate {
            Precision::F32 => Values::F32(values.iter().map(|values| values.map(|value| value as f32)).collect()),
            Precision::F64 => Values::F64(values),
        };
        Some(Self { targets, values: Arc::new(values), tests })
    }

    /// Reads a tree: its target, what its leaves add, and its tests.
    fn read(forest: &Forest, number: u32, tree: &Tree, tests: &mut Vec<Test>) -> Option<(u32, [f64; LEAVES])> {
        /// A test whose first child's leaves begin at a number.
        struct Closing {
            feature: u32,
            split: Split<f64>,
            first: usize,
        }
        let TreeShape::Nodes { root } = tree.shape else { return None };
        let (mut target, mut values) = (u32::MAX, [0.0; LEAVES]);
        // A child; a second child with the test whose first child's leaves are all numbered then.
        let mut open: Vec<(ChildRef, Option<Closing>)> = vec![(root, None)];
        let mut leaves = 0_usize;
        while let Some((at, closing)) = open.pop() {
            if let Some(Closing { feature, split: Split { threshold, nan_first, .. }, first }) = closing {
                let own: u64 = (u64::MAX >> (LEAVES - (leaves - first))) << first;
                tests.push(Test { feature, threshold, nan_first, tree: number, open: !own });
            }
            if at.is_leaf() {
                let leaf = forest.leaves[at.index() as usize];
                let weight = forest.weights.get(leaf.first_weight as usize).filter(|_| leaf.n_weights == 1)?;
                if leaves == LEAVES || target != u32::MAX && target != weight.target {
                    return None;
                }
                target = weight.target;
                values[leaves] = forest.accumulate.round(weight.weight);
                leaves += 1;
                continue;
            }
            let node = at.index() as usize;
            let split = match forest.compare {
                Precision::F32 => Split::<f32>::of(forest, node)?.widened(),
                Precision::F64 => Split::<f64>::of(forest, node)?,
            };
            if split.threshold.is_nan() {
                return None;
            }
            let [first, second] = split.children(forest, node);
            let feature = forest.nodes.feature[node];
            open.push((second, Some(Closing { feature, split, first: leaves })));
            open.push((first, None));
        }
        Some((target, values))
    }
}
