//! Types that are stored and converted, and not computed in: floats of 8, 6 and 4 bits, integers of 4 and 2.
//!
//! Each element takes one byte. The formats are those of the [ONNX specification](https://onnx.ai/onnx/technical/float8.html)
//! ([4 bits](https://onnx.ai/onnx/technical/float4.html), [integers](https://onnx.ai/onnx/technical/int4.html)) and of the
//! [OCP Microscaling formats](https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf).

use super::{Element, working::Stored};
use crate::DType;
use std::cmp::Ordering;

/// What the codes at the end of a format's range mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    /// The last exponent holds infinity and NaN, as in IEEE 754.
    Ieee,
    /// All bits set is NaN; there is no infinity.
    OneNan,
    /// The code of negative zero is NaN; there is no infinity and no negative zero.
    NanForNegativeZero,
    /// Every code is a number.
    None,
}

/// A binary floating-point format of up to eight bits: a sign, an exponent and a fraction.
#[derive(Debug, Clone, Copy)]
struct Format {
    exponent: u32,
    fraction: u32,
    bias: i32,
    special: Special,
}

impl Format {
    const fn sign(self) -> u8 {
        1 << (self.exponent + self.fraction)
    }

    /// The code of the greatest finite number.
    const fn greatest(self) -> u8 {
        let all = self.sign() - 1;
        match self.special {
            Special::Ieee => all - (1 << self.fraction),
            Special::OneNan => all - 1,
            Special::NanForNegativeZero | Special::None => all,
        }
    }

    fn decode(self, code: u8) -> f32 {
        let (sign, magnitude) = (code & self.sign(), code & (self.sign() - 1));
        let (exponent, fraction) = (magnitude >> self.fraction, magnitude & ((1 << self.fraction) - 1));
        let nan = match self.special {
            Special::NanForNegativeZero => sign != 0 && magnitude == 0,
            _ => magnitude > self.greatest() && !(self.special == Special::Ieee && fraction == 0),
        };
        if nan {
            return f32::NAN;
        }
        let value = if magnitude > self.greatest() {
            f32::INFINITY
        } else {
            let (whole, power) = match exponent {
                0 => (fraction, 1),
                e => (fraction | 1 << self.fraction, i32::from(e)),
            };
            libm::scalbnf(f32::from(whole), power - self.bias - self.fraction as i32)
        };
        if sign == 0 { value } else { -value }
    }

    /// The code of the nearest number, even on ties; what is too large becomes infinity, NaN or the greatest number, in
    /// the order in which the format has them, and the greatest number always where it is to saturate.
    fn encode(self, value: f64, saturate: bool) -> u8 {
        let sign = if value.is_sign_negative() { self.sign() } else { 0 };
        if value.is_nan() {
            return match self.special {
                Special::Ieee => sign | (self.greatest() + 1) | 1 << (self.fraction - 1),
                Special::OneNan => sign | (self.greatest() + 1),
                // Without a NaN the code of negative zero stands for it.
                Special::NanForNegativeZero | Special::None => self.sign(),
            };
        }
        let overflow = match self.special {
            _ if saturate => sign | self.greatest(),
            Special::Ieee | Special::OneNan => sign | (self.greatest() + 1),
            Special::NanForNegativeZero => self.sign(),
            Special::None => sign | self.greatest(),
        };
        if value.is_infinite() {
            return overflow;
        }
        let exponent = if value == 0.0 { 1 - self.bias } else { libm::ilogb(value).max(1 - self.bias) };
        // In units of the last place: exact, then rounded once. A carry moves into the exponent by itself.
        let units = libm::scalbn(value.abs(), self.fraction as i32 - exponent).round_ties_even();
        let code = f64::from(exponent + self.bias - 1) * f64::from(1 << self.fraction) + units;
        if code > f64::from(self.greatest()) {
            return overflow;
        }
        match code as u8 {
            0 if self.special == Special::NanForNegativeZero => 0,
            code => sign | code,
        }
    }
}

/// How a scale is rounded to a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Away from zero.
    #[default]
    Up,
    /// Towards zero.
    Down,
    /// To the nearest, up on ties.
    Nearest,
}

/// How numbers become floats of eight, six and four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// Whether what is too large becomes the greatest number, instead of infinity or NaN.
    pub saturate: bool,
    /// How `f8e8m0`, which has powers of two only, is rounded.
    pub rounding: Rounding,
}

impl Default for Conversion {
    fn default() -> Self {
        Self { saturate: true, rounding: Rounding::Up }
    }
}

/// A float of eight, six or four bits.
pub(crate) trait Small: Stored<Working = f32> {
    fn from_number(value: f64, how: Conversion) -> Self;
}

macro_rules! by_value {
    ($($name:ident),+) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.widen() == other.widen()
            }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                self.widen().partial_cmp(&other.widen())
            }
        }
    )+};
}

