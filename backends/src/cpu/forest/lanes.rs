//! The innermost loops of sixteen rows together: which tests they fail, which leaves stay open, what these add.

use super::{closing::LEAVES, sixteens::ROWS, split::Real};
use crate::cpu::simd::Isa;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Leaves of half a tree.
pub(super) const HALF: usize = LEAVES / 2;

/// The leaves of half a tree that stay open in rows that fail a test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closes {
    pub(super) test: u32,
    pub(super) open: u32,
}

/// A tree: what its nodes close, for each half, and what each of its leaves adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes<'a, T> {
    pub(super) closes: [&'a [Closes]; 2],
    pub(super) values: &'a [T; LEAVES],
}

/// A width of features and of what leaves add, with the loops of each instruction set.
pub(super) trait Lane: Real {
    /// # Safety
    /// The CPU has AVX-512 F.
    #[cfg(target_arch = "x86_64")]
    unsafe fn fail_avx512<const BY: i32>(x: &[Self; ROWS], thresholds: &[Self], masks: &mut [u16]);

    /// # Safety
    /// The CPU has AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn fail_avx2<const BY: i32>(x: &[Self; ROWS], thresholds: &[Self], masks: &mut [u16]);

    /// # Safety
    /// The CPU has AVX-512 F.
    #[cfg(target_arch = "x86_64")]
    unsafe fn add_avx512(tree: Lanes<'_, Self>, masks: &[u16], sums: &mut [Self; ROWS]);
}

/// Marks for each threshold the rows that are above it, NaN among them unless it comes first.
pub(super) fn fail<T: Lane>(isa: Isa, x: &[T; ROWS], thresholds: &[T], nan_first: bool, masks: &mut [u16]) {
    match (isa, nan_first) {
        // SAFETY: an `Isa` other than `Portable` exists only where the CPU has it.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, false) => unsafe { T::fail_avx512::<{ x86::NOT_AT_MOST }>(x, thresholds, masks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, true) => unsafe { T::fail_avx512::<{ x86::ABOVE }>(x, thresholds, masks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, false) => unsafe { T::fail_avx2::<{ x86::NOT_AT_MOST }>(x, thresholds, masks) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, true) => unsafe { T::fail_avx2::<{ x86::ABOVE }>(x, thresholds, masks) },
        (Isa::Portable, _) => {
            for (threshold, mask) in thresholds.iter().zip(masks) {
                *mask = (0..).zip(x).fold(0, |mask, (lane, x)| {
                    let fails = x > threshold || x.is_nan() && !nan_first;
                    mask | u16::from(fails) << lane
                });
            }
        }
    }
}

/// Adds what each row's leaf adds to its sum. All tests have masks.
pub(super) fn add_leaves<T: Lane>(isa: Isa, tree: Lanes<'_, T>, masks: &[u16], sums: &mut [T; ROWS]) {
    let [low, high] = match isa {
        // SAFETY: an `Isa` other than `Portable` exists only where the CPU has it.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => return unsafe { T::add_avx512(tree, masks, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => tree.closes.map(|closes| unsafe { x86::open_avx2(closes, masks) }),
        Isa::Portable => tree.closes.map(|closes| open(closes, masks)),
    };
    for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
        let open = u64::from(high) << HALF | u64::from(low);
        *sum = *sum + tree.values[open.trailing_zeros() as usize % LEAVES];
    }
}

/// The leaves of half a tree that stay open.
fn open(closes: &[Closes], masks: &[u16]) -> [u32; ROWS] {
    let mut open = [u32::MAX; ROWS];
    for close in closes {
        let fails = masks[close.test as usize];
        for (lane, open) in open.iter_mut().enumerate() {
            // All ones where the row passes.
            let keeps = u32::from(fails >> lane & 1).wrapping_sub(1);
            *open &= close.open | keeps;
        }
    }
    open
}

