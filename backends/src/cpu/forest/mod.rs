//! Forests, bit-sliced: blocks of rows go through all trees together, one bit a row.
//!
//! For a block of [`ROWS`] rows there is one mask for each distinct test of the forest. A node of a tree costs one AND and
//! one AND NOT: which of the rows that reach it go to the true child, and which to the other. The rows of a tree's leaves
//! then give the bits of each row's leaf number, and the leaf's weights are added to the row's sums in the order of trees,
//! so that the bits are those of the sequential evaluation. Related to QuickScorer (Lucchese et al., SIGIR 2015), which
//! keeps a bit for each leaf of a row instead of a bit for each row of a leaf.
//!
//! Rows that are too few for a block go through all trees at once, each alone or sixteen together, or a few together through
//! one tree after the other; where the tests are too many for masks, the upper levels of trees go by bits and the others so.

mod bins;
mod closing;
mod costs;
mod few;
mod lanes;
mod leaves;
mod masks;
mod ordered;
mod registers;
mod sixteens;
mod split;
mod steps;
mod table;
mod tops;
mod tree;
mod walk;

use super::simd::{Isa, vectorized};
use bins::Bins;
use closing::Closings;
use costs::{Costs, Otherwise};
use few::Few;
use hologram_ops::forest::{Aggregate, BaseOrder, Forest, Precision};
use masks::{Distinct, Tests};
use sixteens::Sixteens;
use std::ops::Range;
use steps::PLANES_MAX;
pub(crate) use table::{Cells, Table};
use tops::Tops;
use tree::{Adds, Tree};
use walk::Walk;

/// Words of the masks of the largest blocks.
const WORDS: usize = 8;

/// Rows of the largest blocks.
const ROWS: usize = 64 * WORDS;

/// One bit for each row of a block.
pub(super) type Mask<const W: usize> = [u64; W];

/// Where masks lie: on lines of the cache, so that none takes two.
const ALIGN: usize = 64;

/// What lies so.
#[repr(align(64))]
struct Aligned<T>(T);

/// Features that are asked at most, and members of all sets: what a block keeps of each is bounded so.
const FEATURES_MAX: usize = 4_096;
const MEMBERS_MAX: usize = 1 << 22;

/// From so many rows on the upper levels of trees go by bits.
const TOPS_ROWS_MIN: usize = 128;

/// Targets whose sums a block keeps at most.
const TARGETS_MAX: u32 = 4_096;

/// A forest made ready. It gives the bits of [`Forest::evaluate_row`].
#[derive(Debug)]
pub(crate) struct Scorer {
    forest: Forest,
    /// `None` where rows go one after the other, however many they are.
    blocks: Option<Blocks>,
    /// How sixteen rows go through all trees together, where they can.
    sixteens: Option<Sixteens>,
    /// How a row goes through all trees at once, where it can and this is faster than the ways below.
    bins: Option<Bins>,
    /// How a few rows go together, where they can.
    few: Option<Few>,
    /// The upper levels of trees for those, where enough of them go together and no block of rows is faster.
    tops: Option<Tops>,
    /// How a row goes alone else; `None` is as the forest's reference does.
    walk: Option<Walk>,
    /// About the nanoseconds of a row by these ways.
    row_ns: f32,
}

/// What a forest needs for blocks of rows.
#[derive(Debug)]
struct Blocks {
    tests: Tests,
    trees: Vec<Tree>,
    /// Masks that the largest tree needs.
    n_slots: usize,
    costs: Costs,
    isa: Isa,
}

impl Scorer {
    /// The forest, ready for blocks where it can be and where a full block is faster than its rows one after the other. It is
    /// not where nearly each node has a test of its own and a row visits few of them.
    pub(crate) fn new(forest: Forest, isa: Isa) -> Self {
        let few = Few::new(&forest);
        let walk = if few.is_none() { Walk::new(&forest) } else { None };
        let otherwise = match &few {
            Some(few) if few.has_sets() => Otherwise::FewWithSets,
            Some(_) => Otherwise::Few,
            None => Otherwise::Alone,
        };
        let mut blocks = Blocks::new(&forest, isa, otherwise);
        let (mut bins, mut sixteens, mut row_ns) = (None, None, f32::INFINITY);
        if let Some(blocks) = &mut blocks {
            if let Some(closings) = Closings::of(&forest) {
                sixteens = Some(Sixteens::new(&forest, &closings, isa));
                bins = Bins::new(closings, isa).filter(|bins| bins.row_ns() < blocks.costs.row_ns());
            }
            bins.iter().for_each(|bins| blocks.costs.set_row_ns(bins.row_ns()));
            row_ns = blocks.costs.row_ns();
            sixteens = sixteens.filter(|sixteens| sixteens.row_ns(sixteens::ROWS) < row_ns);
        }
        // No row is left for them.
        let few = few.filter(|_| bins.is_none());
        let blocks = blocks.filter(|blocks| blocks.costs.are_blocks_ever_faster());
        let tops = few.as_ref().filter(|_| blocks.is_none()).and_then(|_| Tops::new(&forest, isa));
        Self { forest, blocks, sixteens, bins, few, tops, walk, row_ns }
    }

