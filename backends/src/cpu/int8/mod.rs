//! The matrix product of bytes in `i32`: codes of eight bits times signed weights. Every sum is exact, so its bits depend
//! neither on its order nor on the instruction set.
//!
//! Weights lie in panels of sixteen columns, four numbers of k side by side: what one instruction of AVX-512 VNNI takes
//! ("Lower Numerical Precision Deep Learning Inference and Training", Intel, 2018). Without it pairs of products are
//! added in `i16`-to-`i32` instructions, which cannot saturate.

mod tile;
mod unit;

use tile::panels;
pub(crate) use tile::{Packed, product};
pub(crate) use unit::{Body, COLUMNS, Dot, Unit};

use hologram_ops::family::quantize::Coding;

/// What sums of products become: `sum less excess, times scale, plus addend`, for the columns of a panel.
#[derive(Debug)]
pub(crate) struct Scaling {
    excess: Vec<[i32; COLUMNS]>,
    scales: Vec<[f32; COLUMNS]>,
    addends: Vec<[f32; COLUMNS]>,
}

impl Scaling {
    /// Of the sums with these weights, where a code stands for zero; a scale and an addend for each column.
    pub(crate) fn new(weights: &Packed, zero: u8, scales: &[f32], addends: &[f32]) -> Self {
        Self { excess: weights.excess(zero), scales: panels(scales, 0.0), addends: panels(addends, 0.0) }
    }

    /// The numbers of a panel.
    #[inline(always)]
    pub(crate) fn of(&self, panel: usize, sums: &[i32; COLUMNS]) -> [f32; COLUMNS] {
        let (excess, scales, addends) = (&self.excess[panel], &self.scales[panel], &self.addends[panel]);
        std::array::from_fn(|i| (sums[i].wrapping_sub(excess[i]) as f32).mul_add(scales[i], addends[i]))
    }
}

/// Added to a number below 2^22, it leaves the number's integer, halves to even, in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// Writes the codes of as many numbers; says whether one of them is NaN, whose code is any.
#[inline(always)]
pub(crate) fn encode(numbers: &[f32], coding: Coding, codes: &mut [u8]) -> bool {
    let (numbers, last_numbers) = numbers.as_chunks::<COLUMNS>();
    let (codes, last_codes) = codes.as_chunks_mut::<COLUMNS>();
    // A lane each, so that the loop is one of whole registers.
    let mut nan = [0_u32; COLUMNS];
    for (numbers, codes) in numbers.iter().zip(codes) {
        nan.iter_mut().zip(numbers).for_each(|(nan, x)| *nan |= u32::from(x.is_nan()));
        *codes = encode_columns(numbers, coding);
    }
    for (x, code) in last_numbers.iter().zip(last_codes) {
        nan[0] |= u32::from(x.is_nan());
        *code = encode_one(*x, coding);
    }
    nan != [0; COLUMNS]
}

/// The codes of the numbers of a panel.
#[inline(always)]
pub(crate) fn encode_columns(numbers: &[f32; COLUMNS], coding: Coding) -> [u8; COLUMNS] {
    std::array::from_fn(|i| encode_one(numbers[i], coding))
}

/// The code of a number.
#[inline(always)]
fn encode_one(x: f32, Coding { factor, zero }: Coding) -> u8 {
    let (least, most) = (-f32::from(zero), f32::from(255 - zero));
    let scaled = x * factor;
    // The ends are integers, so that what is cut first and rounded then is what is rounded first and cut then.
    let cut = if scaled > least { scaled } else { least };
    let cut = if cut < most { cut } else { most };
    ((cut + ROUNDING).to_bits() as u8).wrapping_add(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_coding() {
        let mut state = 7_u64;
        for (factor, zero) in [(1.0, 0), (2.5, 128), (0.013, 255), (1e20, 3), (1e-20, 77)] {
            let coding = Coding::new(factor, zero).unwrap();
            let halves = (-600..600).map(|i| i as f32 * 0.5 / factor);
            let drawn = (0..20_000).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f32::from_bits((state >> 32) as u32)
            });
            for x in halves.chain(drawn).filter(|x| !x.is_nan()) {
                assert_eq!(encode_one(x, coding), coding.code(x), "{x} by {factor} from {zero}");
            }
        }
        let coding = Coding::new(1.0, 3).unwrap();
        assert!(encode(&[0.0, f32::NAN], coding, &mut [0; 2]) && !encode(&[f32::INFINITY], coding, &mut [0]));
    }
}
