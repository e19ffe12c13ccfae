//! The weights of leaves, looked up in registers: for trees of few leaves.
//!
//! A part of a block's rows has its leaf numbers as bits in planes. With AVX2 the planes become a byte a row, and a table
//! of 16 bytes at a time is looked up by a byte shuffle, once for each of the four bytes of a weight. With AVX-512 a table
//! of 32 weights is looked up at once, or of 16 where sums are f64. Either gives the bits of looking the weights up one after the other.

use super::Mask;
use crate::cpu::simd::Isa;
use hologram_ops::forest::Precision;

/// Bits of the largest leaf number that is looked up so.
const BITS_MAX: usize = 8;

/// The same with AVX2, whose shuffles look up 16 bytes at a time.
#[cfg(target_arch = "x86_64")]
const AVX2_BITS_MAX: usize = 7;

/// Whether weights in this width, by leaf numbers of so many bits, are looked up in registers and added.
pub(super) fn are_in_registers(isa: Isa, width: Precision, bits: usize) -> bool {
    match (isa, width) {
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Precision::F32) => bits <= BITS_MAX,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Precision::F32) => bits <= AVX2_BITS_MAX,
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Precision::F64) => bits <= WIDE_BITS_MAX,
        _ => {
            let _ = bits;
            false
        }
    }
}

/// The weights of a tree's leaves for one target.
#[derive(Debug)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "read by code for that processor alone"))]
pub(super) struct Weights32 {
    /// By leaf number, as long as a power of two and at least 32.
    weights: Vec<f32>,
    /// Byte `b` of the weights of 16 leaves, by `b` and then by leaf.
    bytes: Vec<[u8; 16]>,
}

impl Weights32 {
    /// The weights by leaf number, of which there are a power of two; `None` where they are too many.
    pub(super) fn new(weights: &[f32]) -> Option<Self> {
        if weights.len() > 1 << BITS_MAX {
            return None;
        }
        let mut weights = weights.to_vec();
        weights.resize(weights.len().max(32), 0.0);
        let bytes = (0..4).flat_map(|b| {
            let of = move |leaves: &[f32; 16]| leaves.map(|weight| weight.to_le_bytes()[b]);
            weights.as_chunks::<16>().0.iter().map(of).collect::<Vec<_>>()
        });
        Some(Self { bytes: bytes.collect(), weights })
    }
}

/// Adds the weight of each row's leaf, whose number is in the planes, to its sum; whether it did.
pub(super) fn add<const W: usize>(isa: Isa, planes: &[Mask<W>], weights: &Weights32, sums: &mut [f32]) -> bool {
    match planes.len() {
        0 => add_of::<0, W>(isa, planes, weights, sums),
        1 => add_of::<1, W>(isa, planes, weights, sums),
        2 => add_of::<2, W>(isa, planes, weights, sums),
        3 => add_of::<3, W>(isa, planes, weights, sums),
        4 => add_of::<4, W>(isa, planes, weights, sums),
        5 => add_of::<5, W>(isa, planes, weights, sums),
        6 => add_of::<6, W>(isa, planes, weights, sums),
        7 => add_of::<7, W>(isa, planes, weights, sums),
        8 => add_of::<8, W>(isa, planes, weights, sums),
        _ => false,
    }
}

/// As [`add`] for leaf numbers of `K` bits.
fn add_of<const K: usize, const W: usize>(isa: Isa, planes: &[Mask<W>], weights: &Weights32, sums: &mut [f32]) -> bool {
    let Some(planes) = planes.first_chunk::<K>() else { return false };
    match isa {
        Isa::Portable => {
            let _ = (planes, weights, sums);
            false
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if K > AVX2_BITS_MAX => false,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            // SAFETY: this `Isa` exists only where the CPU has it.
            unsafe { x86::avx2(planes, weights, sums) };
            true
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            // SAFETY: as above.
            unsafe { x86::avx512(planes, weights, sums) };
            true
        }
    }
}

/// Bits of the largest leaf number that is looked up in registers where sums are f64.
#[cfg(target_arch = "x86_64")]
const WIDE_BITS_MAX: usize = 6;

/// As [`add`] where sums are f64; there are at least 16 weights, and as many as leaf numbers.
pub(super) fn add_wide<const W: usize>(isa: Isa, planes: &[Mask<W>], weights: &[f64], sums: &mut [f64]) -> bool {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if planes.len() <= WIDE_BITS_MAX => {
            // SAFETY: this `Isa` exists only where the CPU has it.
            unsafe { x86::wide_avx512(planes, weights, sums) };
            true
        }
        _ => {
            let _ = (planes, weights, sums);
            false
        }
    }
}

