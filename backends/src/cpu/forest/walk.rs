//! One row through a forest: eight trees at a time, so that waiting for one of them is work on the others.
//!
//! All tests become one: a row goes to a node's first child if its feature is at most the threshold, else to the second,
//! which lies beside it. A leaf is its own first child. So a step is the same few instructions for whatever node, without a
//! jump to be guessed, and the steps of different trees overlap.

use super::{Number, Table};
use hologram_ops::forest::{ChildRef, Forest, MissingValues, Mode, Precision, TreeShape};

/// Trees that are walked together.
const TREES: usize = 8;

/// In a node's feature: whether NaN goes to the first child.
const NAN_FIRST: u32 = 1 << 31;

/// The trees of a forest in the width of its comparisons.
#[derive(Debug)]
pub(super) enum Walk {
    F32(Nodes<f32>),
    F64(Nodes<f64>),
}

/// Nodes of all trees.
#[derive(Debug)]
pub(super) struct Nodes<T> {
    nodes: Vec<Node<T>>,
    /// By node, the leaf that it is.
    leaves: Vec<u32>,
    roots: Vec<u32>,
    n_features: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node<T> {
    threshold: T,
    feature: u32,
    /// The first child; the second lies after it.
    next: u32,
}

/// A width that features are compared in.
pub(super) trait Real: Number + bytemuck::Pod {
    /// The greatest number below a finite one, or below infinity.
    fn below(self) -> Self;
    fn is_nan(self) -> bool;
    /// The number whose lowest bits these are.
    fn of_bits(bits: u32) -> Self;
    /// The lowest bits.
    fn low_bits(self) -> u32;
}

impl Real for f32 {
    fn of_bits(bits: u32) -> Self {
        Self::from_bits(bits)
    }
    fn low_bits(self) -> u32 {
        self.to_bits()
    }
    fn below(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Real for f64 {
    fn of_bits(bits: u32) -> Self {
        Self::from_bits(bits.into())
    }
    fn low_bits(self) -> u32 {
        self.to_bits() as u32
    }
    fn below(self) -> Self {
        self.next_down()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Walk {
    /// The forest's trees; `None` where one is oblivious, tests for equality or sets, takes zeros for missing, or where
    /// there are too many nodes or features for their numbers.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        match forest.compare {
            Precision::F32 => Nodes::new(forest).map(Self::F32),
            Precision::F64 => Nodes::new(forest).map(Self::F64),
        }
    }

    /// Bytes of scratch memory, a multiple of eight: a row, and the leaf of each tree.
    pub(super) fn scratch_bytes(&self) -> usize {
        let (features, trees) = match self {
            Self::F32(nodes) => (nodes.n_features, nodes.roots.len()),
            Self::F64(nodes) => (nodes.n_features, nodes.roots.len()),
        };
        8 * (features.max(1) + trees.div_ceil(2))
    }

    /// The leaf that a row of a table with so many columns reaches in each tree.
    pub(super) fn leaves<'a>(
        &self,
        (table, columns): (Table<'_>, usize),
        row: usize,
        scratch: &'a mut [u8],
    ) -> &'a [u32] {
        match self {
            Self::F32(nodes) => nodes.leaves(table, row * columns, scratch),
            Self::F64(nodes) => nodes.leaves(table, row * columns, scratch),
        }
    }
}

impl<T: Real> Nodes<T> {
    fn new(forest: &Forest) -> Option<Self> {
        let n_features = forest.n_features as usize;
        if forest.n_features >= NAN_FIRST {
            return None;
        }
        let (mut nodes, mut leaves, mut roots) = (Vec::new(), Vec::new(), Vec::new());
        let most = forest.nodes.len() + forest.leaves.len();
        for tree in &forest.trees {
            let TreeShape::Nodes { root } = tree.shape else { return None };
            // Breadth first: what is visited first lies together. Nodes may share children, which would be copied.
            let mut open = vec![root];
            roots.push(u32::try_from(nodes.len()).ok()?);
            let mut next = 0;
            while let Some(at) = open.get(next).copied() {
                next += 1;
                let place = u32::try_from(nodes.len()).ok()?;
                if at.is_leaf() {
                    nodes.push(Node { threshold: T::of(f64::INFINITY), feature: NAN_FIRST, next: place });
                    leaves.push(at.index());
                    continue;
                }
                let node = at.index() as usize;
                let (threshold, nan_first, children) = test(forest, node)?;
                let nan = if nan_first { NAN_FIRST } else { 0 };
                let first = roots[roots.len() - 1] as usize + open.len();
                let next = u32::try_from(first).ok()?;
                nodes.push(Node { threshold, feature: forest.nodes.feature[node] | nan, next });
                leaves.push(0);
                open.extend(children);
                if roots.len() + first > 2 * most + forest.trees.len() {
                    return None;
                }
            }
        }
        Some(Self { nodes, leaves, roots, n_features })
    }

