//! The distinct tests of a forest, and their masks for a block of rows.

use super::{
    Cells, Mask, Table, Values,
    ordered::{self, Ordered, Value, join},
    split::Split,
};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{CategoryCast, ChildRef, Forest, Missing, MissingValues, Mode, Precision, ZERO_MAX};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

/// The tests of one feature.
#[derive(Debug, Default)]
struct Feature {
    index: u32,
    ordered: Vec<Ordered>,
    others: Vec<Test>,
    categories: Vec<Categories>,
    /// For the tests of membership, one after the other, which of the categories' masks are joined.
    members: Vec<u32>,
}

/// The categories that sets of a feature name, which get a mask each: a set's mask is theirs joined.
#[derive(Debug)]
struct Categories {
    cast: CategoryCast,
    /// Strictly rising.
    codes: Vec<u32>,
}

/// A test that is none of order, or takes zeros for missing, and the mask that it fills.
#[derive(Debug, Clone, Copy)]
struct Test {
    threshold: f64,
    mode: Mode,
    missing: Missing,
    mask: u32,
    /// Where its members end among those of the feature; they begin where those of the test before it end.
    members_end: u32,
}

/// A test of a node while trees are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Its number, by which [`Distinct::into_tests`] gives its mask.
    pub(super) test: u32,
    /// Whether the mask has the rows that the node's test is false for.
    pub(super) is_swapped: bool,
}

impl Asked {
    /// The node's children, first that of the mask's rows.
    pub(super) fn children(&self, forest: &Forest, node: usize) -> [ChildRef; 2] {
        let (yes, no) = (forest.nodes.true_child[node], forest.nodes.false_child[node]);
        if self.is_swapped { [no, yes] } else { [yes, no] }
    }
}

/// What a test asks of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    /// Whether it is at most a threshold, by bits, or NaN where that passes.
    Ordered {
        threshold: u64,
        nan_first: bool,
    },
    Other {
        threshold: u64,
        mode: Mode,
        values: MissingValues,
        to_true: bool,
    },
}

/// The distinct tests while trees are read.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    known: HashMap<(u32, Question), u32>,
    n_members: usize,
}

impl Distinct {
    /// The test of a node.
    pub(super) fn add(&mut self, forest: &Forest, node: usize) -> Asked {
        let nodes = &forest.nodes;
        let split = match forest.compare {
            Precision::F32 => Split::<f32>::of(forest, node).map(Split::widened),
            Precision::F64 => Split::<f64>::of(forest, node),
        };
        // A threshold of NaN has no place among the others. Zeros of both signs are one.
        let ordered = split.filter(|split| !split.threshold.is_nan()).map(|split| {
            let question =
                Question::Ordered { threshold: (split.threshold + 0.0).to_bits(), nan_first: split.nan_first };
            (question, split.is_swapped)
        });
        let (question, is_swapped) = ordered.unwrap_or_else(|| {
            let Missing { values, to_true } = nodes.missing[node];
            let mode = nodes.mode[node];
            // A set is not asked for a threshold.
            let threshold = if matches!(mode, Mode::Member(_)) { 0 } else { nodes.threshold[node].to_bits() };
            (Question::Other { threshold, mode, values, to_true }, false)
        });
        let next = self.known.len() as u32;
        let test = *self.known.entry((nodes.feature[node], question)).or_insert(next);
        if let (true, Mode::Member(set)) = (test == next, nodes.mode[node]) {
            self.n_members += forest.category_sets[set as usize].codes.len();
        }
        Asked { test, is_swapped }
    }

    /// Members of all sets that are asked for, each of which would be joined to its set's mask.
    pub(super) fn n_members(&self) -> usize {
        self.n_members
    }

    /// How many features are asked.
    pub(super) fn n_features(&self) -> usize {
        self.known.keys().map(|(feature, _)| feature).collect::<HashSet<_>>().len()
    }