    /// The forest.
    pub(crate) fn forest(&self) -> &Forest {
        &self.forest
    }

    /// Bytes of scratch memory that [`scores`](Self::scores) needs.
    pub(crate) fn scratch_bytes(&self) -> usize {
        let targets = self.forest.n_targets as usize;
        let in_blocks = |blocks: &Blocks| {
            let columns = blocks.tests.n_features() + 2 * targets;
            blocks.n_masks() * size_of::<Mask<WORDS>>() + columns * ROWS * size_of::<f64>()
        };
        let few = self.few.as_ref().map_or(0, |few| few.scratch_bytes(targets))
            + self.tops.as_ref().map_or(0, Tops::scratch_bytes);
        let bins = self.bins.as_ref().map_or(0, |bins| bins.scratch_bytes(targets));
        let sixteens = self.sixteens.as_ref().map_or(0, |sixteens| sixteens.scratch_bytes(targets));
        let alone = self.walk.as_ref().map_or(few, Walk::scratch_bytes).max(bins).max(sixteens);
        self.blocks.as_ref().map_or(0, in_blocks).max(alone) + targets * size_of::<f64>() + ALIGN
    }

    /// Calls with the raw scores of some rows after the other. A row has at least as many features as the forest asks for.
    /// The scratch memory is aligned to eight bytes, its contents arbitrary.
    pub(crate) fn scores(&self, table: Table<'_>, scratch: &mut [u8], each: &mut dyn FnMut(Scored<'_>)) {
        let rows = table.rows();
        let start = scratch.as_ptr().align_offset(ALIGN);
        let scratch = &mut scratch[start..][..self.scratch_bytes() - ALIGN];
        let mut first = 0;
        while first < rows {
            let (words, row_ns) =
                self.blocks.as_ref().map_or((0, self.row_ns), |blocks| blocks.costs.words_for(rows - first));
            if let Some(sixteens) = self.sixteens.as_ref().filter(|own| own.row_ns(rows - first) < row_ns) {
                let together = first..rows.min(first + sixteens::ROWS);
                let sums = sixteens.sums(&self.forest, table, together.clone(), scratch);
                finish(&self.forest, sums, (together.len(), sixteens::ROWS));
                first = together.end;
                each(Scored { rows: together, scores: sums, apart: sixteens::ROWS });
                continue;
            }
            let Some(blocks) = &self.blocks else { break };
            let input = (table, first..rows);
            let taken = match words {
                8 => blocks.scores::<8>(&self.forest, input, scratch, each),
                4 => blocks.scores::<4>(&self.forest, input, scratch, each),
                1 => blocks.scores::<1>(&self.forest, input, scratch, each),
                _ => break,
            };
            first += taken;
        }
        if let Some(bins) = &self.bins {
            for number in first..rows {
                let sums = bins.sums(&self.forest, table, number, scratch);
                finish(&self.forest, sums, (1, 1));
                each(Scored { rows: number..number + 1, scores: sums, apart: 1 });
            }
            return;
        }
        if let Some(few) = &self.few {
            for first in (first..rows).step_by(few::ROWS) {
                let together = first..rows.min(first + few::ROWS);
                let (upper, own) = scratch.split_at_mut(self.tops.as_ref().map_or(0, Tops::scratch_bytes));
                let tops = self.tops.as_ref().filter(|_| together.len() >= TOPS_ROWS_MIN);
                let begins = tops.map(|tops| tops.fill(&self.forest, table, together.clone(), upper));
                let sums = few.sums(&self.forest, table, together.clone(), begins, own);
                finish(&self.forest, sums, (together.len(), few::ROWS));
                each(Scored { rows: together, scores: sums, apart: few::ROWS });
            }
            return;
        }
        let row_bytes = self.forest.n_targets as usize * size_of::<f64>();
        let (scratch, row) = scratch.split_at_mut(scratch.len() - row_bytes);
        let row = bytemuck::cast_slice_mut::<u8, f64>(row);
        for number in first..rows {
            let feature = |feature: u32| table.at(number, feature as usize);
            // The lengths are the forest's own.
            let _ = match &self.walk {
                Some(walk) => {
                    let leaves = walk.leaves(table, number, &mut scratch[..walk.scratch_bytes()]);
                    self.forest.evaluate_leaves(leaves, &feature, row)
                }
                None => self.forest.evaluate_with(&feature, row),
            };
            each(Scored { rows: number..number + 1, scores: row, apart: 1 });
        }
    }
}

