//! The masks of a feature's tests of order: each row's place among the thresholds, found once, answers all of them.
//!
//! A row's code is how many thresholds it lies above, a byte; NaN has the greatest code. The row passes the test of the
//! `k`th threshold if its code is at most `k`, so that a mask is a few comparisons of bytes.

use super::{Aligned, Mask, WORDS, split::Real};
use crate::cpu::simd::{Isa, vectorized};

/// Thresholds that a byte tells apart.
pub(super) const MOST: usize = 255;

/// Tests of one feature whose masks follow each other.
#[derive(Debug)]
pub(super) struct Ordered {
    thresholds: Thresholds,
    /// By test, the number of its threshold: first of those that NaN does not pass, then of those that it does.
    numbers: Vec<u8>,
    /// How many NaN does not pass.
    n_nan_fails: usize,
    first_mask: u32,
}

/// Lays rising thresholds out as a search tree, whose length is a power of two: the children of node `i` are `2 * i` and the
/// one after it, from node 1 on, and each asks the threshold in the middle of its part. Infinity fills it up.
pub(super) fn lay(rising: &[f64], tree: &mut [f64]) {
    let levels = tree.len().trailing_zeros();
    for level in 0..levels {
        let part = 1 << (levels - level);
        for (i, node) in tree[1 << level..2 << level].iter_mut().enumerate() {
            *node = rising.get(i * part + part / 2 - 1).copied().unwrap_or(f64::INFINITY);
        }
    }
}

/// Thresholds as a search tree of so many levels, four at least.
#[derive(Debug)]
pub(super) struct Thresholds {
    levels: u32,
    wide: Box<[f64; MOST + 1]>,
    narrow: Box<[f32; MOST + 1]>,
}

impl Thresholds {
    fn new(rising: &[f64]) -> Self {
        let levels = (rising.len() + 1).next_power_of_two().trailing_zeros().max(4);
        let mut wide = Box::new([f64::INFINITY; MOST + 1]);
        lay(rising, &mut wide[..1 << levels]);
        Self { levels, narrow: Box::new(wide.map(|threshold| threshold as f32)), wide }
    }
}

impl Ordered {
    /// The tests of these thresholds, strictly rising and at most 255, with the numbers of those that ask so, and where NaN
    /// passes.
    pub(super) fn new(rising: &[f64], tests: [Vec<u8>; 2], first_mask: u32) -> Self {
        let [mut numbers, nan_passes] = tests;
        let n_nan_fails = numbers.len();
        numbers.extend(nan_passes);
        Self { thresholds: Thresholds::new(rising), numbers, n_nan_fails, first_mask }
    }

    /// Fills the masks for a block of values, so many words a mask.
    pub(super) fn fill<T: Value, const W: usize>(&self, isa: Isa, values: &[T], masks: &mut [Mask<W>]) {
        let mut codes = Aligned([0; 64 * WORDS]);
        let codes = &mut codes.0[..64 * W];
        T::codes(isa, values, &self.thresholds, codes);
        let masks = &mut masks[self.first_mask as usize..][..self.numbers.len()];
        at_most(isa, codes, &self.numbers, masks);
        let nan_passes = &mut masks[self.n_nan_fails..];
        if !nan_passes.is_empty() {
            vectorized(
                isa,
                #[inline(always)]
                || {
                    // Without an early end, which would keep it from registers.
                    if values.iter().fold(false, |any, x| any | x.is_nan()) {
                        let nan = mask::<T, W>(values, |x| x.is_nan());
                        nan_passes.iter_mut().for_each(|mask| join(mask, &nan));
                    }
                },
            );
        }
    }
}

/// From so many numbers on, and words of a mask, codes are compared by halves.
const HALVED_MIN: usize = 32;
const HALVED_WORDS_MIN: usize = 4;