    /// The tests, and by number the mask of each.
    pub(super) fn into_tests(self, forest: &Forest) -> (Tests, Vec<u32>) {
        let mut places = vec![0; self.known.len()];
        let mut by_feature: BTreeMap<u32, Vec<(Question, u32)>> = BTreeMap::new();
        for ((feature, question), test) in self.known {
            by_feature.entry(feature).or_default().push((question, test));
        }
        let mut next = 0;
        let mut features = Vec::with_capacity(by_feature.len());
        for (index, mut asked) in by_feature {
            let mut feature = Feature { index, ..Feature::default() };
            asked.sort_unstable_by_key(|(_, test)| *test);
            feature.order(&asked, &mut next, &mut places);
            for (question, test) in asked {
                let Question::Other { threshold, mode, values, to_true } = question else { continue };
                let missing = Missing { values, to_true };
                let threshold = f64::from_bits(threshold);
                feature.others.push(Test { threshold, mode, missing, mask: next, members_end: 0 });
                places[test as usize] = next;
                next += 1;
            }
            feature.know_categories(forest);
            features.push(feature);
        }
        let n_categories = features.iter().map(Feature::n_categories).max().unwrap_or(0);
        (Tests { features, len: places.len(), n_categories }, places)
    }
}

/// The distinct tests, by feature.
#[derive(Debug)]
pub(super) struct Tests {
    features: Vec<Feature>,
    len: usize,
    n_categories: usize,
}

impl Tests {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many groups of thresholds there are, in each of which a row's place is found.
    pub(super) fn n_searches(&self) -> usize {
        self.features.iter().map(|feature| feature.ordered.len()).sum()
    }

    /// How many tests are not of order, and the members of all sets, each of which is joined to its set's mask.
    pub(super) fn n_others(&self) -> usize {
        self.features.iter().map(|feature| feature.others.len() + feature.members.len()).sum()
    }

    /// How many features are asked.
    pub(super) fn n_features(&self) -> usize {
        self.features.len()
    }

    /// Masks that are used besides while the tests' are filled.
    pub(super) fn n_categories(&self) -> usize {
        self.n_categories
    }

    /// Fills the masks for a block of rows of a table, and overwrites those behind them. Rows beyond the
    /// last one repeat it.
    pub(super) fn fill<const W: usize>(
        &self,
        isa: Isa,
        table: Table<'_>,
        rows: Range<usize>,
        values: &mut Values<'_>,
        masks: &mut [Mask<W>],
    ) {
        let (masks, spare) = masks.split_at_mut(self.len);
        match values {
            Values::F32(values) => {
                match table {
                    Table::F32(Cells::Columns(own)) => return self.fill_own(isa, own, rows, values, (masks, spare)),
                    Table::F32(cells) => self.columns::<_, _, W>(cells, rows, values, |x| x),
                    Table::F64(cells) => self.columns::<_, _, W>(cells, rows, values, |x| x as f32),
                }
                self.fill_columns(isa, values, masks, spare);
            }
            Values::F64(values) => {
                match table {
                    Table::F64(Cells::Columns(own)) => return self.fill_own(isa, own, rows, values, (masks, spare)),
                    Table::F32(cells) => self.columns::<_, _, W>(cells, rows, values, f64::from),
                    Table::F64(cells) => self.columns::<_, _, W>(cells, rows, values, |x| x),
                }
                self.fill_columns(isa, values, masks, spare);
            }
        }
    }

    /// Fills the masks from columns in the width that is compared in: where they fill the block, they are read as they are.
    fn fill_own<T: Value, const W: usize>(
        &self,
        isa: Isa,
        columns: &[&[T]],
        rows: Range<usize>,
        values: &mut [T],
        (masks, spare): (&mut [Mask<W>], &mut [Mask<W>]),
    ) {
        for (feature, values) in self.features.iter().zip(values.chunks_exact_mut(64 * W)) {
            let own = &columns[feature.index as usize][rows.clone()];
            let own = if own.len() < values.len() {
                repeat_last(values, own, |x| x);
                values
            } else {
                own
            };
            feature.fill(isa, own, masks, spare);
        }
    }

