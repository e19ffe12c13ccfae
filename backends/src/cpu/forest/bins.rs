//! One row through all trees at once: each feature's place among the thresholds gives the leaves that it leaves open.
//!
//! A tree has a word of 64 bits, the leaves that are [open](Closings). What all tests of a feature close that lie below a
//! threshold is worked out beforehand, a row of words for each so many thresholds; the few tests between are applied one by
//! one.

use super::{
    Number, Table,
    closing::{Closings, LEAVES, Test, Values},
    ordered,
};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{BaseOrder, Forest};
use std::{collections::BTreeMap, sync::Arc};

/// Thresholds between two rows of words, as few of these as the table's bytes allow.
const STEPS: [usize; 3] = [16, 32, 64];

/// Bytes of all rows of words and search trees at most.
const BYTES_MAX: usize = 2 << 20;

/// Rows of words that are joined at a time.
const TOGETHER: usize = 4;

/// A forest for rows alone.
#[derive(Debug)]
pub(super) struct Bins {
    features: Vec<Feature>,
    /// Thresholds of all features as search trees of so many levels, one after the other.
    thresholds: Vec<f64>,
    levels: u32,
    /// Words of a row, one a tree and some that nobody asks for.
    words: usize,
    /// Rows of words, feature by feature: what is open where a value lies above no threshold, above `step`, above twice as
    /// many and so on, and last where it is NaN.
    rows: Vec<u64>,
    step: usize,
    /// For each threshold of each feature, where its tests end.
    ends: Vec<u32>,
    tests: Vec<Closed>,
    /// The target of each tree.
    targets: Vec<u32>,
    values: Arc<Values>,
    isa: Isa,
}

/// A feature that is asked.
#[derive(Debug)]
struct Feature {
    index: u32,
    n_thresholds: usize,
    /// Its first row of words.
    row: usize,
    /// Its first threshold among those of all features.
    first: usize,
}

/// What a test closes where a row fails it.
#[derive(Debug, Clone, Copy)]
struct Closed {
    tree: u32,
    open: u64,
}

impl Bins {
    /// A forest of these trees; `None` where its tables take more than 2 MiB.
    pub(super) fn new(closings: Closings, isa: Isa) -> Option<Self> {
        let Closings { targets, values, tests } = closings;
        let words = targets.len().next_multiple_of(8);
        let mut bins = Self {
            features: Vec::new(),
            thresholds: Vec::new(),
            levels: 0,
            words,
            rows: Vec::new(),
            step: 0,
            ends: Vec::new(),
            tests: Vec::new(),
            targets,
            values,
            isa,
        };
        bins.lay(tests)?;
        Some(bins)
    }

    /// Lays the tests out by feature and threshold, and works out the rows of words.
    fn lay(&mut self, tests: Vec<Test>) -> Option<()> {
        let mut by_feature: BTreeMap<u32, Vec<Test>> = BTreeMap::new();
        for test in tests {
            by_feature.entry(test.feature).or_default().push(test);
        }
        let is_same = |a: &Test, b: &Test| a.threshold == b.threshold;
        let mut sizes = Vec::new();
        for tests in by_feature.values_mut() {
            tests.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
            sizes.push(tests.chunk_by(is_same).count());
        }
        let most = sizes.iter().max().copied().unwrap_or(0);
        self.levels = (most + 1).next_power_of_two().trailing_zeros();
        let searched = sizes.len() << self.levels;
        let words = |step: usize| sizes.iter().map(|size| size / step + 2).sum::<usize>() * self.words;
        self.step = STEPS.into_iter().find(|step| (words(*step) + searched) * size_of::<u64>() <= BYTES_MAX)?;
        for (index, tests) in by_feature {
            let mut feature =
                Feature { index, n_thresholds: 0, row: self.rows.len() / self.words, first: self.ends.len() };
            let mut rising = Vec::new();
            let (mut open, mut nan) = (vec![u64::MAX; self.words], vec![u64::MAX; self.words]);
            self.rows.extend(&open);
            for same in tests.chunk_by(is_same) {
                rising.push(same[0].threshold);
                for test in same {
                    open[test.tree as usize] &= test.open;
                    if !test.nan_first {
                        nan[test.tree as usize] &= test.open;
                    }
                    self.tests.push(Closed { tree: test.tree, open: test.open });
                }
                self.ends.push(u32::try_from(self.tests.len()).ok()?);
                if rising.len().is_multiple_of(self.step) {
                    self.rows.extend(&open);
                }
            }
            self.rows.extend(&nan);
            feature.n_thresholds = rising.len();
            self.features.push(feature);
            let start = self.thresholds.len();
            self.thresholds.resize(start + (1 << self.levels), f64::INFINITY);
            ordered::lay(&rising, &mut self.thresholds[start..]);
        }
        Some(())
    }