/// The raw scores of some rows.
#[derive(Debug)]
pub(crate) struct Scored<'a> {
    /// Which rows.
    pub(crate) rows: Range<usize>,
    /// `[targets][apart]`
    scores: &'a [f64],
    apart: usize,
}

impl Scored<'_> {
    /// The scores of all rows for one target.
    pub(crate) fn target(&self, target: usize) -> &[f64] {
        &self.scores[target * self.apart..][..self.rows.len()]
    }

    /// Calls with each row's number and scores, in the order of rows.
    pub(crate) fn each(&self, row: &mut Vec<f64>, mut each: impl FnMut(usize, &mut Vec<f64>)) {
        for (at, number) in self.rows.clone().enumerate() {
            row.clear();
            row.extend(self.scores[at..].iter().step_by(self.apart));
            each(number, row);
        }
    }
}

/// What a block of rows is worked out in.
struct Scratch<'a, const W: usize> {
    masks: &'a mut [Mask<W>],
    values: Values<'a>,
    sums: Sums<'a>,
    /// `[targets][rows]`
    scores: &'a mut [f64],
}

impl<'a, const W: usize> Scratch<'a, W> {
    fn new(forest: &Forest, blocks: &Blocks, scratch: &'a mut [u8]) -> Self {
        let (masks, rest) = scratch.split_at_mut(blocks.n_masks() * size_of::<Mask<W>>());
        let n_values = blocks.tests.n_features() * 64 * W;
        let (values, rest) = bytemuck::cast_slice_mut::<u8, f64>(rest).split_at_mut(n_values);
        let n_sums = forest.n_targets as usize * 64 * W;
        let (sums, scores) = rest.split_at_mut(n_sums);
        Self {
            masks: bytemuck::cast_slice_mut::<u8, u64>(masks).as_chunks_mut().0,
            values: match forest.compare {
                Precision::F32 => Values::F32(&mut bytemuck::cast_slice_mut(values)[..n_values]),
                Precision::F64 => Values::F64(values),
            },
            sums: match forest.accumulate {
                Precision::F32 => Sums::F32(&mut bytemuck::cast_slice_mut(sums)[..n_sums]),
                Precision::F64 => Sums::F64(sums),
            },
            scores: &mut scores[..n_sums],
        }
    }
}

impl Blocks {
    /// What the forest needs; `None` where it has linear leaves, leaves that share weights or are shared by nodes, more than
    /// 4,096 targets or features, trees of more than 65,536 leaves or of leaves that name targets here and there, takes extremes of trees
    /// that leave a target out, or starts from a base that the width of its sums cannot hold.
    fn new(forest: &Forest, isa: Isa, otherwise: Otherwise) -> Option<Self> {
        let weights: u64 = forest.leaves.iter().map(|leaf| u64::from(leaf.n_weights)).sum();
        let is_plain = forest.linear.is_empty() && weights <= forest.weights.len() as u64;
        let is_held = |base: &f64| base.is_nan() || forest.accumulate.round(*base).to_bits() == base.to_bits();
        let is_based = forest.base_order == BaseOrder::Last || forest.base.iter().all(is_held);
        if !is_plain || !is_based || forest.n_targets > TARGETS_MAX {
            return None;
        }
        let mut tests = Distinct::default();
        let trees = forest.trees.iter().map(|tree| Tree::new(forest, tree, &mut tests));
        let mut trees = trees.collect::<Option<Vec<_>>>()?;
        if tests.n_members() > MEMBERS_MAX || tests.n_features() > FEATURES_MAX {
            return None;
        }
        let (tests, places) = tests.into_tests(forest);
        trees.iter_mut().for_each(|tree| tree.place(&places));
        let is_extreme = matches!(forest.aggregate, Aggregate::Min | Aggregate::Max);
        if is_extreme && !trees.iter().all(|tree| tree.names_each_once(forest.n_targets)) {
            return None;
        }
        let n_slots = trees.iter().map(Tree::n_slots).max().unwrap_or(0);
        let costs = Costs::new(&tests, &trees, (isa, forest.accumulate), otherwise);
        Some(Self { tests, trees, n_slots, costs, isa })
    }

    fn n_masks(&self) -> usize {
        self.tests.len() + self.n_slots.max(self.tests.n_categories())
    }