    fn fill_columns<T: Value, const W: usize>(
        &self,
        isa: Isa,
        columns: &[T],
        masks: &mut [Mask<W>],
        spare: &mut [Mask<W>],
    ) {
        for (feature, values) in self.features.iter().zip(columns.chunks_exact(64 * W)) {
            feature.fill(isa, values, masks, spare);
        }
    }

    /// Some rows of the features that are asked, one feature after the other, the last row repeated to fill the block.
    fn columns<T: Copy, U: Copy, const W: usize>(
        &self,
        cells: Cells<'_, T>,
        rows: Range<usize>,
        out: &mut [U],
        of: impl Fn(T) -> U,
    ) {
        let (cells, columns) = match cells {
            Cells::Rows(cells, columns) => (cells, columns),
            Cells::Columns(columns) => {
                for (feature, out) in self.features.iter().zip(out.chunks_exact_mut(64 * W)) {
                    repeat_last(out, &columns[feature.index as usize][rows.clone()], &of);
                }
                return;
            }
        };
        // A few rows at a time, which stay in the nearest cache from the first feature to the last.
        for part in (0..64 * W).step_by(PART) {
            let row = |at: usize| &cells[(rows.start + part + at).min(rows.end - 1) * columns..][..columns];
            let rows: [&[T]; PART] = std::array::from_fn(row);
            for (feature, out) in self.features.iter().zip(out.chunks_exact_mut(64 * W)) {
                let index = feature.index as usize;
                if let Some(out) = out[part..].first_chunk_mut::<PART>() {
                    *out = std::array::from_fn(|i| of(rows[i][index]));
                }
            }
        }
    }
}

/// Values of some rows, at least one, the last repeated.
fn repeat_last<T: Copy, U: Copy>(out: &mut [U], values: &[T], of: impl Fn(T) -> U) {
    let (own, rest) = out.split_at_mut(values.len());
    own.iter_mut().zip(values).for_each(|(out, x)| *out = of(*x));
    rest.fill(own[own.len() - 1]);
}

/// Rows that become columns together.
const PART: usize = 16;

impl Feature {
    /// Gives the tests of order masks, one after the other.
    fn order(&mut self, asked: &[(Question, u32)], next: &mut u32, places: &mut [u32]) {
        // By threshold, the tests that NaN does not pass and that it does.
        let mut tests: Vec<(f64, [Option<u32>; 2])> = Vec::new();
        let mut rising: Vec<(f64, bool, u32)> = Vec::new();
        for (question, test) in asked {
            if let Question::Ordered { threshold, nan_first } = question {
                rising.push((f64::from_bits(*threshold), *nan_first, *test));
            }
        }
        rising.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        for (threshold, nan_first, test) in rising {
            if tests.last().is_none_or(|last| last.0 < threshold) {
                tests.push((threshold, [None; 2]));
            }
            if let Some((_, own)) = tests.last_mut() {
                own[usize::from(nan_first)] = Some(test);
            }
        }
        for tests in tests.chunks(ordered::MOST) {
            let first = *next;
            let mut numbers = [Vec::new(), Vec::new()];
            for (nan_first, numbers) in numbers.iter_mut().enumerate() {
                for (number, (_, own)) in tests.iter().enumerate() {
                    if let Some(test) = own[nan_first] {
                        numbers.push(number as u8);
                        places[test as usize] = *next;
                        *next += 1;
                    }
                }
            }
            let thresholds: Vec<f64> = tests.iter().map(|(threshold, _)| *threshold).collect();
            self.ordered.push(Ordered::new(&thresholds, numbers, first));
        }
    }

