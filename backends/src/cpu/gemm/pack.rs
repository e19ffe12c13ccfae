//! Packing: operands in the order in which the micro-kernel reads them.

use super::super::simd::Isa;
use super::MC;
use super::micro::{strip_width, tile_rows};

/// The length of a block of k: a strip of B stays in the first-level cache.
pub(crate) const KC: usize = 256;

/// The right operand in strips: for each block of k, for each strip of columns, a row of the strip for each k.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackedB<'a> {
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(super) values: &'a [f32],
    pub(super) width: usize,
}

/// Where the numbers of the right operand come from.
#[derive(Clone, Copy)]
pub(crate) enum StripSource<'a> {
    /// `k` rows of `n` numbers, `stride` apart.
    Rows { values: &'a [f32], stride: usize },
    /// `n` rows of `k` numbers, `stride` apart: the transposed operand.
    Columns { values: &'a [f32], stride: usize },
}

impl<'a> PackedB<'a> {
    /// Numbers of memory that a packed operand takes.
    pub(crate) fn len(isa: Isa, k: usize, n: usize) -> usize {
        k * n.next_multiple_of(strip_width(isa))
    }

    /// Packs into `memory`, which has [`len`](Self::len) numbers.
    pub(crate) fn pack(isa: Isa, k: usize, n: usize, source: StripSource<'_>, memory: &'a mut [f32]) -> Self {
        Self::pack_with(isa, k, n, memory, |l, column, out| match source {
            StripSource::Rows { values, stride } => out.copy_from_slice(&values[l * stride + column..][..out.len()]),
            StripSource::Columns { values, stride } => {
                for (i, x) in out.iter_mut().enumerate() {
                    *x = values[(column + i) * stride + l];
                }
            }
        })
    }

    /// Packs what `fill(k, first column, out)` writes: the numbers of row k from that column on.
    pub(crate) fn pack_with(
        isa: Isa,
        k: usize,
        n: usize,
        memory: &'a mut [f32],
        fill: impl Fn(usize, usize, &mut [f32]),
    ) -> Self {
        let width = strip_width(isa);
        let padded = n.next_multiple_of(width);
        for k0 in (0..k).step_by(KC) {
            let kc = KC.min(k - k0);
            let block = &mut memory[k0 * padded..][..kc * padded];
            for (s, strip) in block.chunks_exact_mut(kc * width).enumerate() {
                let columns = width.min(n - s * width);
                for (l, row) in strip.chunks_exact_mut(width).enumerate() {
                    fill(k0 + l, s * width, &mut row[..columns]);
                    row[columns..].fill(0.0);
                }
            }
        }
        Self { k, n, values: &memory[..k * padded], width }
    }

    /// A packed operand over memory that was packed before.
    pub(crate) fn from_packed(isa: Isa, k: usize, n: usize, values: &'a [f32]) -> Self {
        Self { k, n, values: &values[..Self::len(isa, k, n)], width: strip_width(isa) }
    }

    /// The strip of a block of k.
    pub(super) fn strip(&self, block: usize, strip: usize) -> &'a [f32] {
        let kc = KC.min(self.k - block * KC);
        let padded = self.n.next_multiple_of(self.width);
        &self.values[block * KC * padded + strip * kc * self.width..][..kc * self.width]
    }
}

/// Packs rows `i0..i0 + rows`, columns `k0..k0 + kc` of A into strips of the heights that the micro-kernel takes.
pub(super) fn pack_a(a: &[f32], k: usize, i0: usize, rows: usize, k0: usize, kc: usize, out: &mut [f32]) {
    let mut done = 0;
    while done < rows {
        let height = tile_rows(rows - done);
        transpose(&a[(i0 + done) * k + k0..], k, height, kc, &mut out[done * kc..][..height * kc], height);
        done += height;
    }
}

/// Writes `kc` rows of `rows` numbers, `height` apart, from `rows` rows of `kc` numbers, `stride` apart.
pub(super) fn transpose(a: &[f32], stride: usize, rows: usize, kc: usize, out: &mut [f32], height: usize) {
    let row = |r: usize| &a[r * stride..][..kc];
    let fours = rows / 4 * 4;
    for r in (0..fours).step_by(4) {
        // Sixteen numbers at a time: both sides are read and written by fours.
        let blocks = [row(r), row(r + 1), row(r + 2), row(r + 3)].map(|row| row.as_chunks::<4>());
        for l in 0..kc / 4 {
            let turned = turn(blocks.map(|(fours, _)| &fours[l]));
            for (i, four) in turned.iter().enumerate() {
                out[(4 * l + i) * height + r..][..4].copy_from_slice(four);
            }
        }
        for l in kc / 4 * 4..kc {
            let rest = blocks.map(|(_, rest)| rest[l % 4]);
            out[l * height + r..][..4].copy_from_slice(&rest);
        }
    }
    for r in fours..rows {
        for (l, x) in row(r).iter().enumerate() {
            out[l * height + r] = *x;
        }
    }
}

/// The columns of four rows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn turn(rows: [&[f32; 4]; 4]) -> [[f32; 4]; 4] {
    use std::arch::x86_64::*;
    #[target_feature(enable = "sse2")]
    #[inline]
    unsafe fn by_shuffles(rows: [&[f32; 4]; 4]) -> [[f32; 4]; 4] {
        // SAFETY: there are four numbers.
        let [a, b, c, d] = rows.map(|row| unsafe { _mm_loadu_ps(row.as_ptr()) });
        let (low, low_of_others) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        let (high, high_of_others) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        let columns = [
            _mm_movelh_ps(low, low_of_others),
            _mm_movehl_ps(low_of_others, low),
            _mm_movelh_ps(high, high_of_others),
            _mm_movehl_ps(high_of_others, high),
        ];
        columns.map(|column| {
            let mut four = [0.0; 4];
            // SAFETY: as above.
            unsafe { _mm_storeu_ps(four.as_mut_ptr(), column) };
            four
        })
    }
    // SAFETY: every x86-64 CPU has it.
    unsafe { by_shuffles(rows) }
}

/// The columns of four rows.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn turn(rows: [&[f32; 4]; 4]) -> [[f32; 4]; 4] {
    std::array::from_fn(|i| rows.map(|row| row[i]))
}

/// The left operand, packed once.
#[derive(Debug)]
pub(crate) struct PackedA {
    m: usize,
    k: usize,
    values: Vec<f32>,
}

impl PackedA {
    /// Packs `m` rows of `k` numbers.
    pub(crate) fn new(m: usize, k: usize, a: &[f32]) -> Self {
        let mut values = vec![0.0; m * k];
        for k0 in (0..k).step_by(KC) {
            let kc = KC.min(k - k0);
            for i0 in (0..m).step_by(MC) {
                let rows = MC.min(m - i0);
                pack_a(a, k, i0, rows, k0, kc, &mut values[k0 * m + i0 * kc..][..rows * kc]);
            }
        }
        Self { m, k, values }
    }

    /// The strips of rows `i0..i0 + rows` in a block of k; `i0` is a multiple of the packing height.
    pub(super) fn block(&self, block: usize, i0: usize, rows: usize) -> &[f32] {
        let kc = KC.min(self.k - block * KC);
        &self.values[block * KC * self.m + i0 * kc..][..rows * kc]
    }
}