macro_rules! formats {
    ($($name:ident = $dtype:ident, $doc:literal, $format:expr;)+) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, Default)]
        #[repr(transparent)]
        pub struct $name(u8);
        // SAFETY: a transparent byte; every pattern is read as a number or NaN.
        unsafe impl Element for $name {
            const DTYPE: DType = DType::$dtype;
        }
        impl Stored for $name {
            type Working = f32;
            fn widen(self) -> f32 {
                $format.decode(self.0)
            }
            fn narrow(value: f32) -> Self {
                Self($format.encode(value.into(), false))
            }
        }
        impl Small for $name {
            fn from_number(value: f64, how: Conversion) -> Self {
                Self($format.encode(value, how.saturate))
            }
        }
    )+};
}
formats! {
    F8E4M3FN = F8E4M3FN, "4 exponent bits, 3 of fraction, bias 7, NaN, no infinity.",
        Format { exponent: 4, fraction: 3, bias: 7, special: Special::OneNan };
    F8E4M3FNUZ = F8E4M3FNUZ, "4 exponent bits, 3 of fraction, bias 8, NaN, no infinity, no negative zero.",
        Format { exponent: 4, fraction: 3, bias: 8, special: Special::NanForNegativeZero };
    F8E5M2 = F8E5M2, "5 exponent bits, 2 of fraction, bias 15, NaN and infinity.",
        Format { exponent: 5, fraction: 2, bias: 15, special: Special::Ieee };
    F8E5M2FNUZ = F8E5M2FNUZ, "5 exponent bits, 2 of fraction, bias 16, NaN, no infinity, no negative zero.",
        Format { exponent: 5, fraction: 2, bias: 16, special: Special::NanForNegativeZero };
    F4E2M1 = F4E2M1, "2 exponent bits, 1 of fraction, bias 1, numbers only.",
        Format { exponent: 2, fraction: 1, bias: 1, special: Special::None };
    F6E2M3 = F6E2M3, "2 exponent bits, 3 of fraction, bias 1, numbers only.",
        Format { exponent: 2, fraction: 3, bias: 1, special: Special::None };
    F6E3M2 = F6E3M2, "3 exponent bits, 2 of fraction, bias 3, numbers only.",
        Format { exponent: 3, fraction: 2, bias: 3, special: Special::None };
}

/// A power of two from 2^-127 to 2^127, or NaN: the scale of a microscaling block.
#[derive(Debug, Clone, Copy, Default)]
#[repr(transparent)]
pub struct F8E8M0(u8);

// SAFETY: a transparent byte; every pattern is a power of two or NaN.
unsafe impl Element for F8E8M0 {
    const DTYPE: DType = DType::F8E8M0;
}

impl Stored for F8E8M0 {
    type Working = f32;
    fn widen(self) -> f32 {
        if self.0 == u8::MAX { f32::NAN } else { libm::scalbnf(1.0, i32::from(self.0) - 127) }
    }
    fn narrow(value: f32) -> Self {
        Self::from_number(value.into(), Conversion::default())
    }
}

impl Small for F8E8M0 {
    /// The sign is left out; zero is the least power.
    fn from_number(value: f64, how: Conversion) -> Self {
        let value = value.abs();
        if value.is_nan() {
            return Self(u8::MAX);
        }
        let power = if value == 0.0 {
            -127
        } else if value.is_infinite() {
            128
        } else {
            libm::ilogb(value)
        };
        let rest = if value.is_infinite() || value == 0.0 { 1.0 } else { libm::scalbn(value, -power) };
        let up = match how.rounding {
            Rounding::Up => rest > 1.0,
            Rounding::Down => false,
            Rounding::Nearest => rest >= 1.5,
        };
        let code = (power + i32::from(up) + 127).max(0);
        Self(u8::try_from(code).unwrap_or(u8::MAX).min(if how.saturate { u8::MAX - 1 } else { u8::MAX }))
    }
}

by_value!(F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F4E2M1, F6E2M3, F6E3M2, F8E8M0);

