//! The instructions that multiply bytes, chosen once at start.

use std::sync::OnceLock;

/// Columns of a panel.
pub(crate) const COLUMNS: usize = 16;

/// Numbers of k that lie side by side.
pub(crate) const GROUP: usize = 4;

/// Bytes of a panel for one group.
pub(crate) const GROUP_BYTES: usize = COLUMNS * GROUP;

/// The instruction sets that products of bytes are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Whatever the compiler's target has.
    Portable,
    /// AVX2: sixteen products of `i16` an instruction.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 VNNI: 64 products of bytes an instruction.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// The same with AVX-512 VBMI, which looks bytes up in registers.
    #[cfg(target_arch = "x86_64")]
    Vbmi,
}

#[cfg(test)]
thread_local! {
    /// The unit that tests ask for.
    static FORCED: std::cell::Cell<Option<Unit>> = const { std::cell::Cell::new(None) };
}

/// What runs on a unit. Implementations are `#[inline(always)]`, as all that they call: what is not inlined is compiled
/// without the instruction set.
pub(crate) trait Body {
    /// Runs it.
    ///
    /// # Safety
    /// The CPU has the unit's instructions.
    unsafe fn run<D: Dot>(self);
}

impl Unit {
    /// The units that this CPU has, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let has_avx2 = has!("avx2") && has!("fma") && has!("bmi2") && has!("f16c");
            let has_avx512 = has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
            if has_avx2 && has_avx512 && has!("avx512vnni") {
                if has!("avx512vbmi") {
                    found.push(Self::Vbmi);
                }
                found.push(Self::Vnni);
            }
            if has_avx2 {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// The best unit of this CPU.
    pub(crate) fn best() -> Self {
        #[cfg(test)]
        if let Some(unit) = FORCED.get() {
            return unit;
        }
        static BEST: OnceLock<Unit> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Portable))
    }

    /// Does something while this unit is the best one for this thread.
    #[cfg(test)]
    pub(crate) fn forced(unit: Self, act: impl FnOnce()) {
        FORCED.set(Some(unit));
        act();
        FORCED.set(None);
    }

    /// Runs a body with the unit's instructions switched on.
    pub(crate) fn run(self, body: impl Body) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma,bmi2,f16c")]
            unsafe fn avx2(body: impl Body) {
                // SAFETY: this function's own promise.
                unsafe { body.run::<x86::Avx2>() }
            }
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx2,fma,bmi2,f16c")]
            unsafe fn vnni(body: impl Body) {
                // SAFETY: this function's own promise.
                unsafe { body.run::<x86::Vnni<false>>() }
            }
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512vbmi,avx2,fma,bmi2,f16c")]
            unsafe fn vbmi(body: impl Body) {
                // SAFETY: this function's own promise.
                unsafe { body.run::<x86::Vnni<true>>() }
            }
            match self {
                // SAFETY: a `Unit` other than `Portable` exists only where the CPU has it.
                Self::Avx2 => return unsafe { avx2(body) },
                // SAFETY: as above.
                Self::Vnni => return unsafe { vnni(body) },
                // SAFETY: as above.
                Self::Vbmi => return unsafe { vbmi(body) },
                Self::Portable => {}
            }
        }
        // SAFETY: plain Rust runs everywhere.
        unsafe { body.run::<Portable>() }
    }
}

/// Sums of products of bytes for one row and one panel.
///
/// # Safety
/// Implementations may use instructions of their set: their functions are called only where the CPU has it.
pub(crate) unsafe trait Dot {
    /// The sums.
    type Sums: Copy;
    /// Rows of a tile, highest first, down to one.
    const HEIGHTS: &'static [usize];
    /// Panels of a tile of so many rows: 1, 2 or 4.
    fn panels(height: usize) -> usize;
    /// No products yet.
    unsafe fn zero() -> Self::Sums;
    /// Adds four products a column: of the four bytes of `codes`, unsigned, and those at `weights`, signed, which are
    /// [`GROUP_BYTES`].
    unsafe fn dot(sums: Self::Sums, codes: u32, weights: *const i8) -> Self::Sums;
    /// The sums of the columns, in order.
    unsafe fn columns(sums: Self::Sums) -> [i32; COLUMNS];
    /// The entries of these codes.
    #[inline(always)]
    unsafe fn look_up(table: &[u8; 256], codes: [u8; COLUMNS]) -> [u8; COLUMNS] {
        codes.map(|code| table[usize::from(code)])
    }
}

