//! Numbers of a short list, by codes: each is added to a sum.
//!
//! A list of up to 128 numbers lies in registers and sixteen codes choose at once; loads by code, which longer lists take
//! one after the other, read two a cycle at best, and the gather instructions of most CPUs fewer.

use crate::cpu::simd::Isa;

/// Adds to each sum the list's number at the place of its code, wrapping; gives the bits of all these numbers, or-ed.
/// Places behind the list stand for its last number.
///
/// # Panics
/// For an empty list.
pub fn add_listed<C: Copy>(list: &[u32], codes: &[C], place: impl Fn(C) -> u32 + Copy, sums: &mut [u32]) -> u32 {
    add_by(Isa::best(), list, codes, place, sums)
}

fn add_by<C: Copy>(isa: Isa, list: &[u32], codes: &[C], place: impl Fn(C) -> u32 + Copy, sums: &mut [u32]) -> u32 {
    assert!(!list.is_empty(), "a list has a number");
    #[cfg(target_arch = "x86_64")]
    match (isa, list.len()) {
        // SAFETY: an `Isa` exists only where the CPU has it.
        (Isa::Avx512, ..=32) => return unsafe { x86::avx512::<1, _>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx512, ..=64) => return unsafe { x86::avx512::<2, _>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx512, ..=128) => return unsafe { x86::avx512::<4, _>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx2, ..=8) => return unsafe { x86::avx2::<1, _>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx2, ..=32) => return unsafe { x86::avx2::<4, _>(list, codes, place, sums) },
        _ => {}
    }
    let _ = isa;
    plain(list, codes, place, sums)
}

fn plain<C: Copy>(list: &[u32], codes: &[C], place: impl Fn(C) -> u32, sums: &mut [u32]) -> u32 {
    let last = list.len() - 1;
    let mut bits = 0;
    for (sum, code) in sums.iter_mut().zip(codes) {
        let number = list[(place(*code) as usize).min(last)];
        *sum = sum.wrapping_add(number);
        bits |= number;
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Bytes from the codes that are read to those that are fetched meanwhile: by themselves, caches stop fetching where a
    /// page ends.
    const AHEAD: usize = 2_048;

    /// A list with its last number repeated.
    fn padded<const N: usize>(list: &[u32]) -> [[u32; N]; 8] {
        let last = list[list.len() - 1];
        std::array::from_fn(|register| std::array::from_fn(|i| *list.get(register * N + i).unwrap_or(&last)))
    }

    /// A list of up to `32 * PAIRS` numbers.
    ///
    /// # Safety
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
    pub(super) unsafe fn avx512<const PAIRS: usize, C: Copy>(
        list: &[u32],
        codes: &[C],
        place: impl Fn(C) -> u32,
        sums: &mut [u32],
    ) -> u32 {
        // SAFETY: there are 16 numbers.
        let load = |numbers: &[u32; 16]| unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) };
        let list_in_registers = padded::<16>(list).map(|numbers| load(&numbers));
        let last = _mm512_set1_epi32(list.len() as i32 - 1);
        let mut bits = _mm512_setzero_si512();
        let (parts, rest) = codes.as_chunks::<16>();
        let (own, behind) = sums.split_at_mut(16 * parts.len().min(sums.len() / 16));
        for (sums, codes) in own.as_chunks_mut::<16>().0.iter_mut().zip(parts) {
            _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().cast::<i8>().wrapping_add(AHEAD));
            let at = _mm512_min_epu32(load(&codes.map(&place)), last);
            let pair = |i: usize| _mm512_permutex2var_epi32(list_in_registers[2 * i], at, list_in_registers[2 * i + 1]);
            let mut found = pair(0);
            for i in 1..PAIRS {
                let is_here = _mm512_cmpge_epu32_mask(at, _mm512_set1_epi32(32 * i as i32));
                found = _mm512_mask_mov_epi32(found, is_here, pair(i));
            }
            bits = _mm512_or_si512(bits, found);
            let sum = _mm512_add_epi32(load(sums), found);
            // SAFETY: there are 16 numbers.
            unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum) };
        }
        _mm512_reduce_or_epi32(bits) as u32 | super::plain(list, rest, place, behind)
    }

    /// A list of up to `8 * TABLES` numbers.
    ///
    /// # Safety
    /// The CPU has AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn avx2<const TABLES: usize, C: Copy>(
        list: &[u32],
        codes: &[C],
        place: impl Fn(C) -> u32,
        sums: &mut [u32],
    ) -> u32 {
        // SAFETY: there are 8 numbers.
        let load = |numbers: &[u32; 8]| unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
        let list_in_registers = padded::<8>(list).map(|numbers| load(&numbers));
        let last = _mm256_set1_epi32(list.len() as i32 - 1);
        let mut bits = _mm256_setzero_si256();
        let (parts, rest) = codes.as_chunks::<8>();
        let (own, behind) = sums.split_at_mut(8 * parts.len().min(sums.len() / 8));
        for (sums, codes) in own.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            let at = _mm256_min_epu32(load(&codes.map(&place)), last);
            let mut found = _mm256_permutevar8x32_epi32(list_in_registers[0], at);
            for (table, numbers) in list_in_registers.iter().enumerate().take(TABLES).skip(1) {
                let is_here = _mm256_cmpgt_epi32(at, _mm256_set1_epi32(8 * table as i32 - 1));
                found = _mm256_blendv_epi8(found, _mm256_permutevar8x32_epi32(*numbers, at), is_here);
            }
            bits = _mm256_or_si256(bits, found);
            let sum = _mm256_add_epi32(load(sums), found);
            // SAFETY: there are 8 numbers.
            unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), sum) };
        }
        let mut each = [0_u32; 8];
        // SAFETY: there are 8 numbers.
        unsafe { _mm256_storeu_si256(each.as_mut_ptr().cast(), bits) };
        each.iter().fold(0, |all, bits| all | bits) | super::plain(list, rest, place, behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_adds_what_the_list_has() {
        for isa in Isa::available() {
            for length in [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300] {
                let list: Vec<u32> = (0..length).map(|i| ((i * i + 1) as u32).wrapping_mul(0x1000_0001)).collect();
                for rows in [0, 1, 7, 8, 15, 16, 17, 100] {
                    let codes: Vec<i16> = (0..rows).map(|row| (row * 7 % (length + 2)) as i16 - 1).collect();
                    let place = |code: i16| code as u32;
                    let mut sums: Vec<u32> = (0..rows as u32).map(|row| row << 28).collect();
                    let mut expected = sums.clone();
                    let mut bits = 0;
                    for (sum, code) in expected.iter_mut().zip(&codes) {
                        // Whatever is no place in the list is its last, the one below zero as well.
                        let number = *list.get(*code as usize).unwrap_or(&list[list.len() - 1]);
                        *sum = sum.wrapping_add(number);
                        bits |= number;
                    }
                    assert_eq!(add_by(isa, &list, &codes, place, &mut sums), bits, "{isa:?} {length} {rows}");
                    assert_eq!(sums, expected, "{isa:?}: {length} numbers, {rows} rows");
                }
            }
        }
    }
}