    /// About the nanoseconds of a row.
    pub(super) fn row_ns(&self) -> f32 {
        let features = self.features.len() as f32;
        let between = self.tests.len() as f32 / self.ends.len().max(1) as f32 * self.step as f32 / 2.0;
        features * (12.0 + 0.1 * self.words as f32 + 0.8 * between) + 1.5 * self.targets.len() as f32
    }

    /// Bytes of scratch memory, a multiple of eight, for a forest of so many targets.
    pub(super) fn scratch_bytes(&self, targets: usize) -> usize {
        size_of::<u64>() * (self.words + 2 * self.features.len() + targets)
    }

    /// The sums of a row before they are averaged, scaled and based.
    pub(super) fn sums<'a>(
        &self,
        forest: &Forest,
        table: Table<'_>,
        row: usize,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        let (open, rest) = bytemuck::cast_slice_mut::<u8, u64>(scratch).split_at_mut(self.words);
        let (places, rest) = rest.split_at_mut(self.features.len());
        let (values, rest) = rest.split_at_mut(self.features.len());
        let sums = bytemuck::cast_slice_mut::<u64, f64>(&mut rest[..forest.n_targets as usize]);
        let values = bytemuck::cast_slice_mut::<u64, f64>(values);
        for (value, feature) in values.iter_mut().zip(&self.features) {
            *value = forest.compare.round(table.at(row, feature.index as usize));
        }
        self.find(values, places);
        let (words, rows) = (self.words, self.rows.as_slice());
        let row_of = |at: usize| {
            let (feature, place) = (&self.features[at], places[at] as usize);
            let number = if place == NAN { feature.n_thresholds / self.step + 1 } else { place / self.step };
            &rows[(feature.row + number) * words..][..words]
        };
        open.fill(u64::MAX);
        for first in (0..self.features.len()).step_by(TOGETHER) {
            // What is joined twice is joined.
            let own: [&[u64]; TOGETHER] = std::array::from_fn(|i| row_of((first + i).min(self.features.len() - 1)));
            let [a, b, c, d] = own;
            let open = &mut *open;
            vectorized(
                self.isa,
                #[inline(always)]
                || {
                    for ((((open, a), b), c), d) in open.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *open &= a & b & c & d;
                    }
                },
            );
        }
        for (feature, place) in self.features.iter().zip(&*places) {
            let place = *place as usize;
            if place != NAN && !place.is_multiple_of(self.step) {
                let begin = self.end(feature.first + place / self.step * self.step);
                for test in &self.tests[begin..self.end(feature.first + place)] {
                    open[test.tree as usize] &= test.open;
                }
            }
        }
        for (sum, base) in sums.iter_mut().zip(&forest.base) {
            *sum = if forest.base_order == BaseOrder::First { *base } else { 0.0 };
        }
        match &*self.values {
            Values::F32(values) => self.add(values, open, sums),
            Values::F64(values) => self.add(values, open, sums),
        }
        sums
    }

    /// How many thresholds each value lies above, or [`NAN`]. All values go down a level together, so that waiting for one is
    /// work on the others.
    fn find(&self, values: &[f64], places: &mut [u64]) {
        places.fill(1);
        for _ in 0..self.levels {
            let trees = self.thresholds.chunks_exact(1 << self.levels);
            for ((place, x), tree) in places.iter_mut().zip(values).zip(trees) {
                *place = 2 * *place + u64::from(*x > tree[*place as usize & (tree.len() - 1)]);
            }
        }
        for (place, x) in places.iter_mut().zip(values) {
            *place = if x.is_nan() { NAN as u64 } else { *place - (1 << self.levels) };
        }
    }

    /// Where the tests of the thresholds before this one end.
    fn end(&self, threshold: usize) -> usize {
        threshold.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Adds what the lowest open leaf of each tree adds.
    fn add<A: Number>(&self, values: &[[A; LEAVES]], open: &[u64], sums: &mut [f64]) {
        let value = |values: &[A; LEAVES], open: &u64| values[open.trailing_zeros() as usize % LEAVES];
        let trees = values.iter().zip(open).map(|(values, open)| value(values, open));
        if let [sum] = sums {
            *sum = trees.fold(A::of(*sum), |sum, value| sum + value).wide();
            return;
        }
        for (value, target) in trees.zip(&self.targets) {
            let sum = &mut sums[*target as usize];
            *sum = (A::of(*sum) + value).wide();
        }
    }
}

/// The place of NaN.
const NAN: usize = usize::MAX;
