//! The inverse transform: libjpeg's accurate integer one (C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D
//! DCT algorithms with 11 multiplications", ICASSP 1989, with constants of 13 bits and two passes).

use super::{frame::Component, markers::Steps};
use crate::{Error, Result};

/// The samples of one component.
pub(super) struct Plane {
    /// Samples across that the image needs, at most `stride`.
    pub(super) width: usize,
    /// Rows that the image needs.
    pub(super) height: usize,
    /// Samples in a row.
    pub(super) stride: usize,
    /// Row-major samples.
    pub(super) samples: Vec<u8>,
}

impl Plane {
    /// The samples of a row, of the last one when `y` is below it.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        let start = y.min(self.height.saturating_sub(1)) * self.stride;
        self.samples.get(start..start + self.width).unwrap_or_default()
    }
}

/// The samples of a component from its coefficients.
pub(super) fn plane(component: &Component) -> Result<Plane> {
    let steps = component.steps.as_ref().ok_or_else(|| Error::invalid("a component has no quantization table"))?;
    let (across, down) = component.blocks;
    let stride = across * 8;
    let mut samples = vec![0; stride * down * 8];
    for (band, blocks) in samples.chunks_exact_mut(stride * 8).zip(component.coefficients.chunks(component.stride)) {
        for (x, block) in blocks.iter().take(across).enumerate() {
            for (y, row) in inverse(block, steps).iter().enumerate() {
                band[y * stride + x * 8..][..8].copy_from_slice(row);
            }
        }
    }
    Ok(Plane { width: component.size.0, height: component.size.1, stride, samples })
}

/// Bits of the fractions below.
const BITS: u32 = 13;
/// Bits that the first pass keeps beyond integers.
const KEPT: u32 = 2;

/// The 8 x 8 samples of a block.
///
/// Coefficients that no encoder makes leave 16 bits. Then products and sums wrap, and the first pass saturates, where
/// they do in libjpeg's vector code, so that damaged files agree too.
pub(super) fn inverse(block: &[i16; 64], steps: &Steps) -> [[u8; 8]; 8] {
    let mut columns = [[0i16; 8]; 8];
    for (x, column) in columns.iter_mut().enumerate() {
        let input = std::array::from_fn(|y| block[y * 8 + x].wrapping_mul(steps[y * 8 + x] as i16));
        *column = one_pass(input, BITS - KEPT);
    }
    std::array::from_fn(|y| {
        let row = one_pass(std::array::from_fn(|x| columns[x][y]), BITS + KEPT + 3);
        row.map(|v| (v.clamp(-128, 127) + 128) as u8)
    })
}

/// Eight samples from eight coefficients, scaled down by `shift` bits and rounded half up.
fn one_pass(c: [i16; 8], shift: u32) -> [i16; 8] {
    // A sum of products of 16 bits wraps only as a whole, so it is the same whatever the order.
    let sum = |terms: &[(i16, i32)]| terms.iter().fold(0i32, |s, (v, by)| s.wrapping_add(i32::from(*v) * by));
    let low = sum(&[(c[2], 4433), (c[6], 4433 - 15137)]); // 0.541196100, 1.847759065
    let high = sum(&[(c[2], 4433 + 6270), (c[6], 4433)]); // 0.765366865
    let (plus, minus) = (c[0].wrapping_add(c[4]), c[0].wrapping_sub(c[4]));
    let (plus, minus) = (i32::from(plus) << BITS, i32::from(minus) << BITS);
    let even = [plus.wrapping_add(high), minus.wrapping_add(low), minus.wrapping_sub(low), plus.wrapping_sub(high)];

    let (p, q) = (c[7].wrapping_add(c[3]), c[5].wrapping_add(c[1]));
    let a = [(p, 9633 - 16069), (q, 9633)]; // 1.175875602, 1.961570560
    let b = [(p, 9633), (q, 9633 - 3196)]; // 0.390180644
    let odd = [
        sum(&[(c[1], 12299 - 7373), (c[7], -7373), b[0], b[1]]), // 1.501321110, 0.899976223
        sum(&[(c[3], 25172 - 20995), (c[5], -20995), a[0], a[1]]), // 3.072711026, 2.562915447
        sum(&[(c[5], 16819 - 20995), (c[3], -20995), b[0], b[1]]), // 2.053119869
        sum(&[(c[7], 2446 - 7373), (c[1], -7373), a[0], a[1]]),  // 0.298631336
    ];
    let half = 1 << (shift - 1);
    std::array::from_fn(|i| {
        let v = if i < 4 { even[i].wrapping_add(odd[i]) } else { even[7 - i].wrapping_sub(odd[7 - i]) };
        (v.wrapping_add(half) >> shift).clamp(-32768, 32767) as i16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform of T.81 A.3.3 in floating point.
    fn exact(block: &[i16; 64], steps: &Steps) -> [[f64; 8]; 8] {
        let basis = |x: usize, u: usize| {
            let scale = if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            scale * libm::cos((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0)
        };
        let sum = |x: usize, y: usize| -> f64 {
            let term = |i: usize| f64::from(block[i]) * f64::from(steps[i]) * basis(x, i % 8) * basis(y, i / 8);
            (0..64).map(term).sum()
        };
        std::array::from_fn(|y| std::array::from_fn(|x| sum(x, y) / 4.0 + 128.0))
    }

    #[test]
    fn a_first_coefficient_alone_is_flat_rounded_half_up_and_saturated() {
        for (first, step, sample) in [
            (0, 1, 128),
            (3, 1, 128),
            (4, 1, 129),
            (-4, 1, 128),
            (-5, 1, 127),
            (8, 16, 144),
            (2047, 1, 255),
            (-2047, 1, 0),
        ] {
            let mut block = [0; 64];
            block[0] = first;
            assert_eq!(inverse(&block, &[step; 64]), [[sample; 8]; 8], "{first} by {step}");
        }
    }

    #[test]
    fn samples_are_within_one_of_the_exact_transform() {
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        let mut next = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below) as i32
        };
        for round in 0..200 {
            let steps: Steps = std::array::from_fn(|_| 1 + next(20) as u16);
            let block = std::array::from_fn(|_| if next(3) == 0 { (next(41) - 20) as i16 } else { 0 });
            let (found, expected) = (inverse(&block, &steps), exact(&block, &steps));
            for (f, e) in found.as_flattened().iter().zip(expected.as_flattened()) {
                assert!((f64::from(*f) - e.clamp(0.0, 255.0)).abs() <= 1.0, "round {round}: {f} for {e}");
            }
        }
    }
}
