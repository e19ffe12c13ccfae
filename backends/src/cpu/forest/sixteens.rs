//! Sixteen rows through all trees together: a lane of a register for each, with the leaves that are [open](Closings) as bits.
//!
//! Each distinct test has a mask of the rows that fail it. A node closes its leaves in the lanes of these, for each half of a
//! tree's 64 leaves that it has some in: with AVX-512 by one instruction.

use super::{
    Table,
    closing::{Closings, LEAVES, Test, Values},
    lanes::{self, Closes, HALF, Lane, Lanes},
};
use crate::cpu::simd::Isa;
use hologram_ops::forest::{BaseOrder, Forest, Precision};
use std::{ops::Range, sync::Arc};

/// Rows that go together.
pub(super) const ROWS: usize = 16;

/// A forest for sixteen rows at a time.
#[derive(Debug)]
pub(super) struct Sixteens {
    features: Vec<Feature>,
    thresholds: Thresholds,
    /// What nodes close, by tree and half.
    closes: Vec<Closes>,
    trees: Vec<Tree>,
    values: Arc<Values>,
    isa: Isa,
}

/// A feature that is asked, and where its tests end: first those that NaN fails, then the others.
#[derive(Debug)]
struct Feature {
    index: u32,
    plain_end: usize,
    end: usize,
}

/// The thresholds of all distinct tests, in the width of the comparisons.
#[derive(Debug)]
enum Thresholds {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Where what its nodes close ends for each half, and what its leaves are added to.
#[derive(Debug, Clone, Copy)]
struct Tree {
    ends: [usize; 2],
    target: u32,
}

impl Sixteens {
    /// A forest of these trees.
    pub(super) fn new(forest: &Forest, closings: &Closings, isa: Isa) -> Self {
        let tests = &closings.tests;
        // Zeros of both signs are one.
        let key = |test: &Test| (test.feature, test.nan_first, (test.threshold + 0.0).to_bits());
        let mut order: Vec<usize> = (0..tests.len()).collect();
        order.sort_unstable_by_key(|test| key(&tests[*test]));
        let mut numbers = vec![0_u32; tests.len()];
        let (mut features, mut thresholds): (Vec<Feature>, Vec<f64>) = (Vec::new(), Vec::new());
        for same in order.chunk_by(|a, b| key(&tests[*a]) == key(&tests[*b])) {
            let test = &tests[same[0]];
            same.iter().for_each(|test| numbers[*test] = thresholds.len() as u32);
            if features.last().is_none_or(|feature| feature.index != test.feature) {
                features.push(Feature { index: test.feature, plain_end: thresholds.len(), end: 0 });
            }
            thresholds.push(test.threshold);
            if let Some(feature) = features.last_mut() {
                feature.end = thresholds.len();
                if !test.nan_first {
                    feature.plain_end = feature.end;
                }
            }
        }
        let (mut closes, mut trees) = (Vec::new(), Vec::with_capacity(closings.targets.len()));
        let mut asked = numbers.iter().zip(tests).peekable();
        for (number, target) in (0_u32..).zip(&closings.targets) {
            let mut halves = [const { Vec::new() }; 2];
            while let Some((test, Test { open, .. })) = asked.next_if(|(_, test)| test.tree == number) {
                for (half, closes) in halves.iter_mut().enumerate() {
                    let open = (open >> (half * HALF)) as u32;
                    if open != u32::MAX {
                        closes.push(Closes { test: *test, open });
                    }
                }
            }
            let ends = halves.map(|half| {
                closes.extend(half);
                closes.len()
            });
            trees.push(Tree { ends, target: *target });
        }
        let thresholds = match forest.compare {
            Precision::F32 => Thresholds::F32(thresholds.into_iter().map(|threshold| threshold as f32).collect()),
            Precision::F64 => Thresholds::F64(thresholds),
        };
        Self { features, thresholds, closes, trees, values: closings.values.clone(), isa }
    }

    fn n_tests(&self) -> usize {
        self.features.last().map_or(0, |feature| feature.end)
    }