/// For each number the rows whose code is at most that.
fn at_most<const W: usize>(isa: Isa, codes: &[u8], numbers: &[u8], masks: &mut [Mask<W>]) {
    if numbers.len() < HALVED_MIN || W < HALVED_WORDS_MIN {
        return compare(isa, codes, numbers, masks);
    }
    // A code is at most a number if its upper four bits are below the number's, or are the same and the lower four at most
    // the number's. Each half has sixteen values to be compared with.
    let mut halves = [Aligned([0; 64 * WORDS]), Aligned([0; 64 * WORDS])];
    let [upper, lower] = &mut halves;
    vectorized(
        isa,
        #[inline(always)]
        || {
            for ((upper, lower), code) in upper.0.iter_mut().zip(&mut lower.0).zip(codes) {
                (*upper, *lower) = (code >> 4, code & 15);
            }
        },
    );
    const VALUES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    let greatest = numbers.iter().fold(0, |greatest, number| greatest.max(number >> 4));
    // Before the first upper half there is nothing.
    let (mut uppers, mut lowers) = (Aligned([[0; W]; 17]), Aligned([[0; W]; 16]));
    let (uppers, lowers) = (&mut uppers.0, &mut lowers.0);
    compare(isa, &upper.0[..codes.len()], &VALUES[..=usize::from(greatest)], &mut uppers[1..]);
    compare(isa, &lower.0[..codes.len()], &VALUES, lowers);
    vectorized(
        isa,
        #[inline(always)]
        || {
            for (mask, number) in masks.iter_mut().zip(numbers) {
                let at = usize::from(number >> 4);
                let (below, up_to, lower) = (&uppers[at], &uppers[at + 1], &lowers[usize::from(number & 15)]);
                *mask = std::array::from_fn(|i| below[i] | up_to[i] & lower[i]);
            }
        },
    );
}

/// As [`at_most`], one comparison for each number and 64 rows.
fn compare<const W: usize>(isa: Isa, codes: &[u8], numbers: &[u8], masks: &mut [Mask<W>]) {
    let (words, _) = codes.as_chunks::<64>();
    match isa {
        Isa::Portable => {
            for (mask, number) in masks.iter_mut().zip(numbers) {
                for (word, codes) in mask.iter_mut().zip(words) {
                    *word = bits(codes, |code| code <= *number);
                }
            }
        }
        // SAFETY: these sets exist only where the CPU has them.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { x86::at_most_avx2(words, numbers, masks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::at_most_avx512(words, numbers, masks) },
    }
}

/// The rows of a block whose values hold.
#[inline(always)]
pub(super) fn mask<T: Copy, const W: usize>(values: &[T], holds: impl Fn(T) -> bool) -> Mask<W> {
    let (words, _) = values.as_chunks::<64>();
    std::array::from_fn(|word| bits(&words[word], &holds))
}

/// Puts the rows of another mask to those of a mask.
#[inline(always)]
pub(super) fn join<const W: usize>(mask: &mut Mask<W>, other: &Mask<W>) {
    mask.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
}

/// A bit for each of 64 values, of which `holds` says so.
#[inline(always)]
fn bits<T: Copy>(values: &[T; 64], holds: impl Fn(T) -> bool) -> u64 {
    let mut word = 0;
    for (i, values) in values.as_chunks::<8>().0.iter().enumerate() {
        let bytes: [u8; 8] = std::array::from_fn(|i| u8::from(holds(values[i])));
        // The lowest bit of each byte, gathered into the top byte.
        let byte = u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= byte << (8 * i);
    }
    word
}

/// A width that features are compared in.
pub(super) trait Value: Real {
    /// How many of the thresholds each value is not at or below.
    fn codes(isa: Isa, values: &[Self], thresholds: &Thresholds, codes: &mut [u8]);
}

impl Value for f32 {
    fn codes(isa: Isa, values: &[Self], thresholds: &Thresholds, codes: &mut [u8]) {
        match isa {
            // SAFETY: this set exists only where the CPU has it.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { x86::codes_avx512(values, thresholds.levels, &thresholds.narrow, codes) },
            _ => search(isa, values, thresholds.levels, &thresholds.narrow, codes),
        }
    }
}

impl Value for f64 {
    fn codes(isa: Isa, values: &[Self], thresholds: &Thresholds, codes: &mut [u8]) {
        match isa {
            // SAFETY: this set exists only where the CPU has it.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { x86::wide_codes_avx512(values, thresholds.levels, &thresholds.wide, codes) },
            _ => search(isa, values, thresholds.levels, &thresholds.wide, codes),
        }
    }
}

