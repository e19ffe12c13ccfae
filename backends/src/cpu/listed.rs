//! Numbers of a short list, by codes: each is added to a sum.
//!
//! A list of up to 128 numbers lies in registers and sixteen codes choose at once; loads by code, which longer lists take
//! one after the other, read two a cycle at best, and the gather instructions of most CPUs fewer.

use crate::cpu::simd::Isa;

/// A number of 32 bits.
pub(crate) trait Listed: bytemuck::Pod {
    /// Whether it is a float.
    const IS_FLOAT: bool;
    /// The sum of two.
    fn plus(self, other: Self) -> Self;
}

impl Listed for u32 {
    const IS_FLOAT: bool = false;
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
}

impl Listed for f32 {
    const IS_FLOAT: bool = true;
    fn plus(self, other: Self) -> Self {
        self + other
    }
}

/// Adds to each sum the list's number at the place of its code, wrapping; gives the bits of all these numbers, or-ed.
/// Places behind the list stand for its last number.
///
/// # Panics
/// For an empty list.
pub fn add_listed<C: Copy>(list: &[u32], codes: &[C], place: impl Fn(C) -> u32 + Copy, sums: &mut [u32]) -> u32 {
    add_by(Isa::best(), list, codes, place, sums)
}

/// As [`add_listed`], for any numbers.
pub(crate) fn add_by<T: Listed, C: Copy>(
    isa: Isa,
    list: &[T],
    codes: &[C],
    place: impl Fn(C) -> u32 + Copy,
    sums: &mut [T],
) -> u32 {
    assert!(!list.is_empty(), "a list has a number");
    #[cfg(target_arch = "x86_64")]
    match (isa, list.len()) {
        // SAFETY: an `Isa` exists only where the CPU has it.
        (Isa::Avx512, ..=32) => return unsafe { x86::avx512::<1, T, C>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx512, ..=64) => return unsafe { x86::avx512::<2, T, C>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx512, ..=128) => return unsafe { x86::avx512::<4, T, C>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx2, ..=8) => return unsafe { x86::avx2::<1, T, C>(list, codes, place, sums) },
        // SAFETY: as above.
        (Isa::Avx2, ..=32) => return unsafe { x86::avx2::<4, T, C>(list, codes, place, sums) },
        _ => {}
    }
    let _ = isa;
    plain(list, codes, place, sums)
}

