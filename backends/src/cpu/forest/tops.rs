//! The upper levels of trees by bits: for a block of rows, the node of each tree at which a row's walk begins.
//!
//! Where nearly each node of deep trees has a test of its own, masks for all of them cost more than following a row. The
//! upper levels have few nodes, which all rows visit.

use super::{
    Aligned, FEATURES_MAX, Mask, Table, Values, leaves,
    masks::{Distinct, Tests},
    split::Split,
    steps::{PLANES_MAX, Steps},
    tree::{cover, number},
};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{Forest, Precision, TreeShape};
use std::ops::Range;

/// Words of a block's masks.
pub(super) const WORDS: usize = 8;

/// Levels that go by bits: five take 1.02 times as long, seven 1.01, eight 1.1.
const LEVELS: u32 = 6;

/// The upper levels of a forest's trees.
#[derive(Debug)]
pub(super) struct Tops {
    tests: Tests,
    trees: Vec<Top>,
    n_slots: usize,
    isa: Isa,
}

/// The upper levels of a tree.
#[derive(Debug)]
struct Top {
    steps: Steps,
    /// By the number of a node where the levels end, which that is among all nodes of the tree, breadth first. As long as a
    /// power of two.
    begins: Vec<u16>,
}

impl Tops {
    /// The upper levels; `None` where a tree is oblivious, a node's test is none of order, or the features are too many.
    pub(super) fn new(forest: &Forest, isa: Isa) -> Option<Self> {
        let is_ordered = |node: usize| match forest.compare {
            Precision::F32 => Split::<f32>::of(forest, node).is_some_and(|split| !split.threshold.is_nan()),
            Precision::F64 => Split::<f64>::of(forest, node).is_some_and(|split| !split.threshold.is_nan()),
        };
        if !(0..forest.nodes.len()).all(is_ordered) {
            return None;
        }
        let mut tests = Distinct::default();
        let (mut trees, mut n_slots) = (Vec::new(), 0);
        for tree in &forest.trees {
            let TreeShape::Nodes { root } = tree.shape else { return None };
            let mut steps = Steps::default();
            let parts = number(forest, root, LEVELS, &mut tests, &mut steps);
            let n_planes = parts[0].n_leaves.next_power_of_two().trailing_zeros() as usize;
            for bit in 0..n_planes {
                steps.push_plane(&cover(&parts, bit));
            }
            let mut begins = vec![0; 1 << n_planes];
            for (node, part) in parts.iter().enumerate().filter(|(_, part)| part.children.is_none()) {
                begins[part.first as usize] = u16::try_from(node).ok()?;
            }
            n_slots = n_slots.max(parts.len());
            trees.push(Top { steps, begins });
        }
        if tests.n_features() > FEATURES_MAX {
            return None;
        }
        let (tests, places) = tests.into_tests(forest);
        for tree in &mut trees {
            tree.steps.place(|test| places[test as usize], |slot| slot + places.len() as u32);
        }
        Some(Self { tests, trees, n_slots, isa })
    }

    /// Bytes of scratch memory, a multiple of 64.
    pub(super) fn scratch_bytes(&self) -> usize {
        (self.tests.len() + self.n_slots) * size_of::<Mask<WORDS>>()
            + self.tests.n_features() * 64 * WORDS * size_of::<f64>()
    }

    /// Gets the levels ready for a block of rows.
    pub(super) fn fill<'a>(
        &'a self,
        forest: &Forest,
        table: Table<'_>,
        rows: Range<usize>,
        scratch: &'a mut [u8],
    ) -> Begins<'a> {
        let (masks, rest) = scratch.split_at_mut((self.tests.len() + self.n_slots) * size_of::<Mask<WORDS>>());
        let masks: &mut [Mask<WORDS>] = bytemuck::cast_slice_mut::<u8, u64>(masks).as_chunks_mut().0;
        let n_values = self.tests.n_features() * 64 * WORDS;
        let mut values = match forest.compare {
            Precision::F32 => Values::F32(&mut bytemuck::cast_slice_mut(rest)[..n_values]),
            Precision::F64 => Values::F64(&mut bytemuck::cast_slice_mut(rest)[..n_values]),
        };
        self.tests.fill(self.isa, table, rows, &mut values, masks);
        // All rows reach the roots, whose mask no step changes.
        if let Some(root) = masks.get_mut(self.tests.len()) {
            *root = [u64::MAX; WORDS];
        }
        Begins { tops: self, masks, planes: Aligned([[0; WORDS]; PLANES_MAX]) }
    }
}

/// The upper levels of all trees for a block of rows.
pub(super) struct Begins<'a> {
    tops: &'a Tops,
    masks: &'a mut [Mask<WORDS>],
    planes: Aligned<[Mask<WORDS>; PLANES_MAX]>,
}

impl Begins<'_> {
    /// For each row of the block the node, counted within the tree, at which its walk begins.
    pub(super) fn of(&mut self, tree: usize) -> [u16; 64 * WORDS] {
        let (isa, top) = (self.tops.isa, &self.tops.trees[tree]);
        top.steps.run(isa, self.masks, &mut self.planes.0);
        let mut begins = [0; 64 * WORDS];
        let planes = &self.planes.0[..top.steps.n_planes()];
        // The mask changes no number, and spares a check.
        let last = top.begins.len() - 1;
        vectorized(
            isa,
            #[inline(always)]
            || {
                for (word, begins) in begins.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                    let numbers = leaves::numbers(isa, planes, word);
                    *begins = numbers.map(|number| top.begins[usize::from(number) & last]);
                }
            },
        );
        begins
    }
}
