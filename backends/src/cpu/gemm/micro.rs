//! The micro-kernel: a tile of outputs in registers.

use super::PackedB;
#[cfg(target_arch = "x86_64")]
use crate::cpu::simd::{Avx2, Avx512};
use crate::cpu::simd::{Isa, Portable, Vector};

/// Vectors across a tile.
const VECTORS: usize = 2;

/// Columns of a strip.
pub(super) fn strip_width(isa: Isa) -> usize {
    match isa {
        Isa::Portable => VECTORS * Portable::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => VECTORS * Avx2::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => VECTORS * Avx512::LANES,
    }
}

/// Rows of the next tile when so many are left: the same on every instruction set, so that packed operands are too.
pub(super) fn tile_rows(left: usize) -> usize {
    [12, 6, 4, 2].into_iter().find(|h| *h <= left).unwrap_or(1)
}

/// Adds one block of k to the outputs of `rows` rows: `first` starts the chains, later blocks carry them on.
#[expect(clippy::too_many_arguments, reason = "the operands of a kernel, all of different kinds")]
pub(super) fn block(
    isa: Isa,
    a: &[f32],
    rows: usize,
    kc: usize,
    b: &PackedB<'_>,
    block: usize,
    c: &mut [f32],
    ldc: usize,
    first: bool,
) {
    match isa {
        // SAFETY: plain Rust needs no instruction set.
        Isa::Portable => unsafe { tiles::<Portable>(a, rows, kc, b, block, c, ldc, first) },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            #[target_feature(enable = "avx2,fma")]
            #[expect(clippy::too_many_arguments, reason = "as above")]
            unsafe fn run(
                a: &[f32],
                rows: usize,
                kc: usize,
                b: &PackedB<'_>,
                block: usize,
                c: &mut [f32],
                ldc: usize,
                first: bool,
            ) {
                // SAFETY: this function has the instruction set.
                unsafe { tiles::<Avx2>(a, rows, kc, b, block, c, ldc, first) }
            }
            // SAFETY: this `Isa` exists only where the CPU has it.
            unsafe { run(a, rows, kc, b, block, c, ldc, first) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            #[expect(clippy::too_many_arguments, reason = "as above")]
            unsafe fn run(
                a: &[f32],
                rows: usize,
                kc: usize,
                b: &PackedB<'_>,
                block: usize,
                c: &mut [f32],
                ldc: usize,
                first: bool,
            ) {
                // SAFETY: this function has the instruction set.
                unsafe { tiles::<Avx512>(a, rows, kc, b, block, c, ldc, first) }
            }
            // SAFETY: this `Isa` exists only where the CPU has it.
            unsafe { run(a, rows, kc, b, block, c, ldc, first) }
        }
    }
}

/// # Safety
/// The CPU has the vector's instruction set.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "as above")]
unsafe fn tiles<V: Vector>(
    a: &[f32],
    rows: usize,
    kc: usize,
    b: &PackedB<'_>,
    block: usize,
    c: &mut [f32],
    ldc: usize,
    first: bool,
) {
    let width = VECTORS * V::LANES;
    for s in 0..b.n.div_ceil(width) {
        let strip = b.strip(block, s);
        let columns = width.min(b.n - s * width);
        let mut done = 0;
        while done < rows {
            let height = tile_rows(rows - done);
            let a = &a[done * kc..][..height * kc];
            let c = &mut c[done * ldc + s * width..];
            match height {
                // Twelve rows of sums need more registers than sixteen: they would live on the stack.
                12 if V::REGISTERS < 32 => {
                    // SAFETY: the caller has the instruction set.
                    unsafe { tile::<V, 6, 12>(a, strip, kc, c, ldc, columns, first) };
                    // SAFETY: as above.
                    unsafe { tile::<V, 6, 12>(&a[6..], strip, kc, &mut c[6 * ldc..], ldc, columns, first) };
                }
                // SAFETY: as above.
                12 => unsafe { tile::<V, 12, 12>(a, strip, kc, c, ldc, columns, first) },
                // SAFETY: as above.
                6 => unsafe { tile::<V, 6, 6>(a, strip, kc, c, ldc, columns, first) },
                // SAFETY: as above.
                4 => unsafe { tile::<V, 4, 4>(a, strip, kc, c, ldc, columns, first) },
                // SAFETY: as above.
                2 => unsafe { tile::<V, 2, 2>(a, strip, kc, c, ldc, columns, first) },
                // SAFETY: as above.
                _ => unsafe { tile::<V, 1, 1>(a, strip, kc, c, ldc, columns, first) },
            }
            done += height;
        }
    }
}

