//! The distinct tests of a forest, and their masks for a block of rows.

use super::{Mask, ROWS, Table, Values};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::forest::{CategoryCast, Forest, Missing, MissingValues, Mode, Precision, ZERO_MAX};
use std::{collections::HashMap, ops::Range};

/// The tests of one feature.
#[derive(Debug, Default)]
struct Feature {
    index: u32,
    tests: Vec<Test>,
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

/// A test and the mask that it fills.
#[derive(Debug, Clone, Copy)]
struct Test {
    threshold: f64,
    mode: Mode,
    missing: Missing,
    mask: u32,
    /// Where its members end among those of the feature; they begin where those of the test before it end.
    members_end: u32,
}

/// The distinct tests while trees are read, and where each is.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    features: Vec<Feature>,
    known: HashMap<(u32, u64, Mode, MissingValues, bool), u32>,
    places: HashMap<u32, usize>,
}

impl Distinct {
    /// The mask of a node's test.
    pub(super) fn add(&mut self, forest: &Forest, node: usize) -> u32 {
        let nodes = &forest.nodes;
        let (feature, threshold, mode) = (nodes.feature[node], nodes.threshold[node], nodes.mode[node]);
        let missing = nodes.missing[node];
        let next = self.known.len() as u32;
        let key = (feature, threshold.to_bits(), mode, missing.values, missing.to_true);
        let mask = *self.known.entry(key).or_insert(next);
        if mask == next {
            let place = *self.places.entry(feature).or_insert_with(|| {
                self.features.push(Feature { index: feature, ..Feature::default() });
                self.features.len() - 1
            });
            self.features[place].tests.push(Test { threshold, mode, missing, mask, members_end: 0 });
        }
        mask
    }