fn plain<T: Listed, C: Copy>(list: &[T], codes: &[C], place: impl Fn(C) -> u32, sums: &mut [T]) -> u32 {
    let last = list.len() - 1;
    let mut bits = 0;
    for (sum, code) in sums.iter_mut().zip(codes) {
        let number = list[(place(*code) as usize).min(last)];
        *sum = sum.plus(number);
        bits |= bytemuck::cast::<T, u32>(number);
    }
    bits
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Listed;
    use std::arch::x86_64::*;

    /// Bytes from the codes that are read to those that are fetched meanwhile: by themselves, caches stop fetching where a
    /// page ends.
    const AHEAD: usize = 2_048;

    /// A list with its last number repeated.
    fn padded<T: Listed>(list: &[T]) -> [T; 128] {
        let mut padded = [list[list.len() - 1]; 128];
        padded[..list.len()].copy_from_slice(list);
        padded
    }

    /// A list of up to `32 * PAIRS` numbers.
    ///
    /// # Safety
    /// The CPU has AVX-512 F.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
    pub(super) unsafe fn avx512<const PAIRS: usize, T: Listed, C: Copy>(
        list: &[T],
        codes: &[C],
        place: impl Fn(C) -> u32,
        sums: &mut [T],
    ) -> u32 {
        // SAFETY: there are 16 numbers of 32 bits.
        let load = |numbers: &[T; 16]| unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) };
        // SAFETY: as above.
        let load_codes = |codes: &[u32; 16]| unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) };
        let numbers = padded(list);
        let list_in_registers: [_; 8] = std::array::from_fn(|i| load(&numbers.as_chunks::<16>().0[i]));
        let last = _mm512_set1_epi32(list.len() as i32 - 1);
        let mut bits = _mm512_setzero_si512();
        let (parts, rest) = codes.as_chunks::<16>();
        let (own, behind) = sums.split_at_mut(16 * parts.len().min(sums.len() / 16));
        for (sums, codes) in own.as_chunks_mut::<16>().0.iter_mut().zip(parts) {
            _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().cast::<i8>().wrapping_add(AHEAD));
            let at = _mm512_min_epu32(load_codes(&codes.map(&place)), last);
            let pair = |i: usize| _mm512_permutex2var_epi32(list_in_registers[2 * i], at, list_in_registers[2 * i + 1]);
            let mut found = pair(0);
            for i in 1..PAIRS {
                let is_here = _mm512_cmpge_epu32_mask(at, _mm512_set1_epi32(32 * i as i32));
                found = _mm512_mask_mov_epi32(found, is_here, pair(i));
            }
            bits = _mm512_or_si512(bits, found);
            let sum = match T::IS_FLOAT {
                true => _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(load(sums)), _mm512_castsi512_ps(found))),
                false => _mm512_add_epi32(load(sums), found),
            };
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
    pub(super) unsafe fn avx2<const TABLES: usize, T: Listed, C: Copy>(
        list: &[T],
        codes: &[C],
        place: impl Fn(C) -> u32,
        sums: &mut [T],
    ) -> u32 {
        // SAFETY: there are 8 numbers of 32 bits.
        let load = |numbers: &[T; 8]| unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
        // SAFETY: as above.
        let load_codes = |codes: &[u32; 8]| unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
        let numbers = padded(list);
        let list_in_registers: [_; TABLES] = std::array::from_fn(|i| load(&numbers.as_chunks::<8>().0[i]));
        let last = _mm256_set1_epi32(list.len() as i32 - 1);
        let mut bits = _mm256_setzero_si256();
        let (parts, rest) = codes.as_chunks::<8>();
        let (own, behind) = sums.split_at_mut(8 * parts.len().min(sums.len() / 8));
        for (sums, codes) in own.as_chunks_mut::<8>().0.iter_mut().zip(parts) {
            let at = _mm256_min_epu32(load_codes(&codes.map(&place)), last);
            let mut found = _mm256_permutevar8x32_epi32(list_in_registers[0], at);
            for (table, numbers) in list_in_registers.iter().enumerate().skip(1) {
                let is_here = _mm256_cmpgt_epi32(at, _mm256_set1_epi32(8 * table as i32 - 1));
                found = _mm256_blendv_epi8(found, _mm256_permutevar8x32_epi32(*numbers, at), is_here);
            }
            bits = _mm256_or_si256(bits, found);
            let sum = match T::IS_FLOAT {
                true => _mm256_castps_si256(_mm256_add_ps(_mm256_castsi256_ps(load(sums)), _mm256_castsi256_ps(found))),
                false => _mm256_add_epi32(load(sums), found),
            };
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
                    // Floats of the same list, with a sum that rounds and a negative zero.
                    let list: Vec<f32> = list.iter().map(|x| if x % 5 == 0 { -0.0 } else { *x as f32 / 3.0 }).collect();
                    let mut sums: Vec<f32> = (0..rows).map(|row| if row % 3 == 0 { -0.0 } else { 0.1 }).collect();
                    let number = |code: &i16| *list.get(*code as usize).unwrap_or(&list[list.len() - 1]);
                    let expected: Vec<f32> = sums.iter().zip(&codes).map(|(sum, code)| sum + number(code)).collect();
                    add_by(isa, &list, &codes, place, &mut sums);
                    let bits = |sums: &[f32]| sums.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&sums), bits(&expected), "{isa:?}: {length} floats, {rows} rows");
                }
            }
        }
    }
}