/// Values that are searched together, so that waiting for one is work on the others.
const TOGETHER: usize = 8;

fn search<T: Real>(isa: Isa, values: &[T], levels: u32, tree: &[T; MOST + 1], codes: &mut [u8]) {
    vectorized(
        isa,
        #[inline(always)]
        || {
            let (groups, _) = values.as_chunks::<TOGETHER>();
            for (codes, values) in codes.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(groups) {
                let mut at = [1_u32; TOGETHER];
                for _ in 0..levels {
                    for (at, x) in at.iter_mut().zip(values) {
                        // The mask changes no number of a node, and spares a check.
                        let is_at_most = *x <= tree[*at as usize & MOST];
                        *at = 2 * *at + u32::from(!is_at_most);
                    }
                }
                *codes = at.map(|at| (at - (1 << levels)) as u8);
            }
        },
    );
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{MOST, Mask};
    use std::arch::x86_64::*;

    /// # Safety
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn at_most_avx2<const W: usize>(words: &[[u8; 64]], numbers: &[u8], masks: &mut [Mask<W>]) {
        let half = |codes: &[u8; 32], number: __m256i| {
            // SAFETY: there are 32 bytes.
            let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
            let is_at_most = _mm256_cmpeq_epi8(_mm256_min_epu8(codes, number), codes);
            u64::from(_mm256_movemask_epi8(is_at_most) as u32)
        };
        for (mask, number) in masks.iter_mut().zip(numbers) {
            let number = _mm256_set1_epi8(*number as i8);
            for (word, codes) in mask.iter_mut().zip(words) {
                let (halves, _) = codes.as_chunks::<32>();
                *word = half(&halves[0], number) | half(&halves[1], number) << 32;
            }
        }
    }

    /// # Safety
    /// The CPU has AVX-512 F and BW.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn at_most_avx512<const W: usize>(words: &[[u8; 64]], numbers: &[u8], masks: &mut [Mask<W>]) {
        let Some(words) = words.first_chunk::<W>() else { return };
        // SAFETY: there are 64 bytes.
        let codes = words.each_ref().map(|codes| unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) });
        for (mask, number) in masks.iter_mut().zip(numbers) {
            let number = _mm512_set1_epi8(*number as i8);
            for (word, codes) in mask.iter_mut().zip(codes) {
                *word = _mm512_cmple_epu8_mask(codes, number);
            }
        }
    }

    /// The levels of the tree lie in registers one after the other: the first four in one, then a register or more for each.
    ///
    /// # Safety
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn codes_avx512(values: &[f32], levels: u32, tree: &[f32; MOST + 1], codes: &mut [u8]) {
        match levels {
            // SAFETY: the CPU has it.
            ..=4 => unsafe { walk::<4>(values, tree, codes) },
            // SAFETY: as above.
            5 => unsafe { walk::<5>(values, tree, codes) },
            // SAFETY: as above.
            6 => unsafe { walk::<6>(values, tree, codes) },
            // SAFETY: as above.
            7 => unsafe { walk::<7>(values, tree, codes) },
            // SAFETY: as above.
            _ => unsafe { walk::<8>(values, tree, codes) },
        }
    }

    /// # Safety
    /// As [`codes_avx512`].
    #[target_feature(enable = "avx512f")]
    unsafe fn walk<const LEVELS: u32>(values: &[f32], tree: &[f32; MOST + 1], codes: &mut [u8]) {
        let (registers, _) = tree.as_chunks::<16>();
        // SAFETY: there are 16 numbers.
        let load = |at: usize| unsafe { _mm512_loadu_ps(registers[at].as_ptr()) };
        // A number that the compiler does not know: what it would make of adding one under a mask takes more instructions.
        let one = _mm512_set1_epi32(std::hint::black_box(1));
        let values = values.as_chunks::<16>().0;
        for (codes, values) in codes.as_chunks_mut::<16>().0.iter_mut().zip(values) {
            // SAFETY: as above.
            let x = unsafe { _mm512_loadu_ps(values.as_ptr()) };
            let mut at = one;
            let two = |first: usize, at: __m512i| _mm512_permutex2var_ps(load(first), at, load(first + 1));
            for level in 0..LEVELS {
                let threshold = match level {
                    ..=3 => _mm512_permutexvar_ps(at, load(0)),
                    4 => _mm512_permutexvar_ps(at, load(1)),
                    5 => two(2, at),
                    6 => {
                        let is_high = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
                        _mm512_mask_blend_ps(is_high, two(4, at), two(6, at))
                    }
                    _ => {
                        let is_high = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
                        let low = _mm512_mask_blend_ps(is_high, two(8, at), two(10, at));
                        let high = _mm512_mask_blend_ps(is_high, two(12, at), two(14, at));
                        _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(64)), low, high)
                    }
                };
                let is_above = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, threshold);
                at = _mm512_add_epi32(at, at);
                at = _mm512_mask_add_epi32(at, is_above, at, one);
            }
            let code = _mm512_cvtepi32_epi8(_mm512_sub_epi32(at, _mm512_set1_epi32(1 << LEVELS)));
            // SAFETY: there are 16 bytes.
            unsafe { _mm_storeu_si128(codes.as_mut_ptr().cast(), code) };
        }
    }

    /// As [`codes_avx512`] for numbers of 64 bits: the first three levels lie in one register, the fourth in one.
    ///
    /// # Safety
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn wide_codes_avx512(values: &[f64], levels: u32, tree: &[f64; MOST + 1], codes: &mut [u8]) {
        match levels {
            // SAFETY: the CPU has it.
            ..=4 => unsafe { wide_walk::<4>(values, tree, codes) },
            // SAFETY: as above.
            5 => unsafe { wide_walk::<5>(values, tree, codes) },
            // SAFETY: as above.
            6 => unsafe { wide_walk::<6>(values, tree, codes) },
            // SAFETY: as above.
            7 => unsafe { wide_walk::<7>(values, tree, codes) },
            // SAFETY: as above.
            _ => unsafe { wide_walk::<8>(values, tree, codes) },
        }
    }

    /// # Safety
    /// As [`wide_codes_avx512`].
    #[target_feature(enable = "avx512f")]
    unsafe fn wide_walk<const LEVELS: u32>(values: &[f64], tree: &[f64; MOST + 1], codes: &mut [u8]) {
        let (registers, _) = tree.as_chunks::<8>();
        // SAFETY: there are eight numbers.
        let load = |at: usize| unsafe { _mm512_loadu_pd(registers[at].as_ptr()) };
        // As in `walk`.
        let one = _mm512_set1_epi64(std::hint::black_box(1));
        let values = values.as_chunks::<8>().0;
        for (codes, values) in codes.as_chunks_mut::<8>().0.iter_mut().zip(values) {
            // SAFETY: as above.
            let x = unsafe { _mm512_loadu_pd(values.as_ptr()) };
            let mut at = _mm512_set1_epi64(1);
            for level in 0..LEVELS {
                let threshold = match level {
                    ..=2 => _mm512_permutexvar_pd(at, load(0)),
                    3 => _mm512_permutexvar_pd(at, load(1)),
                    _ => {
                        let (first, pairs) = (1 << (level - 3), 1 << (level - 4));
                        let mut found = [_mm512_setzero_pd(); 8];
                        for (pair, found) in found.iter_mut().enumerate().take(pairs) {
                            *found = _mm512_permutex2var_pd(load(first + 2 * pair), at, load(first + 2 * pair + 1));
                        }
                        for bit in 4..level {
                            let is_set = _mm512_test_epi64_mask(at, _mm512_set1_epi64(1 << bit));
                            for pair in 0..pairs >> (bit - 3) {
                                found[pair] = _mm512_mask_blend_pd(is_set, found[2 * pair], found[2 * pair + 1]);
                            }
                        }
                        found[0]
                    }
                };
                let is_above = _mm512_cmp_pd_mask::<_CMP_NLE_UQ>(x, threshold);
                at = _mm512_add_epi64(at, at);
                at = _mm512_mask_add_epi64(at, is_above, at, one);
            }
            let code = _mm512_cvtepi64_epi8(_mm512_sub_epi64(at, _mm512_set1_epi64(1 << LEVELS)));
            *codes = _mm_cvtsi128_si64(code).to_le_bytes();
        }
    }
}