    /// The tests.
    pub(super) fn into_tests(mut self, forest: &Forest) -> Tests {
        self.features.iter_mut().for_each(|feature| feature.know_categories(forest));
        let n_categories = self.features.iter().map(Feature::n_categories).max().unwrap_or(0);
        Tests { features: self.features, len: self.known.len(), n_categories }
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

    /// Members of all sets, each of which is joined to its set's mask.
    pub(super) fn n_members(&self) -> usize {
        self.features.iter().map(|feature| feature.members.len()).sum()
    }

    /// Masks that are used besides while the tests' are filled.
    pub(super) fn n_categories(&self) -> usize {
        self.n_categories
    }

    /// Fills the masks for a block of rows of a table with so many columns, and overwrites those behind them. Rows beyond the
    /// last one repeat it.
    pub(super) fn fill(
        &self,
        isa: Isa,
        (table, columns): (Table<'_>, usize),
        rows: Range<usize>,
        values: &mut Values<'_>,
        masks: &mut [Mask],
    ) {
        let (masks, spare) = masks.split_at_mut(self.len);
        for feature in &self.features {
            let first = rows.start * columns + feature.index as usize;
            let of = (first, columns, rows.len());
            match (table, &mut *values) {
                (Table::F32(table), Values::F32(out)) => copy(table, of, out, |x| x),
                (Table::F64(table), Values::F64(out)) => copy(table, of, out, |x| x),
                (Table::F32(table), Values::F64(out)) => copy(table, of, out, f64::from),
                (Table::F64(table), Values::F32(out)) => copy(table, of, out, |x| x as f32),
            }
            match values {
                Values::F32(values) => feature.fill(isa, values, masks, spare),
                Values::F64(values) => feature.fill(isa, values, masks, spare),
            }
        }
    }
}

/// Some rows of a column, from a first number on; the last one repeated to fill the block.
fn copy<T: Copy, U: Copy>(
    table: &[T],
    (first, columns, rows): (usize, usize, usize),
    out: &mut [U],
    of: impl Fn(T) -> U,
) {
    let (own, rest) = out.split_at_mut(rows);
    own.iter_mut().zip(table[first..].iter().step_by(columns)).for_each(|(out, x)| *out = of(*x));
    if let Some(last) = own.last() {
        rest.fill(*last);
    }
}

impl Feature {
    /// Lists the categories of all sets, and for each set which of them it has.
    fn know_categories(&mut self, forest: &Forest) {
        let set = |test: &Test| match test.mode {
            Mode::Member(set) => Some(&forest.category_sets[set as usize]),
            _ => None,
        };
        for set in self.tests.iter().filter_map(set) {
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
        for test in &mut self.tests {
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
    fn fill_categories<T: Value>(&self, values: &[T], masks: &mut [Mask]) {
        let mut rest = &mut masks[..self.n_categories()];
        rest.fill(Mask::default());
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

    fn fill<T: Value>(&self, isa: Isa, values: &[T], masks: &mut [Mask], spare: &mut [Mask]) {
        self.fill_categories(values, spare);
        let mut members = self.members.as_slice();
        let mut taken = 0;
        let laid = T::lay(isa, values);
        let mut nan = Mask::default();
        T::below::<true>(isa, &laid, T::narrow(f64::INFINITY), &mut nan);
        invert(&mut nan);
        let has_nan = nan != Mask::default();
        let zero_or_nan = self.tests.iter().any(|test| test.missing.values == MissingValues::ZeroOrNan);
        let zero_or_nan = zero_or_nan.then(|| bits(isa, values, |x| x.is_nan() || x.wide().abs() <= ZERO_MAX));
        for test in &self.tests {
            let mask = &mut masks[test.mask as usize];
            let threshold = T::narrow(test.threshold);
            match test.mode {
                Mode::LessEq => T::below::<true>(isa, &laid, threshold, mask),
                Mode::Less => T::below::<false>(isa, &laid, threshold, mask),
                Mode::Greater => {
                    T::below::<true>(isa, &laid, threshold, mask);
                    invert(mask);
                }
                Mode::GreaterEq => {
                    T::below::<false>(isa, &laid, threshold, mask);
                    invert(mask);
                }
                Mode::Equal => *mask = bits(isa, values, |x| x == threshold),
                Mode::NotEqual => *mask = bits(isa, values, |x| x != threshold),
                Mode::Member(_) => {
                    let (own, rest) = members.split_at(test.members_end as usize - taken);
                    (members, taken) = (rest, test.members_end as usize);
                    *mask = Mask::default();
                    own.iter().for_each(|member| combine(mask, &spare[*member as usize], |mask, member| mask | member));
                }
            }
            // A comparison that was inverted, or whose threshold is NaN, is false for NaN all the same.
            let inverted = matches!(test.mode, Mode::Greater | Mode::GreaterEq);
            if inverted {
                if test.threshold.is_nan() {
                    *mask = Mask::default();
                } else if has_nan {
                    combine(mask, &nan, |mask, nan| mask & !nan);
                }
            }
            let missing = match test.missing.values {
                MissingValues::None => continue,
                MissingValues::Nan if has_nan => &nan,
                MissingValues::Nan => continue,
                MissingValues::ZeroOrNan => zero_or_nan.as_ref().unwrap_or(&nan),
            };
            if test.missing.to_true {
                combine(mask, missing, |mask, missing| mask | missing);
            } else {
                combine(mask, missing, |mask, missing| mask & !missing);
            }
        }
    }
}

fn invert(mask: &mut Mask) {
    mask.iter_mut().for_each(|word| *word = !*word);
}

fn combine(mask: &mut Mask, other: &Mask, f: impl Fn(u64, u64) -> u64) {
    mask.iter_mut().zip(other).for_each(|(word, other)| *word = f(*word, *other));
}

/// The rows of which `holds` says so.
fn bits<T: Copy>(isa: Isa, values: &[T], holds: impl Fn(T) -> bool) -> Mask {
    let mut mask = Mask::default();
    vectorized(
        isa,
        #[inline(always)]
        || {
            for (word, values) in mask.iter_mut().zip(values.as_chunks::<64>().0) {
                *word = 0;
                for (i, values) in values.as_chunks::<8>().0.iter().enumerate() {
                    let bytes: [u8; 8] = std::array::from_fn(|i| u8::from(holds(values[i])));
                    // The lowest bit of each byte, gathered into the top byte.
                    let byte = u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
                    *word |= byte << (8 * i);
                }
            }
        },
    );
    mask
}

/// A width that features are compared in.
trait Value: Copy + PartialOrd {
    fn is_nan(self) -> bool;
    fn wide(self) -> f64;
    /// The threshold in this width, which it has already.
    fn narrow(threshold: f64) -> Self;
    /// The values of a block in the order in which they are compared.
    fn lay(isa: Isa, values: &[Self]) -> [Self; ROWS];
    /// The values, laid out so, that are below the threshold, or equal to it where `OR_EQUAL`.
    fn below<const OR_EQUAL: bool>(isa: Isa, laid: &[Self; ROWS], threshold: Self, mask: &mut Mask);
}

macro_rules! value {
    ($float:ty, $width:ident, $below:ident, $lay:ident) => {
        impl Value for $float {
            fn is_nan(self) -> bool {
                self.is_nan()
            }

            fn wide(self) -> f64 {
                self.into()
            }

            fn narrow(threshold: f64) -> Self {
                Precision::$width.round(threshold) as Self
            }

            fn lay(isa: Isa, values: &[Self]) -> [Self; ROWS] {
                $lay(isa, values)
            }

            fn below<const OR_EQUAL: bool>(isa: Isa, values: &[Self; ROWS], threshold: Self, mask: &mut Mask) {
                match isa {
                    // SAFETY: these sets exist only where the CPU has them.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => unsafe { x86::avx2::$below::<OR_EQUAL>(values, threshold, mask) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => unsafe { x86::avx512::$below::<OR_EQUAL>(values, threshold, mask) },
                    Isa::Portable if OR_EQUAL => *mask = bits(isa, values, |x| x <= threshold),
                    Isa::Portable => *mask = bits(isa, values, |x| x < threshold),
                }
            }
        }
    };
}
value!(f32, F32, below_f32, lay_f32);
value!(f64, F64, below_f64, lay_f64);

/// With AVX2 the bits of 32 comparisons are packed within halves of registers: each half then has its rows in order.
fn lay_f32(isa: Isa, values: &[f32]) -> [f32; ROWS] {
    let mut laid = [0.0; ROWS];
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            let groups = laid.as_chunks_mut::<32>().0.iter_mut().zip(values.as_chunks::<32>().0);
            for (laid, rows) in groups {
                for (i, four) in laid.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                    four.copy_from_slice(&rows[4 * (i / 2) + 16 * (i % 2)..][..4]);
                }
            }
        }
        _ => laid.copy_from_slice(values),
    }
    laid
}

fn lay_f64(_: Isa, values: &[f64]) -> [f64; ROWS] {
    let mut laid = [0.0; ROWS];
    laid.copy_from_slice(values);
    laid
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    pub(super) mod avx2 {
        use super::super::{Mask, ROWS};
        use std::arch::x86_64::*;

        /// # Safety
        /// The CPU has AVX2.
        #[target_feature(enable = "avx2")]
        pub(crate) unsafe fn below_f32<const OR_EQUAL: bool>(laid: &[f32; ROWS], threshold: f32, mask: &mut Mask) {
            let t = _mm256_set1_ps(threshold);
            let compare = |values: &[f32; 8]| {
                // SAFETY: there are eight numbers.
                let x = unsafe { _mm256_loadu_ps(values.as_ptr()) };
                let bits = if OR_EQUAL { _mm256_cmp_ps::<_CMP_LE_OQ>(x, t) } else { _mm256_cmp_ps::<_CMP_LT_OQ>(x, t) };
                _mm256_castps_si256(bits)
            };
            let half = |values: &[f32; 32]| {
                let (eights, _) = values.as_chunks::<8>();
                let low = _mm256_packs_epi32(compare(&eights[0]), compare(&eights[1]));
                let high = _mm256_packs_epi32(compare(&eights[2]), compare(&eights[3]));
                u64::from(_mm256_movemask_epi8(_mm256_packs_epi16(low, high)) as u32)
            };
            for (word, values) in mask.iter_mut().zip(laid.as_chunks::<32>().0.as_chunks::<2>().0) {
                *word = half(&values[0]) | half(&values[1]) << 32;
            }
        }

        /// # Safety
        /// As [`below_f32`].
        #[target_feature(enable = "avx2")]
        pub(crate) unsafe fn below_f64<const OR_EQUAL: bool>(laid: &[f64; ROWS], threshold: f64, mask: &mut Mask) {
            let t = _mm256_set1_pd(threshold);
            for (word, values) in mask.iter_mut().zip(laid.as_chunks::<64>().0) {
                *word = 0;
                for (i, values) in values.as_chunks::<4>().0.iter().enumerate() {
                    // SAFETY: there are four numbers.
                    let x = unsafe { _mm256_loadu_pd(values.as_ptr()) };
                    let bits =
                        if OR_EQUAL { _mm256_cmp_pd::<_CMP_LE_OQ>(x, t) } else { _mm256_cmp_pd::<_CMP_LT_OQ>(x, t) };
                    *word |= u64::from(_mm256_movemask_pd(bits) as u32) << (4 * i);
                }
            }
        }
    }

    /// The bits of each comparison are stored as they come.
    pub(super) mod avx512 {
        use super::super::{Mask, ROWS};
        use std::arch::x86_64::*;

        /// # Safety
        /// The CPU has AVX-512 F.
        #[target_feature(enable = "avx512f")]
        pub(crate) unsafe fn below_f32<const OR_EQUAL: bool>(laid: &[f32; ROWS], threshold: f32, mask: &mut Mask) {
            let t = _mm512_set1_ps(threshold);
            let bits = bytemuck::cast_slice_mut::<u64, u16>(mask);
            for (bits, values) in bits.iter_mut().zip(laid.as_chunks::<16>().0) {
                // SAFETY: there are 16 numbers.
                let x = unsafe { _mm512_loadu_ps(values.as_ptr()) };
                *bits = if OR_EQUAL {
                    _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, t)
                } else {
                    _mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, t)
                };
            }
        }

        /// # Safety
        /// As [`below_f32`].
        #[target_feature(enable = "avx512f")]
        pub(crate) unsafe fn below_f64<const OR_EQUAL: bool>(laid: &[f64; ROWS], threshold: f64, mask: &mut Mask) {
            let t = _mm512_set1_pd(threshold);
            let bits = bytemuck::cast_slice_mut::<u64, u8>(mask);
            for (bits, values) in bits.iter_mut().zip(laid.as_chunks::<8>().0) {
                // SAFETY: there are eight numbers.
                let x = unsafe { _mm512_loadu_pd(values.as_ptr()) };
                *bits = if OR_EQUAL {
                    _mm512_cmp_pd_mask::<_CMP_LE_OQ>(x, t)
                } else {
                    _mm512_cmp_pd_mask::<_CMP_LT_OQ>(x, t)
                };
            }
        }
    }
}