impl Lane for f32 {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn fail_avx512<const BY: i32>(x: &[Self; ROWS], thresholds: &[f32], masks: &mut [u16]) {
        // SAFETY: there are 16 numbers.
        let x = unsafe { _mm512_loadu_ps(x.as_ptr()) };
        for (threshold, mask) in thresholds.iter().zip(masks) {
            *mask = _mm512_cmp_ps_mask::<BY>(x, _mm512_set1_ps(*threshold));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn fail_avx2<const BY: i32>(x: &[Self; ROWS], thresholds: &[f32], masks: &mut [u16]) {
        // SAFETY: there are eight numbers.
        let (low, high) = (unsafe { _mm256_loadu_ps(x.as_ptr()) }, unsafe { _mm256_loadu_ps(x[8..].as_ptr()) });
        for (threshold, mask) in thresholds.iter().zip(masks) {
            let threshold = _mm256_set1_ps(*threshold);
            let bits = |x| _mm256_movemask_ps(_mm256_cmp_ps::<BY>(x, threshold)) as u16;
            *mask = bits(high) << 8 | bits(low);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn add_avx512(Lanes { closes, values }: Lanes<'_, f32>, masks: &[u16], sums: &mut [f32; ROWS]) {
        let (leaf, is_low) = x86::lowest(closes, masks);
        // SAFETY: there are 64 numbers.
        let load = |quarter: usize| unsafe { _mm512_loadu_ps(values[quarter * ROWS..].as_ptr()) };
        let low = _mm512_permutex2var_ps(load(0), leaf, load(1));
        let high = _mm512_permutex2var_ps(load(2), leaf, load(3));
        // SAFETY: there are 16 numbers.
        let sum = unsafe { _mm512_loadu_ps(sums.as_ptr()) };
        let sum = _mm512_add_ps(sum, _mm512_mask_blend_ps(is_low, high, low));
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), sum) };
    }
}

impl Lane for f64 {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn fail_avx512<const BY: i32>(x: &[Self; ROWS], thresholds: &[f64], masks: &mut [u16]) {
        // SAFETY: there are eight numbers.
        let (low, high) = (unsafe { _mm512_loadu_pd(x.as_ptr()) }, unsafe { _mm512_loadu_pd(x[8..].as_ptr()) });
        for (threshold, mask) in thresholds.iter().zip(masks) {
            let threshold = _mm512_set1_pd(*threshold);
            let (low, high) = (_mm512_cmp_pd_mask::<BY>(low, threshold), _mm512_cmp_pd_mask::<BY>(high, threshold));
            *mask = u16::from(high) << 8 | u16::from(low);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    unsafe fn fail_avx2<const BY: i32>(x: &[Self; ROWS], thresholds: &[f64], masks: &mut [u16]) {
        // SAFETY: there are four numbers.
        let x: [__m256d; 4] = std::array::from_fn(|i| unsafe { _mm256_loadu_pd(x[4 * i..].as_ptr()) });
        for (threshold, mask) in thresholds.iter().zip(masks) {
            let threshold = _mm256_set1_pd(*threshold);
            let bits = x.map(|x| _mm256_movemask_pd(_mm256_cmp_pd::<BY>(x, threshold)) as u16);
            *mask = bits[3] << 12 | bits[2] << 8 | bits[1] << 4 | bits[0];
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn add_avx512(Lanes { closes, values }: Lanes<'_, f64>, masks: &[u16], sums: &mut [f64; ROWS]) {
        let (leaf, is_low) = x86::lowest(closes, masks);
        let leaf = _mm512_mask_blend_epi32(is_low, _mm512_add_epi32(leaf, _mm512_set1_epi32(HALF as i32)), leaf);
        let mut leaves = [0_u32; ROWS];
        // SAFETY: there is room for 16 numbers.
        unsafe { _mm512_storeu_si512(leaves.as_mut_ptr().cast(), leaf) };
        for (sum, leaf) in sums.iter_mut().zip(leaves) {
            *sum += values[leaf as usize % LEAVES];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Closes, ROWS};
    use std::arch::x86_64::*;

    /// NaN is not at most anything.
    pub(super) const NOT_AT_MOST: i32 = _CMP_NLE_UQ;

    /// NaN is above nothing.
    pub(super) const ABOVE: i32 = _CMP_GT_OQ;

    /// The leaves of half a tree that stay open.
    ///
    /// # Safety
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn open_avx2(closes: &[Closes], masks: &[u16]) -> [u32; ROWS] {
        let low_bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
        let high_bits = _mm256_slli_epi32::<8>(low_bits);
        let (mut low, mut high) = (_mm256_set1_epi32(-1), _mm256_set1_epi32(-1));
        for close in closes {
            let fails = _mm256_set1_epi16(masks[close.test as usize] as i16);
            let own = _mm256_set1_epi32(close.open as i32);
            let passes = |bits| _mm256_cmpeq_epi32(_mm256_and_si256(fails, bits), _mm256_setzero_si256());
            low = _mm256_and_si256(low, _mm256_or_si256(own, passes(low_bits)));
            high = _mm256_and_si256(high, _mm256_or_si256(own, passes(high_bits)));
        }
        let mut open = [0; ROWS];
        // SAFETY: there is room for eight numbers.
        unsafe { _mm256_storeu_si256(open.as_mut_ptr().cast(), low) };
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(open[8..].as_mut_ptr().cast(), high) };
        open
    }

    /// The leaves of half a tree that stay open.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn open(closes: &[Closes], masks: &[u16]) -> __m512i {
        let mut open = _mm512_set1_epi32(-1);
        for close in closes {
            let fails = masks[close.test as usize];
            open = _mm512_mask_and_epi32(open, fails, open, _mm512_set1_epi32(close.open as i32));
        }
        open
    }

    /// The lowest open leaf of each row: its number within its half, and the rows where that is the lower one.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn lowest(closes: [&[Closes]; 2], masks: &[u16]) -> (__m512i, __mmask16) {
        let [low, high] = closes;
        let (low, high) = (open(low, masks), open(high, masks));
        let is_low = _mm512_test_epi32_mask(low, low);
        let open = _mm512_mask_blend_epi32(is_low, high, low);
        let lowest = _mm512_and_si512(open, _mm512_sub_epi32(_mm512_setzero_si512(), open));
        // A power of two is its exponent.
        let exponent = _mm512_srli_epi32::<23>(_mm512_castps_si512(_mm512_cvtepu32_ps(lowest)));
        (_mm512_sub_epi32(exponent, _mm512_set1_epi32(127)), is_low)
    }
}
