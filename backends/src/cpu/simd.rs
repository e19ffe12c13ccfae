//! Vectors of `f32` on each instruction set, so that a kernel is written once.
//!
//! [`Isa`] is chosen once at start. A kernel is a generic, always-inlined function over [`Vector`]; each kernel
//! has a function for every set that calls it with that set switched on. Every set gives the same bits: all arithmetic is exact
//! IEEE 754 with explicit fused multiply-adds.

use std::sync::OnceLock;

/// The instruction sets that kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// Whatever the compiler's target has.
    Portable,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The sets that this CPU has, best first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx512f")
                && has!("avx512vl")
                && has!("avx512bw")
                && has!("avx512dq")
                && has!("fma")
                && has!("avx2")
            {
                found.push(Self::Avx512);
            }
            if has!("avx2") && has!("fma") {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Portable);
        found
    }

    /// The best set of this CPU.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().first().copied().unwrap_or(Self::Portable))
    }
}

/// A vector register of `f32`.
///
/// # Safety
/// Implementations may use instructions of their set: their functions are called only where the CPU has it.
pub(crate) unsafe trait Vector: Copy {
    /// Numbers in a register.
    const LANES: usize;
    /// Registers of the set.
    const REGISTERS: usize;
    /// All lanes zero.
    unsafe fn zero() -> Self;
    /// All lanes this number.
    unsafe fn splat(x: f32) -> Self;
    /// Reads `LANES` numbers from `p`, which needs no alignment.
    unsafe fn load(p: *const f32) -> Self;
    /// Writes `LANES` numbers to `p`, which needs no alignment.
    unsafe fn store(self, p: *mut f32);
    /// `self * a + b` with one rounding.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
}

/// The portable vector: the compiler makes of it what the target has.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 8]);

// SAFETY: plain Rust.
unsafe impl Vector for Portable {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 8])
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises eight readable numbers.
        Self(unsafe { p.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises eight writable numbers.
        unsafe { p.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i].mul_add(a.0[i], b.0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($name:ident, $register:ty, $lanes:literal, $registers:literal, $zero:ident, $splat:ident, $load:ident, $store:ident, $fma:ident) => {
            /// A register of this instruction set.
            #[derive(Clone, Copy)]
            pub(crate) struct $name($register);
            // SAFETY: each function is one instruction of the set, which the caller promises to have.
            unsafe impl Vector for $name {
                const LANES: usize = $lanes;
                const REGISTERS: usize = $registers;
                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: the caller has the instruction set.
                    Self(unsafe { $zero() })
                }
                #[inline(always)]
                unsafe fn splat(x: f32) -> Self {
                    // SAFETY: the caller has the instruction set.
                    Self(unsafe { $splat(x) })
                }
                #[inline(always)]
                unsafe fn load(p: *const f32) -> Self {
                    // SAFETY: the caller has the instruction set and promises so many readable numbers.
                    Self(unsafe { $load(p) })
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut f32) {
                    // SAFETY: the caller has the instruction set and promises so many writable numbers.
                    unsafe { $store(p, self.0) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, a: Self, b: Self) -> Self {
                    // SAFETY: the caller has the instruction set.
                    Self(unsafe { $fma(self.0, a.0, b.0) })
                }
            }
        };
    }
    vector!(Avx2, __m256, 8, 16, _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
    vector!(
        Avx512,
        __m512,
        16,
        32,
        _mm512_setzero_ps,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps
    );
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// Runs a body with an instruction set switched on, so that the compiler may vectorise it. The body must be an
/// `#[inline(always)]` closure that calls functions of the same kind: what is not inlined is compiled without the set, and
/// then a fused multiply-add is a call.
///
/// The bits do not change: Rust never reorders or contracts floating-point arithmetic.
#[inline]
pub(crate) fn vectorized<R>(isa: Isa, body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma,bmi2,f16c")]
        unsafe fn avx2<R>(body: impl FnOnce() -> R) -> R {
            body()
        }
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi2,f16c")]
        unsafe fn avx512<R>(body: impl FnOnce() -> R) -> R {
            body()
        }
        match isa {
            // SAFETY: an `Isa` other than `Portable` exists only where the CPU has it.
            Isa::Avx2 => return unsafe { avx2(body) },
            // SAFETY: as above.
            Isa::Avx512 => return unsafe { avx512(body) },
            Isa::Portable => {}
        }
    }
    let _ = isa;
    body()
}