    /// About the nanoseconds of a row of so many, of which at most [`ROWS`] go together.
    pub(super) fn row_ns(&self, rows: usize) -> f32 {
        let is_narrow = |narrow: bool| usize::from(!narrow);
        let (test, close, tree) = match self.isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => ([0.4, 0.7], 0.4, [8.0, 25.0]),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => ([0.8, 1.2], 1.0, [16.0, 25.0]),
            Isa::Portable => ([5.0, 6.0], 5.3, [40.0, 40.0]),
        };
        let test: f32 = test[is_narrow(matches!(self.thresholds, Thresholds::F32(_)))];
        let tree: f32 = tree[is_narrow(matches!(*self.values, Values::F32(_)))];
        let together = test * self.n_tests() as f32 + close * self.closes.len() as f32 + tree * self.trees.len() as f32;
        together / rows.clamp(1, ROWS) as f32
    }

    /// Bytes of scratch memory, a multiple of eight, for a forest of so many targets.
    pub(super) fn scratch_bytes(&self, targets: usize) -> usize {
        2 * targets * ROWS * size_of::<f64>() + (self.n_tests() * size_of::<u16>()).next_multiple_of(8)
    }

    /// The sums of at most [`ROWS`] rows before they are averaged, scaled and based, `[targets][ROWS]`.
    pub(super) fn sums<'a>(
        &self,
        forest: &Forest,
        table: Table<'_>,
        rows: Range<usize>,
        scratch: &'a mut [u8],
    ) -> &'a mut [f64] {
        let n_sums = forest.n_targets as usize * ROWS;
        let (sums, masks) =
            scratch[..self.scratch_bytes(forest.n_targets as usize)].split_at_mut(2 * n_sums * size_of::<f64>());
        let (scores, sums) = bytemuck::cast_slice_mut::<u8, f64>(sums).split_at_mut(n_sums);
        let masks = &mut bytemuck::cast_slice_mut(masks)[..self.n_tests()];
        let base = |target: usize| if forest.base_order == BaseOrder::First { forest.base[target] } else { 0.0 };
        let mut begin = 0;
        for feature in &self.features {
            // Lanes without a row are those of the last.
            let of = |lane: usize| table.at((rows.start + lane).min(rows.end - 1), feature.index as usize);
            let tests = [begin..feature.plain_end, feature.plain_end..feature.end];
            begin = feature.end;
            match &self.thresholds {
                Thresholds::F32(thresholds) => {
                    let x = std::array::from_fn(|lane| of(lane) as f32);
                    fail(self.isa, &x, thresholds, tests, masks);
                }
                Thresholds::F64(thresholds) => fail(self.isa, &std::array::from_fn(of), thresholds, tests, masks),
            }
        }
        match &*self.values {
            Values::F32(values) => {
                let sums = &mut bytemuck::cast_slice_mut::<f64, f32>(sums)[..n_sums];
                (0..).zip(sums.chunks_exact_mut(ROWS)).for_each(|(target, sums)| sums.fill(base(target) as f32));
                self.add(values, masks, sums);
                scores.iter_mut().zip(sums).for_each(|(score, sum)| *score = f64::from(*sum));
            }
            Values::F64(values) => {
                (0..).zip(scores.chunks_exact_mut(ROWS)).for_each(|(target, sums)| sums.fill(base(target)));
                self.add(values, masks, scores);
            }
        }
        scores
    }

    /// Adds what each row's leaves add, tree by tree.
    fn add<T: Lane>(&self, values: &[[T; LEAVES]], masks: &[u16], sums: &mut [T]) {
        let (sums, _) = sums.as_chunks_mut::<ROWS>();
        let mut begin = 0;
        for (tree, values) in self.trees.iter().zip(values) {
            let [low, high] = tree.ends;
            let closes = [&self.closes[begin..low], &self.closes[low..high]];
            begin = high;
            lanes::add_leaves(self.isa, Lanes { closes, values }, masks, &mut sums[tree.target as usize]);
        }
    }
}

/// Marks the rows that fail a feature's tests, first those that NaN fails.
fn fail<T: Lane>(isa: Isa, x: &[T; ROWS], thresholds: &[T], tests: [Range<usize>; 2], masks: &mut [u16]) {
    for (tests, nan_first) in tests.into_iter().zip([false, true]) {
        lanes::fail(isa, x, &thresholds[tests.clone()], nan_first, &mut masks[tests]);
    }
}
