//! The matrix product of bytes in `i32`: codes of eight bits times signed weights. Every sum is exact, so its bits depend
//! neither on its order nor on the instruction set.
//!
//! Weights lie in panels of sixteen columns, four numbers of k side by side: what one instruction of AVX-512 VNNI takes
//! ("Lower Numerical Precision Deep Learning Inference and Training", Intel, 2018). Without it pairs of products are
//! added in `i16`-to-`i32` instructions, which cannot saturate.

mod tile;
mod unit;

pub(crate) use tile::{Packed, product};
pub(crate) use unit::{Body, Dot, Unit};

use hologram_ops::family::quantize::Coding;

/// Added to a number below 2^22, it leaves the number's integer, halves to even, in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// Writes the codes of numbers; says whether one of them is NaN, whose code is any.
#[inline(always)]
pub(crate) fn encode(numbers: &[f32], coding: Coding, codes: &mut [u8]) -> bool {
    let mut has_nan = false;
    for (x, code) in numbers.iter().zip(codes) {
        has_nan |= x.is_nan();
        *code = encode_one(*x, coding);
    }
    has_nan
}

/// The code of a number.
#[inline(always)]
pub(crate) fn encode_one(x: f32, Coding { factor, zero }: Coding) -> u8 {
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