    /// Calls with the raw scores of a block of rows of a table, and says how many there were.
    fn scores<const W: usize>(
        &self,
        forest: &Forest,
        (table, rows): (Table<'_>, Range<usize>),
        scratch: &mut [u8],
        each: &mut dyn FnMut(Scored<'_>),
    ) -> usize {
        let rows = rows.start..rows.end.min(rows.start + 64 * W);
        let Scratch { masks, mut values, sums, scores } = Scratch::<W>::new(forest, self, scratch);
        self.tests.fill(self.isa, table, rows.clone(), &mut values, masks);
        match sums {
            Sums::F32(sums) => {
                self.add(forest, masks, sums);
                vectorized(
                    self.isa,
                    #[inline(always)]
                    || scores.iter_mut().zip(&*sums).for_each(|(score, sum)| *score = f64::from(*sum)),
                );
            }
            Sums::F64(sums) => {
                self.add(forest, masks, sums);
                scores.copy_from_slice(sums);
            }
        }
        finish(forest, scores, (rows.len(), 64 * W));
        each(Scored { rows: rows.clone(), scores, apart: 64 * W });
        rows.len()
    }

    /// The sums of a block before they are averaged, scaled and based.
    fn add<T: Number, const W: usize>(&self, forest: &Forest, masks: &mut [Mask<W>], sums: &mut [T]) {
        for (sums, base) in sums.chunks_exact_mut(64 * W).zip(&forest.base) {
            sums.fill(T::of(if forest.base_order == BaseOrder::First { *base } else { 0.0 }));
        }
        let how = |first: bool| match forest.aggregate {
            Aggregate::Sum | Aggregate::Average(_) => Adds::Sum,
            Aggregate::Min if !first => Adds::Min,
            Aggregate::Max if !first => Adds::Max,
            Aggregate::Min | Aggregate::Max => Adds::First,
        };
        if let Some(root) = masks.get_mut(self.tests.len()) {
            *root = [u64::MAX; W];
        }
        let mut planes = Aligned([[0; W]; PLANES_MAX]);
        for (i, tree) in self.trees.iter().enumerate() {
            tree.run(self.isa, masks, &mut planes.0, how(i == 0), sums);
        }
    }
}

/// What follows the trees, in the declared order and width, for the sums of so many rows, which are `[targets][apart]`.
fn finish(forest: &Forest, sums: &mut [f64], (rows, apart): (usize, usize)) {
    let width = forest.accumulate;
    let is_extreme = matches!(forest.aggregate, Aggregate::Min | Aggregate::Max);
    let is_based = is_extreme || forest.base_order == BaseOrder::Last;
    for (sums, base) in sums.chunks_exact_mut(apart).zip(&forest.base) {
        let sums = &mut sums[..rows];
        if let Aggregate::Average(divisor) = forest.aggregate {
            sums.iter_mut().for_each(|sum| *sum = width.round(*sum / f64::from(divisor)));
        }
        if is_based {
            sums.iter_mut().for_each(|sum| *sum = width.round(width.round(*sum * forest.scale) + base));
        }
    }
}

/// The features of a block, `[features][rows]`, in the width that they are compared in.
enum Values<'a> {
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
}

/// Sums of a block, `[targets][rows]`, in the width that they are rounded to.
enum Sums<'a> {
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
}

/// A width of sums. One operation in it is the operation in f64 rounded to it.
trait Number: Copy + PartialOrd + std::ops::Add<Output = Self> {
    /// Whether it is f32.
    const IS_NARROW: bool;
    /// The number, rounded to this width.
    fn of(value: f64) -> Self;
    /// The number in f64.
    fn wide(self) -> f64;
    /// Numbers of this width, where it is f32.
    fn narrow(numbers: &mut [Self]) -> Option<&mut [f32]>;
    /// Numbers of this width, where it is f64.
    fn unrounded(numbers: &mut [Self]) -> Option<&mut [f64]>;
}

impl Number for f32 {
    const IS_NARROW: bool = true;
    fn of(value: f64) -> Self {
        value as Self
    }
    fn wide(self) -> f64 {
        self.into()
    }
    fn narrow(numbers: &mut [Self]) -> Option<&mut [f32]> {
        Some(numbers)
    }
    fn unrounded(_: &mut [Self]) -> Option<&mut [f64]> {
        None
    }
}

impl Number for f64 {
    const IS_NARROW: bool = false;
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
    fn narrow(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
    fn unrounded(numbers: &mut [Self]) -> Option<&mut [f64]> {
        Some(numbers)
    }
}

#[cfg(test)]
mod tests;
