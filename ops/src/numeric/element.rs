//! The traits that operators are generic over.

use crate::DType;
use half::{bf16, f16};

/// A fixed-width element of a tensor.
///
/// # Safety
/// The type is plain old data of exactly `DTYPE.size()` bytes, and every byte pattern that a tensor of `DTYPE` may hold
/// is a valid value of it (tensors of booleans hold only 0 and 1).
pub unsafe trait Element:
    Copy + PartialEq + PartialOrd + Default + Send + Sync + std::fmt::Debug + 'static
{
    /// The type's name at run time.
    const DTYPE: DType;
}

/// A number: integers wrap on overflow, as ONNX's C++ reference does; floats follow IEEE 754.
pub trait Number: Element {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The least value (negative infinity for floats).
    const LEAST: Self;
    /// The greatest value (infinity for floats).
    const GREATEST: Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Quotient; integers truncate toward zero. A zero integer divisor gives 0: operators check for it first.
    fn div(self, other: Self) -> Self;
    /// Truncated remainder (the sign of the dividend), `fmod` for floats; 0 for a zero integer divisor.
    fn rem(self, other: Self) -> Self;
    /// `self * a + b`, fused (one rounding) for `f32` and `f64`.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Negation (wrapping).
    fn neg(self) -> Self;
    /// Absolute value (wrapping).
    fn abs(self) -> Self;
    /// Whether the value is not a number.
    fn is_nan(self) -> bool;
    /// To `f64`; inexact for large 64-bit integers.
    fn to_f64(self) -> f64;
    /// From `f64`: rounds to nearest even for floats, truncates and saturates for integers.
    fn from_f64(value: f64) -> Self;
    /// To `i64`: truncates floats, saturates.
    fn to_i64(self) -> i64;
    /// From `i64`: wraps for integers, rounds for floats.
    fn from_i64(value: i64) -> Self;
}

/// A floating-point number.
pub trait Float: Number {
    /// To `f32`: exact for the narrow types, rounded for `f64`.
    fn to_f32(self) -> f32;
    /// From `f32`.
    fn from_f32(value: f32) -> Self;
    /// Applies a scalar function at the type's own precision: `f32` and narrower types through `single`, `f64` through `double`.
    fn apply(self, single: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> Self;
}

macro_rules! integer {
    ($($t:ty = $d:ident),+) => {$(
        // SAFETY: a primitive integer, every bit pattern is valid, its size is the type's.
        unsafe impl Element for $t { const DTYPE: DType = DType::$d; }
        impl Number for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LEAST: Self = <$t>::MIN;
            const GREATEST: Self = <$t>::MAX;
            #[inline] fn add(self, o: Self) -> Self { self.wrapping_add(o) }
            #[inline] fn sub(self, o: Self) -> Self { self.wrapping_sub(o) }
            #[inline] fn mul(self, o: Self) -> Self { self.wrapping_mul(o) }
            #[inline] fn div(self, o: Self) -> Self { if o == 0 { 0 } else { self.wrapping_div(o) } }
            #[inline] fn rem(self, o: Self) -> Self { if o == 0 { 0 } else { self.wrapping_rem(o) } }
            #[inline] fn mul_add(self, a: Self, b: Self) -> Self { self.wrapping_mul(a).wrapping_add(b) }
            #[inline] fn neg(self) -> Self { self.wrapping_neg() }
            #[inline] #[allow(unused_comparisons, reason = "one body for signed and unsigned integers")]
            fn abs(self) -> Self { if self < 0 { self.wrapping_neg() } else { self } }
            #[inline] fn is_nan(self) -> bool { false }
            #[inline] fn to_f64(self) -> f64 { self as f64 }
            #[inline] fn from_f64(v: f64) -> Self { v as $t }
            #[inline] fn to_i64(self) -> i64 { i64::try_from(self).unwrap_or(i64::MAX) }
            #[inline] fn from_i64(v: i64) -> Self { v as $t }
        }
    )+};
}
integer!(i8 = I8, i16 = I16, i32 = I32, i64 = I64, u8 = U8, u16 = U16, u32 = U32, u64 = U64);

