//! One row through all trees at once: each feature's place among the thresholds gives the leaves that it leaves open.
//!
//! A tree of at most 64 leaves has a word of 64 bits. A test that a row fails closes the leaves of its first child; the
//! row's leaf is the lowest one that stays open, as in QuickScorer (Lucchese et al., SIGIR 2015). What all tests of a feature
//! close that lie below a threshold is worked out beforehand, a row of words for each so many thresholds; the few tests
//! between are applied one by one.

use super::{Number, TARGETS_MAX, Table, ordered, split::Split};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{Aggregate, BaseOrder, ChildRef, Forest, Precision, Tree, TreeShape};
use std::collections::BTreeMap;

/// Leaves of a tree at most.
const LEAVES: usize = 64;

/// Thresholds between two rows of words, as few of these as the table's bytes allow.
const STEPS: [usize; 3] = [16, 32, 64];

/// Bytes of all rows of words and search trees at most, and of what leaves add.
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
    trees: Vec<Place>,
    values: Values,
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

/// Where the values of a tree's leaves lie, and what they are added to.
#[derive(Debug, Clone, Copy)]
struct Place {
    value: u32,
    target: u32,
}

/// What leaves add, tree by tree, in the width of the sums.
#[derive(Debug)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// A test while trees are read: its feature, threshold, whether NaN passes, and what it closes.
type Test = (u32, f64, bool, Closed);

impl Bins {
    /// The forest's trees; `None` where they have more than 64 leaves, tests other than of order, linear leaves, leaves that
    /// add to several targets, extremes, a base that the width of the sums cannot hold, or tables of more than 2 MiB.
    pub(super) fn new(forest: &Forest, isa: Isa) -> Option<Self> {
        let is_sum = matches!(forest.aggregate, Aggregate::Sum | Aggregate::Average(_));
        let is_held = |base: &f64| forest.accumulate.round(*base).to_bits() == base.to_bits();
        let is_based = forest.base_order == BaseOrder::Last || forest.base.iter().all(is_held);
        let fits = forest.trees.len() * LEAVES * size_of::<f64>() <= BYTES_MAX && forest.n_targets <= TARGETS_MAX;
        if !is_sum || !is_based || !forest.linear.is_empty() || !fits {
            return None;
        }
        let (mut trees, mut values, mut tests) = (Vec::new(), Vec::new(), Vec::new());
        for (number, tree) in forest.trees.iter().enumerate() {
            trees.push(push(forest, (number, tree), &mut values, &mut tests)?);
        }
        let values = match forest.accumulate {
            Precision::F32 => Values::F32(values.into_iter().map(|value| value as f32).collect()),
            Precision::F64 => Values::F64(values),
        };
        let words = trees.len().next_multiple_of(8);
        let mut bins = Self {
            features: Vec::new(),
            thresholds: Vec::new(),
            levels: 0,
            words,
            rows: Vec::new(),
            step: 0,
            ends: Vec::new(),
            tests: Vec::new(),
            trees,
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
            by_feature.entry(test.0).or_default().push(test);
        }
        let mut sizes = Vec::new();
        for tests in by_feature.values_mut() {
            tests.sort_by(|a, b| a.1.total_cmp(&b.1));
            sizes.push(tests.chunk_by(|a, b| a.1 == b.1).count());
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
            for same in tests.chunk_by(|a, b| a.1 == b.1) {
                rising.push(same[0].1);
                for (_, _, nan_first, closed) in same {
                    open[closed.tree as usize] &= closed.open;
                    if !nan_first {
                        nan[closed.tree as usize] &= closed.open;
                    }
                    self.tests.push(*closed);
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
        features * (12.0 + 0.1 * self.words as f32 + 0.8 * between) + 1.5 * self.trees.len() as f32
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
        match &self.values {
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
    fn add<A: Number>(&self, values: &[A], open: &[u64], sums: &mut [f64]) {
        let value = |tree: &Place, open: &u64| values[tree.value as usize + open.trailing_zeros() as usize % LEAVES];
        if let [sum] = sums {
            let narrow = self.trees.iter().zip(open).fold(A::of(*sum), |sum, (tree, open)| sum + value(tree, open));
            *sum = narrow.wide();
            return;
        }
        for (tree, open) in self.trees.iter().zip(open) {
            let sum = &mut sums[tree.target as usize];
            *sum = (A::of(*sum) + value(tree, open)).wide();
        }
    }
}

/// The place of NaN.
const NAN: usize = usize::MAX;

/// A test whose first child's leaves begin at a number.
struct Closing {
    feature: u32,
    split: Split<f64>,
    first: usize,
}

/// Reads a tree: numbers its leaves, those of a test's first child before those of its second.
fn push(
    forest: &Forest,
    (number, tree): (usize, &Tree),
    values: &mut Vec<f64>,
    tests: &mut Vec<Test>,
) -> Option<Place> {
    let TreeShape::Nodes { root } = tree.shape else { return None };
    let mut place = Place { value: u32::try_from(values.len()).ok()?, target: u32::MAX };
    // A child; a second child with the test whose first child's leaves are all numbered then.
    let mut open: Vec<(ChildRef, Option<Closing>)> = vec![(root, None)];
    let mut leaves = 0_usize;
    while let Some((at, closing)) = open.pop() {
        if let Some(Closing { feature, split, first }) = closing {
            let own: u64 = (u64::MAX >> (LEAVES - (leaves - first))) << first;
            let closed = Closed { tree: u32::try_from(number).ok()?, open: !own };
            tests.push((feature, split.threshold, split.nan_first, closed));
        }
        if at.is_leaf() {
            let leaf = forest.leaves[at.index() as usize];
            let weight = forest.weights.get(leaf.first_weight as usize).filter(|_| leaf.n_weights == 1)?;
            if leaves == LEAVES || place.target != u32::MAX && place.target != weight.target {
                return None;
            }
            place.target = weight.target;
            values.push(forest.accumulate.round(weight.weight));
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
    values.resize(place.value as usize + LEAVES, 0.0);
    Some(place)
}
