//! Which way rows take through a forest, by how many there are: all ways give the same bits.

use super::{
    WORDS,
    masks::Tests,
    tree::{Cost, Tree},
};
use crate::cpu::simd::Isa;
use hologram_ops::forest::Precision;

/// Words of the masks of blocks, by size.
pub(super) const SIZES: [usize; 3] = [1, 4, WORDS];

/// About the nanoseconds of each kind of work, for the blocks of each size.
struct Rates {
    /// A group of thresholds, in which each row's place is found.
    search: [f32; SIZES.len()],
    test: [f32; SIZES.len()],
    /// A test that is none of order, or a member of a set.
    other: [f32; SIZES.len()],
    node: [f32; SIZES.len()],
    pair: [f32; SIZES.len()],
    group: [f32; SIZES.len()],
    /// A tree's table of weights, looked up in registers.
    few: [f32; SIZES.len()],
    /// The same in memory.
    lookup: [f32; SIZES.len()],
}

const RATES: Rates = Rates {
    search: [60.0, 230.0, 450.0],
    test: [0.5, 1.0, 1.8],
    other: [1.2, 1.5, 1.8],
    node: [1.2, 1.6, 2.0],
    pair: [1.1, 1.3, 1.5],
    group: [3.4, 3.9, 4.4],
    few: [30.0, 50.0, 70.0],
    lookup: [100.0, 400.0, 800.0],
};

/// How rows go that are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// A few together.
    Few,
    /// A few together, through nodes that may ask for membership.
    FewWithSets,
    /// One after the other.
    Alone,
}

impl Otherwise {
    /// Nanoseconds of a node for a row that visits it.
    fn visit_ns(self) -> f32 {
        match self {
            Self::Few => 1.2,
            Self::FewWithSets => 2.4,
            Self::Alone => 8.0,
        }
    }
}

/// About what blocks take, and rows without them.
#[derive(Debug)]
pub(super) struct Costs {
    /// Nanoseconds of a block of each size.
    blocks: [f32; SIZES.len()],
    row: f32,
}

impl Costs {
    pub(super) fn new(tests: &Tests, trees: &[Tree], (isa, width): (Isa, Precision), otherwise: Otherwise) -> Self {
        let mut sum = Cost::default();
        for tree in trees {
            let cost = tree.cost(isa, width);
            sum.nodes += cost.nodes;
            sum.pairs += cost.pairs;
            sum.groups += cost.groups;
            sum.lookups += cost.lookups;
            sum.few += cost.few;
        }
        let blocks = std::array::from_fn(|i| {
            let work = [
                (RATES.search[i], tests.n_searches()),
                (RATES.test[i], tests.len()),
                (RATES.other[i], tests.n_others()),
                (RATES.node[i], sum.nodes),
                (RATES.pair[i], sum.pairs),
                (RATES.group[i], sum.groups),
                (RATES.lookup[i], sum.lookups),
                (RATES.few[i], sum.few),
            ];
            work.iter().map(|(rate, count)| rate * *count as f32).sum()
        });
        let visits: f32 = trees.iter().map(Tree::visits).sum();
        Self { blocks, row: otherwise.visit_ns() * visits }
    }

    /// Costs by which all rows go in blocks of so many words.
    #[cfg(test)]
    pub(super) fn always(words: usize) -> Self {
        Self { blocks: SIZES.map(|size| if size == words { 0.0 } else { f32::INFINITY }), row: f32::INFINITY }
    }

    /// Nanoseconds of a row that is in no block.
    pub(super) fn row_ns(&self) -> f32 {
        self.row
    }

    /// Tells them.
    pub(super) fn set_row_ns(&mut self, row_ns: f32) {
        self.row = row_ns;
    }

    /// Whether a full block is faster than its rows.
    pub(super) fn are_blocks_ever_faster(&self) -> bool {
        self.words_for(64 * WORDS).0 > 0
    }

    /// The words of the masks of the next block of so many rows, 0 where they go without blocks; and the nanoseconds of a
    /// row.
    pub(super) fn words_for(&self, rows: usize) -> (usize, f32) {
        let mut best = (0, self.row);
        for (words, block) in SIZES.into_iter().zip(&self.blocks) {
            let each = block / rows.min(64 * words) as f32;
            if rows > 0 && each < best.1 {
                best = (words, each);
            }
        }
        best
    }
}
