//! A few rows through a forest, tree by tree: the nodes of a tree are read once for all of them.
//!
//! Eight rows go through a tree together, or one row through eight trees, so that waiting for one of them is work on the
//! others. A step is the same few instructions for whatever node, without a jump to be guessed. Nodes are small, and what a
//! leaf adds lies beside the other leaves of its tree: a row alone reads each from memory, and this is most of its time.

use super::{
    Number, TARGETS_MAX, Table,
    walk::{Real, test},
};
use hologram_ops::forest::{Aggregate, BaseOrder, Forest, Precision, Tree, TreeShape};

/// Rows, or trees, that are walked together.
const LANES: usize = 8;

/// Rows that go through a tree before the next tree.
pub(super) const ROWS: usize = 32;

/// In a node's feature: whether NaN goes to the first child, and whether it is a leaf.
const NAN_FIRST: u16 = 1 << 15;
const LEAF: u16 = 1 << 14;

/// The trees of a forest in the widths of its comparisons and of its sums.
#[derive(Debug)]
pub(super) enum Few {
    F32F32(Trees<f32, f32>),
    F32F64(Trees<f32, f64>),
    F64F32(Trees<f64, f32>),
    F64F64(Trees<f64, f64>),
}

/// Trees, each of which adds to one target.
#[derive(Debug)]
pub(super) struct Trees<T, A> {
    nodes: Vec<Node<T>>,
    /// What leaves add, tree by tree.
    values: Vec<A>,
    trees: Vec<Place>,
    n_features: usize,
}

/// A node. Children and leaves are numbered from their tree's first on.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    threshold: T,
    feature: u16,
    /// The first child, the second lies after it; or the leaf's number.
    next: u16,
}

/// Where a tree begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    node: u32,
    value: u32,
    target: u32,
}

impl Few {
    /// The forest's trees; `None` where there are linear leaves, extremes, trees that are oblivious, test for equality or
    /// sets, take zeros for missing or add to several targets, trees of more than 65,535 nodes and leaves, more than 16,383
    /// features, more than 4,096 targets, or a base that the width of the sums cannot hold.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        let is_sum = matches!(forest.aggregate, Aggregate::Sum | Aggregate::Average(_));
        let is_held = |base: &f64| forest.accumulate.round(*base).to_bits() == base.to_bits();
        let is_based = forest.base_order == BaseOrder::Last || forest.base.iter().all(is_held);
        let fits = forest.n_features < u32::from(LEAF) && forest.n_targets <= TARGETS_MAX;
        if !is_sum || !is_based || !fits || !forest.linear.is_empty() {
            return None;
        }
        match (forest.compare, forest.accumulate) {
            (Precision::F32, Precision::F32) => Trees::new(forest).map(Self::F32F32),
            (Precision::F32, Precision::F64) => Trees::new(forest).map(Self::F32F64),
            (Precision::F64, Precision::F32) => Trees::new(forest).map(Self::F64F32),
            (Precision::F64, Precision::F64) => Trees::new(forest).map(Self::F64F64),
        }
    }

    /// Bytes of scratch memory, a multiple of eight, for a forest of so many targets.
    pub(super) fn scratch_bytes(&self, targets: usize) -> usize {
        let features = match self {
            Self::F32F32(trees) => trees.n_features,
            Self::F32F64(trees) => trees.n_features,
            Self::F64F32(trees) => trees.n_features,
            Self::F64F64(trees) => trees.n_features,
        };
        8 * ROWS * (features.max(1) + targets)
    }

    /// The sums `[targets][ROWS]` of at most [`ROWS`] rows, before they are averaged, scaled and based.
    pub(super) fn sums<'a>(
        &self,
        forest: &Forest,
        (table, columns): (Table<'_>, usize),
        rows: std::ops::Range<usize>,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        match self {
            Self::F32F32(trees) => trees.sums(forest, (table, columns), rows, scratch),
            Self::F32F64(trees) => trees.sums(forest, (table, columns), rows, scratch),
            Self::F64F32(trees) => trees.sums(forest, (table, columns), rows, scratch),
            Self::F64F64(trees) => trees.sums(forest, (table, columns), rows, scratch),
        }
    }
}

impl<T: Real, A: Number> Trees<T, A> {
    fn new(forest: &Forest) -> Option<Self> {
        let n_features = forest.n_features as usize;
        let mut trees = Self { nodes: Vec::new(), values: Vec::new(), trees: Vec::new(), n_features };
        // Copies of what nodes share are bounded.
        let most = 2 * (forest.nodes.len() + forest.leaves.len()) + forest.trees.len();
        for tree in &forest.trees {
            trees.push(forest, tree)?;
            if trees.nodes.len() > most {
                return None;
            }
        }
        Some(trees)
    }