/// Plain Rust.
pub(crate) struct Portable;

// SAFETY: plain Rust.
unsafe impl Dot for Portable {
    type Sums = [i32; COLUMNS];
    const HEIGHTS: &'static [usize] = &[4, 2, 1];
    fn panels(_: usize) -> usize {
        1
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Sums {
        [0; COLUMNS]
    }
    #[inline(always)]
    unsafe fn dot(mut sums: Self::Sums, codes: u32, weights: *const i8) -> Self::Sums {
        // SAFETY: the caller promises so many readable bytes.
        let weights = unsafe { weights.cast::<[[i8; GROUP]; COLUMNS]>().read_unaligned() };
        let codes = codes.to_le_bytes();
        for (sum, column) in sums.iter_mut().zip(&weights) {
            for (code, weight) in codes.iter().zip(column) {
                *sum = sum.wrapping_add(i32::from(*code) * i32::from(*weight));
            }
        }
        sums
    }
    #[inline(always)]
    unsafe fn columns(sums: Self::Sums) -> [i32; COLUMNS] {
        sums
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{COLUMNS, Dot};
    use std::arch::x86_64::*;

    /// With VBMI or without.
    pub(super) struct Vnni<const HAS_VBMI: bool>;

    // SAFETY: each function is a few instructions of the set, which the caller promises to have.
    unsafe impl<const HAS_VBMI: bool> Dot for Vnni<HAS_VBMI> {
        type Sums = __m512i;
        const HEIGHTS: &'static [usize] = &[12, 4, 2, 1];
        fn panels(height: usize) -> usize {
            if height > 4 { 2 } else { 4 }
        }
        #[inline(always)]
        unsafe fn zero() -> Self::Sums {
            // SAFETY: the caller has the instruction set.
            unsafe { _mm512_setzero_si512() }
        }
        #[inline(always)]
        unsafe fn dot(sums: Self::Sums, codes: u32, weights: *const i8) -> Self::Sums {
            // SAFETY: the caller has the instruction set, and promises 64 readable bytes.
            let weights = unsafe { _mm512_loadu_si512(weights.cast()) };
            // SAFETY: the caller has the instruction set.
            let codes = unsafe { _mm512_set1_epi32(codes as i32) };
            // SAFETY: as above.
            unsafe { _mm512_dpbusd_epi32(sums, codes, weights) }
        }
        #[inline(always)]
        unsafe fn columns(sums: Self::Sums) -> [i32; COLUMNS] {
            let mut columns = [0; COLUMNS];
            // SAFETY: the caller has the instruction set, and there are sixteen places.
            unsafe { _mm512_storeu_si512(columns.as_mut_ptr().cast(), sums) };
            columns
        }
        #[inline(always)]
        unsafe fn look_up(table: &[u8; 256], codes: [u8; COLUMNS]) -> [u8; COLUMNS] {
            if !HAS_VBMI {
                return codes.map(|code| table[usize::from(code)]);
            }
            // SAFETY: the table has four registers' bytes.
            let quarter = |i: usize| unsafe { _mm512_loadu_si512(table[64 * i..].as_ptr().cast()) };
            // SAFETY: sixteen bytes are there.
            let codes = unsafe { _mm_loadu_si128(codes.as_ptr().cast()) };
            // SAFETY: the caller has the instruction set. What lies in the upper lanes is looked up and dropped.
            let wide = unsafe { _mm512_castsi128_si512(codes) };
            // SAFETY: as above. The lowest seven bits of a code choose among 128 entries.
            let lower = unsafe { _mm512_permutex2var_epi8(quarter(0), wide, quarter(1)) };
            // SAFETY: as above.
            let upper = unsafe { _mm512_permutex2var_epi8(quarter(2), wide, quarter(3)) };
            // SAFETY: as above. The eighth bit chooses the half.
            let half = unsafe { _mm512_movepi8_mask(wide) };
            // SAFETY: as above.
            let found = unsafe { _mm512_mask_blend_epi8(half, lower, upper) };
            // SAFETY: as above.
            let found = unsafe { _mm512_castsi512_si128(found) };
            let mut entries = [0; COLUMNS];
            // SAFETY: as above; there are sixteen places.
            unsafe { _mm_storeu_si128(entries.as_mut_ptr().cast(), found) };
            entries
        }
    }

    pub(super) struct Avx2;

    // SAFETY: each function is a few instructions of the set, which the caller promises to have.
    unsafe impl Dot for Avx2 {
        /// Four columns each, two sums of pairs a column.
        type Sums = [__m256i; 4];
        const HEIGHTS: &'static [usize] = &[3, 2, 1];
        fn panels(_: usize) -> usize {
            1
        }
        #[inline(always)]
        unsafe fn zero() -> Self::Sums {
            // SAFETY: the caller has the instruction set.
            [unsafe { _mm256_setzero_si256() }; 4]
        }
        #[inline(always)]
        unsafe fn dot(mut sums: Self::Sums, codes: u32, weights: *const i8) -> Self::Sums {
            // SAFETY: the caller has the instruction set.
            let codes = unsafe { _mm_set1_epi32(codes as i32) };
            // SAFETY: as above.
            let codes = unsafe { _mm256_cvtepu8_epi16(codes) };
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = weights.wrapping_add(COLUMNS * i);
                // SAFETY: the caller promises four times sixteen readable bytes.
                let columns = unsafe { _mm_loadu_si128(at.cast()) };
                // SAFETY: the caller has the instruction set.
                let columns = unsafe { _mm256_cvtepi8_epi16(columns) };
                // SAFETY: as above.
                let products = unsafe { _mm256_madd_epi16(codes, columns) };
                // SAFETY: as above.
                *sum = unsafe { _mm256_add_epi32(*sum, products) };
            }
            sums
        }
        #[inline(always)]
        unsafe fn columns(sums: Self::Sums) -> [i32; COLUMNS] {
            let mut columns = [0; COLUMNS];
            for (pair, eight) in sums.chunks_exact(2).zip(columns.chunks_exact_mut(8)) {
                // The addition of neighbours leaves columns 0 1 4 5 2 3 6 7.
                // SAFETY: the caller has the instruction set.
                let added = unsafe { _mm256_hadd_epi32(pair[0], pair[1]) };
                // SAFETY: as above.
                let ordered = unsafe { _mm256_permute4x64_epi64::<0b11_01_10_00>(added) };
                // SAFETY: as above; there are eight places.
                unsafe { _mm256_storeu_si256(eight.as_mut_ptr().cast(), ordered) };
            }
            columns
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Whole<'a>(&'a [u8; 256], &'a mut [u8; 256]);

    impl Body for Whole<'_> {
        #[inline(always)]
        unsafe fn run<D: Dot>(self) {
            for (first, found) in (0..=u8::MAX).step_by(COLUMNS).zip(self.1.as_chunks_mut::<COLUMNS>().0) {
                // SAFETY: the caller has the instructions.
                *found = unsafe { D::look_up(self.0, std::array::from_fn(|i| first + i as u8)) };
            }
        }
    }

    #[test]
    fn each_unit_looks_up_every_code() {
        let table = std::array::from_fn(|i| (i * 91 + 7) as u8);
        for unit in Unit::available() {
            let mut found = [0; 256];
            unit.run(Whole(&table, &mut found));
            assert_eq!(found, table, "{unit:?}");
        }
    }
}