    /// Lists the categories of all sets, and for each set which of them it has.
    fn know_categories(&mut self, forest: &Forest) {
        let set = |test: &Test| match test.mode {
            Mode::Member(set) => Some(&forest.category_sets[set as usize]),
            _ => None,
        };
        for set in self.others.iter().filter_map(set) {
            let known = self.categories.iter_mut().find(|known| known.cast == set.cast);
            match known {
                Some(known) => known.codes.extend(&set.codes),
                None => self.categories.push(Categories { cast: set.cast, codes: set.codes.clone() }),
            }
        }
        for known in &mut self.categories {
            known.codes.sort_unstable();
            known.codes.dedup();
        }
        for test in &mut self.others {
            if let Some(set) = set(test) {
                let mut first = 0;
                for known in &self.categories {
                    if known.cast == set.cast {
                        let places = set.codes.iter().filter_map(|code| known.codes.binary_search(code).ok());
                        self.members.extend(places.map(|place| (first + place) as u32));
                    }
                    first += known.codes.len();
                }
            }
            test.members_end = self.members.len() as u32;
        }
    }

    fn n_categories(&self) -> usize {
        self.categories.iter().map(|known| known.codes.len()).sum()
    }

    /// Fills the masks of the categories.
    fn fill_categories<T: Value, const W: usize>(&self, values: &[T], masks: &mut [Mask<W>]) {
        let mut rest = &mut masks[..self.n_categories()];
        rest.fill([0; W]);
        for known in &self.categories {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(known.codes.len());
            rest = others;
            for (row, x) in values.iter().enumerate() {
                let place = known.cast.category(x.wide()).and_then(|code| known.codes.binary_search(&code).ok());
                if let Some(place) = place {
                    own[place][row / 64] |= 1 << (row % 64);
                }
            }
        }
    }

    fn fill<T: Value, const W: usize>(&self, isa: Isa, values: &[T], masks: &mut [Mask<W>], spare: &mut [Mask<W>]) {
        for ordered in &self.ordered {
            ordered.fill(isa, values, masks);
        }
        if !self.others.is_empty() {
            vectorized(
                isa,
                #[inline(always)]
                || self.fill_others(values, masks, spare),
            );
        }
    }

    #[inline(always)]
    fn fill_others<T: Value, const W: usize>(&self, values: &[T], masks: &mut [Mask<W>], spare: &mut [Mask<W>]) {
        self.fill_categories(values, spare);
        let mut members = self.members.as_slice();
        let mut taken = 0;
        let nan: Mask<W> = ordered::mask(values, |x| x.is_nan());
        let zero_or_nan: Mask<W> = ordered::mask(values, |x| x.is_nan() || x.wide().abs() <= ZERO_MAX);
        for test in &self.others {
            let threshold = T::of(test.threshold);
            let mask = &mut masks[test.mask as usize];
            *mask = match test.mode {
                Mode::LessEq => ordered::mask(values, |x| x <= threshold),
                Mode::Less => ordered::mask(values, |x| x < threshold),
                Mode::Greater => ordered::mask(values, |x| x > threshold),
                Mode::GreaterEq => ordered::mask(values, |x| x >= threshold),
                Mode::Equal => ordered::mask(values, |x| x == threshold),
                Mode::NotEqual => ordered::mask(values, |x| x != threshold),
                Mode::Member(_) => {
                    let (own, rest) = members.split_at(test.members_end as usize - taken);
                    (members, taken) = (rest, test.members_end as usize);
                    let mut any = [0; W];
                    own.iter().for_each(|member| join(&mut any, &spare[*member as usize]));
                    any
                }
            };
            let missing = match test.missing.values {
                MissingValues::None => continue,
                MissingValues::Nan => &nan,
                MissingValues::ZeroOrNan => &zero_or_nan,
            };
            if test.missing.to_true {
                join(mask, missing);
            } else {
                mask.iter_mut().zip(missing).for_each(|(word, missing)| *word &= !missing);
            }
        }
    }
}