macro_rules! integers {
    ($($name:ident = $t:ty, $bits:literal, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
        #[repr(transparent)]
        pub struct $name($t);
        // SAFETY: a transparent byte; a byte out of range is a number all the same.
        unsafe impl Element for $name {
            const DTYPE: DType = DType::$name;
        }
        impl Stored for $name {
            type Working = i64;
            fn widen(self) -> i64 {
                i64::from(self.0)
            }
            fn narrow(value: i64) -> Self {
                // Up to the top of the byte and back, which copies the sign of signed types.
                Self((value as $t) << (8 - $bits) >> (8 - $bits))
            }
        }
    )+};
}
integers! {
    I4 = i8, 4, "From -8 to 7.";
    U4 = u8, 4, "From 0 to 15.";
    I2 = i8, 2, "From -2 to 1.";
    U2 = u8, 2, "From 0 to 3.";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: Small>(value: f64, saturate: bool) -> u8 {
        let one = [T::from_number(value, Conversion { saturate, ..Conversion::default() })];
        crate::tensor::as_bytes(&one)[0]
    }

    /// The codes that the table of the specification's Cast and the reference package ml_dtypes give.
    #[test]
    fn special_values_and_ties() {
        let values = [f64::NAN, f64::INFINITY, 7.0, -7.0, 0.25, 1e9, -1e9, -0.0, 0.2];
        let codes = |saturate| {
            [
                values.map(|v| code::<F8E4M3FN>(v, saturate)),
                values.map(|v| code::<F8E4M3FNUZ>(v, saturate)),
                values.map(|v| code::<F8E5M2>(v, saturate)),
                values.map(|v| code::<F8E5M2FNUZ>(v, saturate)),
                values.map(|v| code::<F4E2M1>(v, saturate)),
                values.map(|v| code::<F6E2M3>(v, saturate)),
                values.map(|v| code::<F6E3M2>(v, saturate)),
            ]
        };
        assert_eq!(
            codes(true),
            [
                [0x7f, 0x7e, 0x4e, 0xce, 0x28, 0x7e, 0xfe, 0x80, 0x25],
                [0x80, 0x7f, 0x56, 0xd6, 0x30, 0x7f, 0xff, 0x00, 0x2d],
                [0x7e, 0x7b, 0x47, 0xc7, 0x34, 0x7b, 0xfb, 0x80, 0x32],
                [0x80, 0x7f, 0x4b, 0xcb, 0x38, 0x7f, 0xff, 0x00, 0x36],
                [0x08, 0x07, 0x07, 0x0f, 0x00, 0x07, 0x0f, 0x08, 0x00],
                [0x20, 0x1f, 0x1e, 0x3e, 0x02, 0x1f, 0x3f, 0x20, 0x02],
                [0x20, 0x1f, 0x17, 0x37, 0x04, 0x1f, 0x3f, 0x20, 0x03],
            ]
        );
        let overflow: [[u8; 3]; 7] = codes(false).map(|c| [c[1], c[5], c[6]]);
        assert_eq!(
            overflow,
            [
                [0x7f, 0x7f, 0xff],
                [0x80, 0x80, 0x80],
                [0x7c, 0x7c, 0xfc],
                [0x80, 0x80, 0x80],
                [0x07, 0x07, 0x0f],
                [0x1f, 0x1f, 0x3f],
                [0x1f, 0x1f, 0x3f]
            ]
        );
    }

    #[test]
    fn every_code_reads_back_and_neighbours_round_half_way() {
        fn check<T: Small>(codes: u16) {
            let all = (0..codes).map(|c| crate::Tensor::from_buffer(T::DTYPE, [1], vec![c as u8].into()).unwrap());
            let mut numbers: Vec<f32> = Vec::new();
            for (c, t) in all.enumerate() {
                let value = t.as_slice::<T>().unwrap()[0].widen();
                if !value.is_nan() {
                    assert_eq!(code::<T>(value.into(), false), c as u8, "{} code {c}", T::DTYPE);
                    numbers.push(value);
                }
            }
            numbers.retain(|v| v.is_finite());
            numbers.sort_by(f32::total_cmp);
            for pair in numbers.windows(2) {
                let (a, b) = (f64::from(pair[0]), f64::from(pair[1]));
                for (x, want) in [(a * 0.51 + b * 0.49, pair[0]), (a * 0.49 + b * 0.51, pair[1])] {
                    let near = T::from_number(x, Conversion { saturate: false, rounding: Rounding::Nearest }).widen();
                    assert_eq!(near, want, "{} {x}", T::DTYPE);
                }
            }
        }
        check::<F8E4M3FN>(256);
        check::<F8E4M3FNUZ>(256);
        check::<F8E5M2>(256);
        check::<F8E5M2FNUZ>(256);
        check::<F4E2M1>(16);
        check::<F6E2M3>(64);
        check::<F6E3M2>(64);
        check::<F8E8M0>(255);
    }

    #[test]
    fn scales_round_as_they_are_told() {
        let at = |v: f64, rounding, saturate| F8E8M0::from_number(v, Conversion { saturate, rounding }).0;
        for (v, up, down, nearest) in
            [(1.0, 127, 127, 127), (1.4, 128, 127, 127), (1.5, 128, 127, 128), (3.0, 129, 128, 129)]
        {
            assert_eq!(
                [at(v, Rounding::Up, true), at(v, Rounding::Down, true), at(v, Rounding::Nearest, true)],
                [up, down, nearest],
                "{v}"
            );
        }
        assert_eq!((at(0.0, Rounding::Up, true), at(f64::NAN, Rounding::Up, true)), (0, 255));
        assert_eq!((at(f64::INFINITY, Rounding::Up, true), at(f64::INFINITY, Rounding::Up, false)), (254, 255));
        assert_eq!(
            (at(f64::from(f32::MAX), Rounding::Up, true), at(f64::from(f32::MAX), Rounding::Up, false)),
            (254, 255)
        );
    }

    #[test]
    fn small_integers_keep_their_low_bits() {
        assert_eq!([-9, 8, 15, -8].map(|v| I4::narrow(v).widen()), [7, -8, -1, -8]);
        assert_eq!([-1, 16, 9].map(|v| U4::narrow(v).widen()), [15, 0, 9]);
        assert_eq!([-3, 2, 1].map(|v| I2::narrow(v).widen()), [1, -2, 1]);
        assert_eq!([-1, 4, 2].map(|v| U2::narrow(v).widen()), [3, 0, 2]);
    }
}
