//! Products of few columns: rows lie across the vectors.
//!
//! A tile of the micro-kernel is two vectors wide, most of which a product of a few columns would leave empty. Here a
//! vector holds a column's sums of as many rows as it has lanes, and each is the same chain in ascending k.

use super::{
    PackedB,
    pack::{KC, transpose},
};
#[cfg(target_arch = "x86_64")]
use crate::cpu::simd::{Avx2, Avx512};
use crate::cpu::simd::{Isa, Portable, Vector};

/// Vectors of rows that are summed together: so many chains keep the multipliers busy.
const GROUPS: usize = 4;

/// Most rows that are packed together.
const ROWS_MAX: usize = GROUPS * 16;

/// Fewer rows leave lanes of a group empty.
const ROWS_MIN: usize = 16;

/// Whether a product of so many rows is for this: columns that are a fraction of a strip.
pub(super) fn takes(rows: usize, b: &PackedB<'_>) -> bool {
    rows >= ROWS_MIN && b.n <= b.width / 4
}

/// Adds one block of k to the outputs of `rows` rows of A, whose numbers of this block lie `stride` apart from the start of
/// `a` on: `first` starts the chains, later blocks carry them on.
#[expect(clippy::too_many_arguments, reason = "the operands of a kernel, all of different kinds")]
pub(super) fn block(
    isa: Isa,
    a: &[f32],
    stride: usize,
    rows: usize,
    b: &PackedB<'_>,
    block: usize,
    c: &mut [f32],
    ldc: usize,
    first: bool,
    scratch: &mut [f32],
) {
    let kc = KC.min(b.k - block * KC);
    let height = match isa {
        Isa::Portable => GROUPS * Portable::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => GROUPS * Avx2::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => GROUPS * Avx512::LANES,
    };
    let packed = &mut scratch[..height * kc];
    for done in (0..rows).step_by(height) {
        let rows = height.min(rows - done);
        if rows < height {
            // Lanes without a row are computed and dropped.
            packed.fill(0.0);
        }
        transpose(&a[done * stride..], stride, rows, kc, packed, height);
        let c = &mut c[done * ldc..];
        for column in 0..b.n {
            let mut sums = [0.0_f32; ROWS_MAX];
            if !first {
                sums.iter_mut().zip(c.iter().skip(column).step_by(ldc)).take(rows).for_each(|(sum, c)| *sum = *c);
            }
            let weights = &b.strip(block, 0)[column..];
            match isa {
                // SAFETY: plain Rust needs no instruction set.
                Isa::Portable => unsafe { chains::<Portable>(packed, weights, b.width, kc, &mut sums) },
                // SAFETY: this `Isa` exists only where the CPU has it.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { avx2(packed, weights, b.width, kc, &mut sums) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => unsafe { avx512(packed, weights, b.width, kc, &mut sums) },
            }
            c.iter_mut().skip(column).step_by(ldc).zip(&sums).take(rows).for_each(|(c, sum)| *c = *sum);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(packed: &[f32], weights: &[f32], width: usize, kc: usize, sums: &mut [f32; ROWS_MAX]) {
    // SAFETY: this function has the instruction set.
    unsafe { chains::<Avx2>(packed, weights, width, kc, sums) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512(packed: &[f32], weights: &[f32], width: usize, kc: usize, sums: &mut [f32; ROWS_MAX]) {
    // SAFETY: this function has the instruction set.
    unsafe { chains::<Avx512>(packed, weights, width, kc, sums) }
}

/// Carries the chains of a vector's lanes on by `kc` rows of packed numbers, each times every `width`-th weight.
///
/// # Safety
/// The CPU has the vector's instruction set.
#[inline(always)]
unsafe fn chains<V: Vector>(packed: &[f32], weights: &[f32], width: usize, kc: usize, sums: &mut [f32; ROWS_MAX]) {
    let height = GROUPS * V::LANES;
    assert!(height <= ROWS_MAX && packed.len() >= kc * height, "a block is packed");
    let sums = sums.as_mut_ptr();
    let mut own: [V; GROUPS] = std::array::from_fn(|group| {
        // SAFETY: there are as many groups of sums, by the assertion.
        let at = unsafe { sums.add(group * V::LANES) };
        // SAFETY: as above; the caller has the instruction set.
        unsafe { V::load(at) }
    });
    for (row, weight) in packed.chunks_exact(height).zip(weights.iter().step_by(width)) {
        // SAFETY: the caller has the instruction set.
        let weight = unsafe { V::splat(*weight) };
        for (group, sum) in own.iter_mut().enumerate() {
            // SAFETY: a row has as many groups of numbers.
            let at = unsafe { row.as_ptr().add(group * V::LANES) };
            // SAFETY: as above; the caller has the instruction set.
            let x = unsafe { V::load(at) };
            // SAFETY: the caller has the instruction set.
            *sum = unsafe { x.mul_add(weight, *sum) };
        }
    }
    for (group, sum) in own.into_iter().enumerate() {
        // SAFETY: as for the loads.
        let at = unsafe { sums.add(group * V::LANES) };
        // SAFETY: as above.
        unsafe { sum.store(at) };
    }
}