/// The numbers of a word's rows, a bit of which is in each of at most eight planes.
#[inline(always)]
pub(super) fn numbers<const W: usize>(isa: Isa, planes: &[Mask<W>], word: usize) -> [u8; 64] {
    match isa {
        // SAFETY: this `Isa` exists only where the CPU has it.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { x86::numbers_avx512(planes, word) },
        _ => {
            let mut numbers = [0; 64];
            for (bit, plane) in planes.iter().enumerate() {
                for (row, number) in numbers.iter_mut().enumerate() {
                    *number |= ((plane[word] >> row) as u8 & 1) << bit;
                }
            }
            numbers
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{super::Mask, Weights32};
    use std::arch::x86_64::*;

    /// # Safety
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2<const K: usize, const W: usize>(
        planes: &[Mask<W>; K],
        weights: &Weights32,
        sums: &mut [f32],
    ) {
        let load = |bytes: &[u8; 16]| {
            // SAFETY: there are 16 bytes.
            let half = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            _mm256_broadcastsi128_si256(half)
        };
        let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
        // Byte i of a register holds bit i of 32: it takes byte i / 8.
        let spread = _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
        let (chunks, _) = sums.as_chunks_mut::<32>();
        let tables = 1 << K.saturating_sub(4);
        let bytes: [&[[u8; 16]]; 4] = std::array::from_fn(|b| &weights.bytes[b * weights.bytes.len() / 4..][..tables]);
        for (part, sums) in chunks.iter_mut().enumerate() {
            let mut leaf = _mm256_setzero_si256();
            for (k, plane) in planes.iter().enumerate() {
                let word = (plane[part / 2] >> (32 * (part % 2))) as u32;
                let of_row = _mm256_shuffle_epi8(_mm256_set1_epi32(word as i32), spread);
                let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(of_row, bit), bit);
                leaf = _mm256_or_si256(leaf, _mm256_and_si256(is_set, _mm256_set1_epi8(1 << k)));
            }
            let mut found = [_mm256_setzero_si256(); 4];
            for table in 0..tables {
                // Bytes of other tables' leaves get their highest bit, for which a shuffle gives zero.
                let own = _mm256_xor_si256(leaf, _mm256_set1_epi8((table << 4) as i8));
                let place = _mm256_adds_epu8(own, _mm256_set1_epi8(0x70));
                for (found, bytes) in found.iter_mut().zip(&bytes) {
                    *found = _mm256_or_si256(*found, _mm256_shuffle_epi8(load(&bytes[table]), place));
                }
            }
            let [b0, b1, b2, b3] = found;
            // Each half of a register holds 16 rows.
            let (low, high) = (_mm256_unpacklo_epi8(b0, b1), _mm256_unpacklo_epi8(b2, b3));
            let (rows_0, rows_4) = (_mm256_unpacklo_epi16(low, high), _mm256_unpackhi_epi16(low, high));
            let (low, high) = (_mm256_unpackhi_epi8(b0, b1), _mm256_unpackhi_epi8(b2, b3));
            let (rows_8, rows_12) = (_mm256_unpacklo_epi16(low, high), _mm256_unpackhi_epi16(low, high));
            let eights = [
                _mm256_permute2x128_si256::<0x20>(rows_0, rows_4),
                _mm256_permute2x128_si256::<0x20>(rows_8, rows_12),
                _mm256_permute2x128_si256::<0x31>(rows_0, rows_4),
                _mm256_permute2x128_si256::<0x31>(rows_8, rows_12),
            ];
            for (sums, weights) in sums.as_chunks_mut::<8>().0.iter_mut().zip(eights) {
                // SAFETY: there are eight numbers.
                let sum = unsafe { _mm256_loadu_ps(sums.as_ptr()) };
                let sum = _mm256_add_ps(sum, _mm256_castsi256_ps(weights));
                // SAFETY: as above.
                unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), sum) };
            }
        }
    }

    /// # Safety
    /// The CPU has AVX-512 F and BW.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    pub(super) unsafe fn numbers_avx512<const W: usize>(planes: &[Mask<W>], word: usize) -> [u8; 64] {
        let mut numbers = _mm512_setzero_si512();
        for (bit, plane) in planes.iter().enumerate() {
            numbers = _mm512_mask_add_epi8(numbers, plane[word], numbers, _mm512_set1_epi8((1_u8 << bit) as i8));
        }
        let mut out = [0; 64];
        // SAFETY: there are 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), numbers) };
        out
    }

    /// # Safety
    /// The CPU has AVX-512 F and BW.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn avx512<const K: usize, const W: usize>(
        planes: &[Mask<W>; K],
        weights: &Weights32,
        sums: &mut [f32],
    ) {
        let load = |weights: &[f32; 16]| {
            // SAFETY: there are 16 numbers.
            unsafe { _mm512_loadu_ps(weights.as_ptr()) }
        };
        let (sixteens, _) = weights.weights.as_chunks::<16>();
        let (words, _) = sums.as_chunks_mut::<64>();
        for (word, sums) in words.iter_mut().enumerate() {
            let mut numbers = _mm512_setzero_si512();
            for (bit, plane) in planes.iter().enumerate() {
                numbers = _mm512_mask_add_epi8(numbers, plane[word], numbers, _mm512_set1_epi8((1_u8 << bit) as i8));
            }
            let quarters = [
                _mm512_extracti32x4_epi32::<0>(numbers),
                _mm512_extracti32x4_epi32::<1>(numbers),
                _mm512_extracti32x4_epi32::<2>(numbers),
                _mm512_extracti32x4_epi32::<3>(numbers),
            ];
            for ((i, numbers), sums) in quarters.into_iter().enumerate().zip(sums.as_chunks_mut::<16>().0) {
                let leaf = _mm512_cvtepu8_epi32(numbers);
                // The lowest five bits choose among 32 weights, the others between those.
                let mut found = [_mm512_setzero_ps(); 8];
                for (table, found) in found.iter_mut().enumerate().take(1 << K.saturating_sub(5)) {
                    *found = _mm512_permutex2var_ps(load(&sixteens[2 * table]), leaf, load(&sixteens[2 * table + 1]));
                }
                for (bit, plane) in planes.iter().enumerate().skip(5) {
                    let is_set = (plane[word] >> (16 * i)) as u16;
                    for pair in 0..1 << (K - 1 - bit) {
                        found[pair] = _mm512_mask_blend_ps(is_set, found[2 * pair], found[2 * pair + 1]);
                    }
                }
                // SAFETY: there are 16 numbers.
                let sum = _mm512_add_ps(unsafe { _mm512_loadu_ps(sums.as_ptr()) }, found[0]);
                // SAFETY: as above.
                unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), sum) };
            }
        }
    }

    /// # Safety
    /// The CPU has AVX-512 F and BW.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn wide_avx512<const W: usize>(planes: &[Mask<W>], weights: &[f64], sums: &mut [f64]) {
        match planes.len() {
            // SAFETY: the CPU has it.
            ..=4 => unsafe { wide_of::<1, W>(planes, weights, sums) },
            // SAFETY: as above.
            5 => unsafe { wide_of::<2, W>(planes, weights, sums) },
            // SAFETY: as above.
            _ => unsafe { wide_of::<4, W>(planes, weights, sums) },
        }
    }

    /// As [`wide_avx512`] for so many tables of 16 weights.
    ///
    /// # Safety
    /// As there.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn wide_of<const TABLES: usize, const W: usize>(planes: &[Mask<W>], weights: &[f64], sums: &mut [f64]) {
        let (eights, _) = weights.as_chunks::<8>();
        let Some(eights) = eights.get(..2 * TABLES) else { return };
        // SAFETY: there are eight numbers.
        let load = |at: usize| unsafe { _mm512_loadu_pd(eights[at].as_ptr()) };
        for (word, sums) in sums.as_chunks_mut::<64>().0.iter_mut().enumerate() {
            // SAFETY: the CPU has it.
            let numbers = unsafe { numbers_avx512(planes, word) };
            let groups = numbers.as_chunks::<8>().0.iter().zip(sums.as_chunks_mut::<8>().0);
            for (i, (numbers, sums)) in groups.enumerate() {
                let leaf = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(*numbers)));
                // The lowest four bits choose among 16 weights, the others between those.
                let mut found: [__m512d; TABLES] =
                    std::array::from_fn(|table| _mm512_permutex2var_pd(load(2 * table), leaf, load(2 * table + 1)));
                for (bit, plane) in planes.iter().enumerate().skip(4) {
                    let is_set = (plane[word] >> (8 * i)) as u8;
                    for pair in 0..TABLES >> (bit - 3) {
                        found[pair] = _mm512_mask_blend_pd(is_set, found[2 * pair], found[2 * pair + 1]);
                    }
                }
                // SAFETY: there are eight numbers.
                let sum = _mm512_add_pd(unsafe { _mm512_loadu_pd(sums.as_ptr()) }, found[0]);
                // SAFETY: as above.
                unsafe { _mm512_storeu_pd(sums.as_mut_ptr(), sum) };
            }
        }
    }
}