    fn leaves<'a>(&self, table: Table<'_>, start: usize, scratch: &'a mut [u8]) -> &'a [u32] {
        let (row, out) = scratch.split_at_mut(8 * self.n_features.max(1));
        let row: &mut [T] = &mut bytemuck::cast_slice_mut(row)[..self.n_features.max(1)];
        row[0] = T::of(f64::NAN);
        for (feature, out) in row[..self.n_features].iter_mut().enumerate() {
            *out = T::of(table.at(start + feature));
        }
        let out = &mut bytemuck::cast_slice_mut::<u8, u32>(out)[..self.roots.len()];
        let (trees, rest) = self.roots.as_chunks::<TREES>();
        let (places, last) = out.as_chunks_mut::<TREES>();
        for (roots, places) in trees.iter().zip(places) {
            *places = self.walk(*roots, row);
        }
        for (root, place) in rest.iter().zip(last) {
            [*place] = self.walk([*root], row);
        }
        out.iter_mut().for_each(|place| *place = self.leaves[*place as usize]);
        out
    }

    /// Where these trees' leaves lie that a row reaches.
    #[inline(always)]
    fn walk<const N: usize>(&self, mut at: [u32; N], row: &[T]) -> [u32; N] {
        loop {
            let mut moved = 0;
            for at in &mut at {
                let node = self.nodes[*at as usize];
                let x = row[(node.feature & !NAN_FIRST) as usize];
                let is_nan = x.is_nan();
                let is_first = (x <= node.threshold) | (is_nan & (node.feature >= NAN_FIRST));
                let next = node.next + u32::from(!is_first);
                moved |= *at ^ next;
                *at = next;
            }
            if moved == 0 {
                return at;
            }
        }
    }
}

/// A node's test as `x <= threshold`: the threshold, whether NaN passes, and the children, first that of what passes.
pub(super) fn test<T: Real>(forest: &Forest, node: usize) -> Option<(T, bool, [ChildRef; 2])> {
    let (threshold, missing) = (forest.nodes.threshold[node], forest.nodes.missing[node]);
    let (is_strict, is_swapped) = match forest.nodes.mode[node] {
        Mode::LessEq => (false, false),
        Mode::Less => (true, false),
        // Not at most, and not below.
        Mode::Greater => (false, true),
        Mode::GreaterEq => (true, true),
        Mode::Equal | Mode::NotEqual | Mode::Member(_) => return None,
    };
    let nan_is_true = match missing.values {
        MissingValues::None => false,
        MissingValues::Nan => missing.to_true,
        MissingValues::ZeroOrNan => return None,
    };
    let wide = T::of(threshold);
    let threshold = if threshold.is_nan() {
        // True for none: what passes where the children are swapped is all, else nothing.
        if is_swapped { T::of(f64::INFINITY) } else { T::of(f64::NAN) }
    } else if !is_strict {
        wide
    } else if threshold == f64::NEG_INFINITY {
        // Nothing lies below.
        T::of(f64::NAN)
    } else {
        wide.below()
    };
    let mut children = [forest.nodes.true_child[node], forest.nodes.false_child[node]];
    if is_swapped {
        children.reverse();
    }
    Some((threshold, nan_is_true != is_swapped, children))
}