macro_rules! native_float {
    ($($t:ty = $d:ident, $apply:ident),+) => {$(
        // SAFETY: a primitive float, every bit pattern is valid, its size is the type's.
        unsafe impl Element for $t { const DTYPE: DType = DType::$d; }
        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LEAST: Self = <$t>::NEG_INFINITY;
            const GREATEST: Self = <$t>::INFINITY;
            #[inline] fn add(self, o: Self) -> Self { self + o }
            #[inline] fn sub(self, o: Self) -> Self { self - o }
            #[inline] fn mul(self, o: Self) -> Self { self * o }
            #[inline] fn div(self, o: Self) -> Self { self / o }
            #[inline] fn rem(self, o: Self) -> Self { self % o }
            #[inline] fn mul_add(self, a: Self, b: Self) -> Self { <$t>::mul_add(self, a, b) }
            #[inline] fn neg(self) -> Self { -self }
            #[inline] fn abs(self) -> Self { <$t>::abs(self) }
            #[inline] fn is_nan(self) -> bool { <$t>::is_nan(self) }
            #[inline] fn to_f64(self) -> f64 { self as f64 }
            #[inline] fn from_f64(v: f64) -> Self { v as $t }
            #[inline] fn to_i64(self) -> i64 { self as i64 }
            #[inline] fn from_i64(v: i64) -> Self { v as $t }
        }
    )+};
}
native_float!(f32 = F32, single, f64 = F64, double);

impl Float for f32 {
    #[inline]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        value
    }
    #[inline]
    fn apply(self, single: impl Fn(f32) -> f32, _: impl Fn(f64) -> f64) -> Self {
        single(self)
    }
}

impl Float for f64 {
    #[inline]
    fn to_f32(self) -> f32 {
        self as f32
    }
    #[inline]
    fn from_f32(value: f32) -> Self {
        f64::from(value)
    }
    #[inline]
    fn apply(self, _: impl Fn(f32) -> f32, double: impl Fn(f64) -> f64) -> Self {
        double(self)
    }
}

macro_rules! narrow_float {
    ($($t:ty = $d:ident),+) => {$(
        // SAFETY: a transparent u16, every bit pattern is valid, its size is the type's.
        unsafe impl Element for $t { const DTYPE: DType = DType::$d; }
        impl Number for $t {
            const ZERO: Self = <$t>::ZERO;
            const ONE: Self = <$t>::ONE;
            const LEAST: Self = <$t>::NEG_INFINITY;
            const GREATEST: Self = <$t>::INFINITY;
            #[inline] fn add(self, o: Self) -> Self { <$t>::from_f32(self.to_f32() + o.to_f32()) }
            #[inline] fn sub(self, o: Self) -> Self { <$t>::from_f32(self.to_f32() - o.to_f32()) }
            #[inline] fn mul(self, o: Self) -> Self { <$t>::from_f32(self.to_f32() * o.to_f32()) }
            #[inline] fn div(self, o: Self) -> Self { <$t>::from_f32(self.to_f32() / o.to_f32()) }
            #[inline] fn rem(self, o: Self) -> Self { <$t>::from_f32(self.to_f32() % o.to_f32()) }
            #[inline] fn mul_add(self, a: Self, b: Self) -> Self { self.mul(a).add(b) }
            #[inline] fn neg(self) -> Self { -self }
            #[inline] fn abs(self) -> Self { if self.is_sign_negative() { -self } else { self } }
            #[inline] fn is_nan(self) -> bool { <$t>::is_nan(self) }
            #[inline] fn to_f64(self) -> f64 { <$t>::to_f64(self) }
            #[inline] fn from_f64(v: f64) -> Self { <$t>::from_f64(v) }
            #[inline] fn to_i64(self) -> i64 { self.to_f32() as i64 }
            #[inline] fn from_i64(v: i64) -> Self { <$t>::from_f64(v as f64) }
        }
        impl Float for $t {
            #[inline] fn to_f32(self) -> f32 { <$t>::to_f32(self) }
            #[inline] fn from_f32(v: f32) -> Self { <$t>::from_f32(v) }
            #[inline] fn apply(self, single: impl Fn(f32) -> f32, _: impl Fn(f64) -> f64) -> Self {
                <$t>::from_f32(single(self.to_f32()))
            }
        }
    )+};
}
narrow_float!(f16 = F16, bf16 = BF16);

// SAFETY: one byte; tensors of booleans hold only 0 and 1 (checked when they are made).
unsafe impl Element for bool {
    const DTYPE: DType = DType::Bool;
}
