//! The matrix product in `f32`, in a declared order: each output is one chain of fused multiply-adds in ascending k.
//!
//! The structure is Goto and van de Geijn's ("Anatomy of High-Performance Matrix Multiplication", 2008): both operands
//! are packed into strips, and a micro-kernel keeps a tile of outputs in registers. Where k is cut into blocks the
//! partial sums are carried, not re-added, so the bits do not depend on blocking, tile shape or instruction set.

mod micro;
mod narrow;
mod pack;

pub(crate) use pack::{KC, PackedA, PackedB, StripSource};

use super::simd::Isa;

/// Rows of A that are packed at once by a run-time operand.
const MC: usize = 96;

/// Numbers of scratch memory that [`product`] needs for an A that is packed on the way.
pub(crate) fn scratch_len(k: usize) -> usize {
    MC * KC.min(k.max(1))
}

/// The left operand.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// Rows of `k` numbers, packed on the way.
    Rows(&'a [f32]),
    /// Packed beforehand.
    Packed(&'a PackedA),
}

/// `c = a b` for an `m x k` and a packed `k x n` operand; `c` has rows of `ldc` numbers, of which `n` are written.
pub(crate) fn product(
    isa: Isa,
    m: usize,
    a: Left<'_>,
    b: &PackedB<'_>,
    c: &mut [f32],
    ldc: usize,
    scratch: &mut [f32],
) {
    if b.k == 0 && b.n > 0 {
        c.chunks_mut(ldc).take(m).for_each(|row| row[..b.n].fill(0.0));
    }
    chains(isa, m, a, b, c, ldc, scratch, true);
}

/// As [`product`], carrying on the chains that `c` holds.
pub(crate) fn product_onto(
    isa: Isa,
    m: usize,
    a: Left<'_>,
    b: &PackedB<'_>,
    c: &mut [f32],
    ldc: usize,
    scratch: &mut [f32],
) {
    chains(isa, m, a, b, c, ldc, scratch, false);
}

/// The chains of a product, from zero where they are new.
#[expect(clippy::too_many_arguments, reason = "the operands of a product, all of different kinds")]
fn chains(
    isa: Isa,
    m: usize,
    a: Left<'_>,
    b: &PackedB<'_>,
    c: &mut [f32],
    ldc: usize,
    scratch: &mut [f32],
    are_new: bool,
) {
    let (k, n) = (b.k, b.n);
    if m == 0 || n == 0 {
        return;
    }
    for (block, k0) in (0..k).step_by(KC).enumerate() {
        let kc = KC.min(k - k0);
        let is_first = k0 == 0 && are_new;
        if let Left::Rows(values) = a
            && narrow::takes(m, b)
        {
            narrow::block(isa, &values[k0..], k, m, b, block, c, ldc, is_first, scratch);
            continue;
        }
        for i0 in (0..m).step_by(MC) {
            let rows = MC.min(m - i0);
            let strips: &[f32] = match a {
                Left::Packed(packed) => packed.block(block, i0, rows),
                Left::Rows(values) => {
                    pack::pack_a(values, k, i0, rows, k0, kc, scratch);
                    &scratch[..rows * kc]
                }
            };
            micro::block(isa, strips, rows, kc, b, block, &mut c[i0 * ldc..], ldc, is_first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_one_chain_in_k() {
        for (m, n, k) in [
            (1, 1, 1),
            (1, 100, 7),
            (3, 5, 300),
            (13, 33, 40),
            (97, 31, 513),
            (25, 64, 257),
            (100, 1, 20),
            (7, 0, 3),
            (2, 3, 0),
            (16, 1, 300),
            (70, 3, 5),
            (129, 8, 257),
            (64, 4, 64),
            (31, 2, 6),
        ] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let expected: Vec<u32> = (0..m * n)
                .map(|i| (0..k).fold(0.0f32, |s, l| a[i / n * k + l].mul_add(b[l * n + i % n], s)).to_bits())
                .collect();
            let (row, column) = (&a, &b);
            for isa in Isa::available() {
                let mut packed = vec![f32::NAN; PackedB::len(isa, k, n)];
                let b = PackedB::pack(isa, k, n, StripSource::Rows { values: &b, stride: n }, &mut packed);
                let mut scratch = vec![f32::NAN; scratch_len(k)];
                for left in [Left::Rows(&a), Left::Packed(&PackedA::new(m, k, &a))] {
                    let mut c = vec![f32::NAN; m * n];
                    product(isa, m, left, &b, &mut c, n.max(1), &mut scratch);
                    let got: Vec<u32> = c.iter().map(|x| x.to_bits()).collect();
                    assert_eq!(got, expected, "{isa:?} {m}x{k}x{n}");
                    // Carried on, a chain is twice as long.
                    let carried: Vec<u32> = (0..m * n)
                        .map(|i| {
                            (0..k).fold(c[i], |s, l| row[i / n * k + l].mul_add(column[l * n + i % n], s)).to_bits()
                        })
                        .collect();
                    product_onto(isa, m, left, &b, &mut c, n.max(1), &mut scratch);
                    let got: Vec<u32> = c.iter().map(|x| x.to_bits()).collect();
                    assert_eq!(got, carried, "{isa:?} {m}x{k}x{n}");
                }
            }
        }
    }
}