/// One tile of `M` rows, out of a strip of `H`, and `columns` columns.
///
/// # Safety
/// The CPU has the vector's instruction set.
#[inline(always)]
unsafe fn tile<V: Vector, const M: usize, const H: usize>(
    a: &[f32],
    b: &[f32],
    kc: usize,
    c: &mut [f32],
    ldc: usize,
    columns: usize,
    first: bool,
) {
    let width = VECTORS * V::LANES;
    assert!(
        a.len() + H >= H * kc + M && b.len() >= width * kc && c.len() >= (M - 1) * ldc + columns && columns <= width
    );
    // A partial tile works on a copy of full width; its lanes past the edge are computed and dropped.
    let mut edge = (columns < width).then(|| {
        let mut edge = [[0.0f32; 32]; M];
        if !first {
            for (r, row) in edge.iter_mut().enumerate() {
                row[..columns].copy_from_slice(&c[r * ldc..][..columns]);
            }
        }
        edge
    });
    let (tile, step) = match &mut edge {
        Some(edge) => (edge.as_mut_ptr().cast::<f32>(), 32),
        None => (c.as_mut_ptr(), ldc),
    };
    // SAFETY: the caller has the instruction set.
    let zero = unsafe { V::zero() };
    let mut sums = [[zero; VECTORS]; M];
    if !first {
        for (r, row) in sums.iter_mut().enumerate() {
            for (v, sum) in row.iter_mut().enumerate() {
                // SAFETY: row r and these lanes lie inside the tile, by the assertion or the copy's size.
                let at = unsafe { tile.add(r * step + v * V::LANES) };
                // SAFETY: as above.
                *sum = unsafe { V::load(at) };
            }
        }
    }
    let (mut pa, mut pb) = (a.as_ptr(), b.as_ptr());
    for _ in 0..kc {
        let mut columns = [zero; VECTORS];
        for (v, column) in columns.iter_mut().enumerate() {
            // SAFETY: the strip has kc rows of `width` numbers.
            let at = unsafe { pb.add(v * V::LANES) };
            // SAFETY: as above.
            *column = unsafe { V::load(at) };
        }
        for (r, row) in sums.iter_mut().enumerate() {
            // SAFETY: the strip has kc rows of H numbers, of which M are left.
            let at = unsafe { pa.add(r) };
            // SAFETY: as above.
            let value = unsafe { *at };
            // SAFETY: the caller has the instruction set.
            let x = unsafe { V::splat(value) };
            for (sum, column) in row.iter_mut().zip(&columns) {
                // SAFETY: the caller has the instruction set.
                *sum = unsafe { x.mul_add(*column, *sum) };
            }
        }
        // The last step may lie past the strip's end, and nothing is read there.
        pa = pa.wrapping_add(H);
        // SAFETY: at most one past the strip's end.
        pb = unsafe { pb.add(width) };
    }
    for (r, row) in sums.iter().enumerate() {
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: as for the loads.
            let at = unsafe { tile.add(r * step + v * V::LANES) };
            // SAFETY: as above.
            unsafe { sum.store(at) };
        }
    }
    if let Some(edge) = &edge {
        for (r, row) in edge.iter().enumerate() {
            c[r * ldc..][..columns].copy_from_slice(&row[..columns]);
        }
    }
}
