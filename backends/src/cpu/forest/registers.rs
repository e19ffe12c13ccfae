//! Registers of rows, a bit each, so that the loops over masks are written once.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A register of rows.
///
/// # Safety
/// Functions may use instructions of a set: they are called only where the CPU has it.
pub(super) unsafe trait Rows: Copy {
    fn none() -> Self;
    /// All rows, or none.
    fn all(is_set: bool) -> Self;
    fn and(self, other: Self) -> Self;
    fn and_not(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// # Safety
    /// They can be read.
    unsafe fn load<const N: usize>(from: *const [Self; N]) -> [Self; N];
    /// # Safety
    /// They can be written.
    unsafe fn store<const N: usize>(to: *mut [Self; N], rows: [Self; N]);
}

// SAFETY: no instruction that is not everywhere.
unsafe impl Rows for u64 {
    #[inline(always)]
    fn none() -> Self {
        0
    }
    #[inline(always)]
    fn all(is_set: bool) -> Self {
        u64::from(is_set).wrapping_neg()
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        self & !other
    }
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }
    #[inline(always)]
    unsafe fn load<const N: usize>(from: *const [Self; N]) -> [Self; N] {
        // One after the other: gathered into larger registers, as a compiler would, they take several times as long.
        // SAFETY: the caller promises them.
        std::array::from_fn(|i| unsafe { from.cast::<Self>().wrapping_add(i).read_volatile() })
    }
    #[inline(always)]
    unsafe fn store<const N: usize>(to: *mut [Self; N], rows: [Self; N]) {
        // SAFETY: the caller promises room.
        unsafe { to.write(rows) };
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! rows {
    ($register:ty, $none:ident, $all:ident, $and:ident, $and_not:ident, $or:ident, $load:ident, $store:ident) => {
        // SAFETY: the set's own instructions.
        unsafe impl Rows for $register {
            #[inline(always)]
            fn none() -> Self {
                // SAFETY: this is called only where the CPU has it.
                unsafe { $none() }
            }
            #[inline(always)]
            fn all(is_set: bool) -> Self {
                // SAFETY: as above.
                unsafe { $all(-i64::from(is_set)) }
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $and(self, other) }
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $and_not(other, self) }
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { $or(self, other) }
            }
            #[inline(always)]
            unsafe fn load<const N: usize>(from: *const [Self; N]) -> [Self; N] {
                // SAFETY: the caller promises them.
                std::array::from_fn(|i| unsafe { $load(from.cast::<Self>().wrapping_add(i)) })
            }
            #[inline(always)]
            unsafe fn store<const N: usize>(to: *mut [Self; N], rows: [Self; N]) {
                for (i, rows) in rows.into_iter().enumerate() {
                    // SAFETY: the caller promises room.
                    unsafe { $store(to.cast::<Self>().wrapping_add(i), rows) };
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
rows!(
    __m256i,
    _mm256_setzero_si256,
    _mm256_set1_epi64x,
    _mm256_and_si256,
    _mm256_andnot_si256,
    _mm256_or_si256,
    _mm256_loadu_si256,
    _mm256_storeu_si256
);
#[cfg(target_arch = "x86_64")]
rows!(
    __m512i,
    _mm512_setzero_si512,
    _mm512_set1_epi64,
    _mm512_and_si512,
    _mm512_andnot_si512,
    _mm512_or_si512,
    _mm512_loadu_si512,
    _mm512_storeu_si512
);
