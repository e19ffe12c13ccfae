//! One row through a forest: eight trees at a time, so that waiting for one of them is work on the others.
//!
//! All tests become one: a row goes to a node's first child if its feature is at most the threshold, else to the second,
//! which lies beside it. A leaf is its own first child. So a step is the same few instructions for whatever node, without a
//! jump to be guessed, and the steps of different trees overlap.

use super::{
    Table,
    split::{Real, Split},
};
use hologram_ops::forest::{Forest, Precision, TreeShape};

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

    /// The leaf that a row of a table reaches in each tree.
    pub(super) fn leaves<'a>(&self, table: Table<'_>, row: usize, scratch: &'a mut [u8]) -> &'a [u32] {
        match self {
            Self::F32(nodes) => nodes.leaves(table, row, scratch),
            Self::F64(nodes) => nodes.leaves(table, row, scratch),
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
                let split = Split::<T>::of(forest, node)?;
                let nan = if split.nan_first { NAN_FIRST } else { 0 };
                let first = roots[roots.len() - 1] as usize + open.len();
                let next = u32::try_from(first).ok()?;
                nodes.push(Node { threshold: split.threshold, feature: forest.nodes.feature[node] | nan, next });
                leaves.push(0);
                open.extend(split.children(forest, node));
                if roots.len() + first > 2 * most + forest.trees.len() {
                    return None;
                }
            }
        }
        Some(Self { nodes, leaves, roots, n_features })
    }

    fn leaves<'a>(&self, table: Table<'_>, row: usize, scratch: &'a mut [u8]) -> &'a [u32] {
        let (values, out) = scratch.split_at_mut(8 * self.n_features.max(1));
        let values: &mut [T] = &mut bytemuck::cast_slice_mut(values)[..self.n_features.max(1)];
        values[0] = T::of(f64::NAN);
        for (feature, out) in values[..self.n_features].iter_mut().enumerate() {
            *out = T::of(table.at(row, feature));
        }
        let out = &mut bytemuck::cast_slice_mut::<u8, u32>(out)[..self.roots.len()];
        let (trees, rest) = self.roots.as_chunks::<TREES>();
        let (places, last) = out.as_chunks_mut::<TREES>();
        for (roots, places) in trees.iter().zip(places) {
            *places = self.walk(*roots, values);
        }
        for (root, place) in rest.iter().zip(last) {
            [*place] = self.walk([*root], values);
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