    fn push(&mut self, forest: &Forest, tree: &Tree) -> Option<()> {
        let TreeShape::Nodes { root } = tree.shape else { return None };
        let place = |n: usize| u32::try_from(n).ok();
        let mut own = Place { node: place(self.nodes.len())?, value: place(self.values.len())?, target: u32::MAX };
        // Breadth first: what is visited first lies together. Nodes may share children, which are copied.
        let mut open = vec![root];
        let (mut next, mut leaves) = (0, 0);
        while let Some(at) = open.get(next).copied() {
            next += 1;
            if at.is_leaf() {
                let leaf = forest.leaves[at.index() as usize];
                if leaf.n_weights != 1 {
                    return None;
                }
                let weight = forest.weights[leaf.first_weight as usize];
                if own.target != u32::MAX && own.target != weight.target {
                    return None;
                }
                own.target = weight.target;
                self.values.push(A::of(weight.weight));
                self.nodes.push(Node { threshold: T::of(0.0), feature: LEAF, next: u16::try_from(leaves).ok()? });
                leaves += 1;
                continue;
            }
            let node = at.index() as usize;
            let (threshold, nan_first, children) = test(forest, node)?;
            let feature =
                u16::try_from(forest.nodes.feature[node]).ok().filter(|f| usize::from(*f) < self.n_features)?;
            let feature = if nan_first { feature | NAN_FIRST } else { feature };
            self.nodes.push(Node { threshold, feature, next: u16::try_from(open.len()).ok()? });
            open.extend(children);
        }
        self.trees.push(own);
        Some(())
    }

    fn sums<'a>(
        &self,
        forest: &Forest,
        (table, columns): (Table<'_>, usize),
        rows: std::ops::Range<usize>,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        let targets = forest.n_targets as usize;
        let width = self.n_features.max(1);
        let (features, sums) = scratch.split_at_mut(8 * ROWS * width);
        let features: &mut [T] = &mut bytemuck::cast_slice_mut(features)[..ROWS * width];
        let sums = &mut bytemuck::cast_slice_mut::<u8, f64>(sums)[..ROWS * targets];
        let count = rows.len();
        // Lanes without a row of their own repeat the last one.
        let filled = if count < LANES / 2 { count } else { count.next_multiple_of(LANES) };
        let mut has_nan = false;
        for (lane, out) in features.chunks_exact_mut(width).take(filled).enumerate() {
            let start = (rows.start + lane.min(count - 1)) * columns;
            out[0] = T::of(0.0);
            for (feature, out) in out[..self.n_features].iter_mut().enumerate() {
                *out = T::of(table.at(start + feature));
                has_nan |= out.is_nan();
            }
        }
        for (sums, base) in sums.chunks_exact_mut(ROWS).zip(&forest.base) {
            sums.fill(if forest.base_order == BaseOrder::First { *base } else { 0.0 });
        }
        let features = &features[..filled * width];
        match (count < LANES / 2, has_nan) {
            (true, true) => self.by_trees::<true>(features, sums),
            (true, false) => self.by_trees::<false>(features, sums),
            (false, true) => self.by_rows::<true>(features, sums),
            (false, false) => self.by_rows::<false>(features, sums),
        }
        sums
    }

    /// Each row through all trees, some at a time.
    fn by_trees<const NAN: bool>(&self, features: &[T], sums: &mut [f64]) {
        for (lane, row) in features.chunks_exact(self.n_features.max(1)).enumerate() {
            let (eights, rest) = self.trees.as_chunks::<LANES>();
            for trees in eights {
                self.walk::<LANES, NAN>(trees, &[row; LANES], |tree, value| add::<A>(sums, tree, lane, value));
            }
            for tree in rest {
                self.walk::<1, NAN>(&[*tree], &[row], |tree, value| add::<A>(sums, tree, lane, value));
            }
        }
    }

    /// All rows through each tree, some at a time.
    fn by_rows<const NAN: bool>(&self, features: &[T], sums: &mut [f64]) {
        let width = self.n_features.max(1);
        for tree in &self.trees {
            for (group, rows) in features.chunks_exact(LANES * width).enumerate() {
                let rows: [&[T]; LANES] = std::array::from_fn(|lane| &rows[lane * width..][..width]);
                let mut lane = group * LANES;
                self.walk::<LANES, NAN>(&[*tree; LANES], &rows, |tree, value| {
                    add::<A>(sums, tree, lane, value);
                    lane += 1;
                });
            }
        }
    }

    /// Each row through its tree; gives what the leaves add, in order. A row has `n_features` numbers, or one.
    #[inline(always)]
    fn walk<const N: usize, const NAN: bool>(
        &self,
        trees: &[Place; N],
        rows: &[&[T]; N],
        mut each: impl FnMut(&Place, A),
    ) {
        assert!(rows.iter().all(|row| row.len() >= self.n_features.max(1)));
        let mut at = trees.map(|tree| tree.node);
        loop {
            let mut all = LEAF;
            for ((at, tree), row) in at.iter_mut().zip(trees).zip(rows) {
                // SAFETY: a tree's first node is one, and so are the children of each.
                let node = unsafe { *self.nodes.get_unchecked(*at as usize) };
                let feature = usize::from(node.feature & !(NAN_FIRST | LEAF));
                // SAFETY: nodes name features of the forest, leaves the first number of a row, which has all of them.
                let x = unsafe { *row.get_unchecked(feature) };
                let mut is_first = x <= node.threshold;
                if NAN {
                    is_first |= x.is_nan() & (node.feature >= NAN_FIRST);
                }
                let next = tree.node + u32::from(node.next) + u32::from(!is_first);
                *at = if node.feature & LEAF == 0 { next } else { *at };
                all &= node.feature;
            }
            if all != 0 {
                break;
            }
        }
        for (at, tree) in at.iter().zip(trees) {
            let leaf = self.nodes[*at as usize].next;
            each(tree, self.values[tree.value as usize + usize::from(leaf)]);
        }
    }
}

/// Adds to a row's sum in the width of sums.
#[inline(always)]
fn add<A: Number>(sums: &mut [f64], tree: &Place, lane: usize, value: A) {
    let sum = &mut sums[tree.target as usize * ROWS + lane];
    *sum = (A::of(*sum) + value).wide();
}
