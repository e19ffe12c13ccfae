//! Transcendental functions that give the same bits on every platform.
//!
//! The standard library's differ between platforms, so operators and kernels use these. Those for `f32` that networks
//! spend their time in are our own: straight-line polynomials over [`f32::mul_add`] with selects instead of branches,
//! so that a kernel which calls them inside a loop under AVX2, AVX-512 or NEON gets the very same bits from vector code.
//! Their coefficients are minimax fits made for this file, and so are those of [`exp_f64`], which links of models spend
//! their time in. Everything else in `f64`, and every rarer function, is the `libm` crate's; rarer `f32` functions run
//! through it in double precision and round once.
//!
//! Largest errors in units in the last place against double precision; the first four were measured over all `f32`, and
//! an ignored test measures them again:
//!
//! | function | ulp |
//! |---|---|
//! | [`exp_f32`] | 0.88 |
//! | [`ln_f32`] | 0.83 |
//! | [`tanh_f32`] | 0.95 |
//! | [`erf_f32`] | 0.97 |
//! | [`expm1_f32`], [`sin_f32`], [`cos_f32`], [`sigmoid_f32`], [`softplus_f32`] | at most 3 |
//! | [`exp_f64`], over 16 million `f64` | 0.86 |

use super::Float;

/// 1.5 * 2^23: adding it rounds a small number to an integer, which then stands in the low bits.
const ROUNDER: f32 = 12_582_912.0;
const LN2_HIGH: f32 = f32::from_bits(0x3f31_7218);
const LN2_LOW: f32 = f32::from_bits(0xb102_e308);

/// `2^n` for `n` in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// Splits `x + low` into `n` and `e^r - 1` with `x + low = n ln 2 + r`; `x` must lie in -104..=89 or be NaN, and `low` be
/// no more than what rounding takes from `x`.
#[inline(always)]
fn exp_parts(x: f32, low: f32) -> (i32, f32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let k = shifted - ROUNDER;
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    // The first difference is exact; what rounding takes from the second comes back below.
    let high = k.mul_add(-LN2_HIGH, x);
    let r = k.mul_add(-LN2_LOW, high);
    let lost = k.mul_add(-LN2_LOW, high - r) + low;
    let q = 1.382_073_4e-3f32
        .mul_add(r, 8.368_677e-3)
        .mul_add(r, 4.166_826_6e-2)
        .mul_add(r, 1.666_652_1e-1)
        .mul_add(r, 4.999_999_4e-1);
    (n, r + (r * r).mul_add(q, lost))
}

/// The least of `x` and `high` and the greatest of that and `low`; NaN stays.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// `e^x`, at most 1 ulp off; overflows to infinity, underflows gradually to 0.
#[inline(always)]
pub fn exp_f32(x: f32) -> f32 {
    // Adding -0 changes nothing, so compilers leave it out.
    exp_sum(x, -0.0)
}

/// `e^(x + low)` for a `low` that is no more than what rounding takes from `x`.
#[inline(always)]
fn exp_sum(x: f32, low: f32) -> f32 {
    let (n, less_one) = exp_parts(clamp(x, -104.0, 89.0), low);
    // A NaN leaves no integer behind; any in range will do, the product is NaN.
    let n = if x.is_nan() { 0 } else { n };
    let half = n >> 1;
    (1.0 + less_one) * power_of_two(half) * power_of_two(n - half)
}

/// `e^x - 1` without cancellation near 0.
#[inline(always)]
pub fn expm1_f32(x: f32) -> f32 {
    let (n, less_one) = exp_parts(clamp(x, -20.0, 89.0), -0.0);
    let n = if x.is_nan() { 0 } else { n };
    let half = power_of_two(n - 1);
    let found = if n == 0 { less_one } else { half.mul_add(less_one, half - 0.5) * 2.0 };
    // The sign of zero is the argument's.
    if x == 0.0 { x } else { found }
}

/// The natural logarithm, at most 1 ulp off; NaN below 0, negative infinity at 0.
#[inline(always)]
pub fn ln_f32(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let bits = (if tiny { x * 8_388_608.0 } else { x }).to_bits();
    // The mantissa is taken from sqrt(1/2) to sqrt(2), so that the logarithm is small on both sides of 1.
    let exponent = (bits.wrapping_sub(0x3f35_04f3) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32)) - 1.0;
    let e = (exponent - if tiny { 23 } else { 0 }) as f32;
    let h = 6.749_556e-2f32
        .mul_add(f, -1.167_019_2e-1)
        .mul_add(f, 1.188_347_04e-1)
        .mul_add(f, -1.240_620_76e-1)
        .mul_add(f, 1.422_036_3e-1)
        .mul_add(f, -1.666_799e-1)
        .mul_add(f, 2.000_207_2e-1)
        .mul_add(f, -2.500_001e-1)
        .mul_add(f, 3.333_331_3e-1)
        .mul_add(f, -0.5);
    // 16 bits of ln 2: the product with an exponent is exact, and so is the error of the sum.
    let high = e * 0.693_145_75;
    let sum = high + f;
    let rest = e.mul_add(1.428_606_8e-6, f - (sum - high));
    let found = sum + (f * f).mul_add(h, rest);
    let found = if x < f32::INFINITY { found } else { x };
    let found = if x == 0.0 { f32::NEG_INFINITY } else { found };
    if x < 0.0 { f32::NAN } else { found }
}

/// The hyperbolic tangent, at most 1 ulp off.
#[inline(always)]
pub fn tanh_f32(x: f32) -> f32 {
    let a = x.abs();
    let u = a * a;
    let p = 1.162_105_1e-4f32
        .mul_add(u, -8.212_084e-4)
        .mul_add(u, 3.048_127e-3)
        .mul_add(u, -8.571_075e-3)
        .mul_add(u, 2.177_435_5e-2)
        .mul_add(u, -5.395_071_6e-2)
        .mul_add(u, 1.333_317_5e-1)
        .mul_add(u, -3.333_332_8e-1);
    let small = a.mul_add(u * p, a);
    let large = 1.0 - 2.0 / (exp_f32(2.0 * a) + 1.0);
    (if a < 1.0 { small } else { large }).copysign(x)
}

/// The error function, at most 1 ulp off.
#[inline(always)]
pub fn erf_f32(x: f32) -> f32 {
    let a = x.abs();
    let u = a * a;
    let p = 7.806_903e-5f32
        .mul_add(u, -7.997_853e-4)
        .mul_add(u, 5.187_162e-3)
        .mul_add(u, -2.685_334_7e-2)
        .mul_add(u, 1.128_357_9e-1)
        .mul_add(u, -3.761_262_6e-1)
        .mul_add(u, 1.283_791_7e-1);
    let small = a.mul_add(p, a);
    // Beyond: the complement's logarithm is a smooth function, and at 4 the complement has vanished.
    let t = if a > 4.0 { 4.0 } else { a };
    let q = 1.198_423_9e-5f32
        .mul_add(t, -3.303_618e-4)
        .mul_add(t, 3.673_292_7e-3)
        .mul_add(t, -2.382_752_5e-2)
        .mul_add(t, 1.063_132e-1)
        .mul_add(t, 6.351_049_5e-1)
        .mul_add(t, 1.128_66);
    let exponent = -t * q;
    let large = 1.0 - exp_sum(exponent, (-t).mul_add(q, -exponent));
    (if a < 0.97 { small } else { large }).copysign(x)
}

/// The logistic function `1 / (1 + e^-x)`, exact in its tails.
#[inline(always)]
pub fn sigmoid_f32(x: f32) -> f32 {
    let e = exp_f32(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `ln(1 + y)` for `y` in 0..=1.
#[inline(always)]
fn ln_1p_unit(y: f32) -> f32 {
    let u = 1.0 + y;
    ln_f32(u) + (y - (u - 1.0)) / u
}

/// `ln(1 + e^x)`, as `max(x, 0) + ln(1 + e^-|x|)`: never overflows.
#[inline(always)]
pub fn softplus_f32(x: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + ln_1p_unit(exp_f32(-x.abs()))
}

/// Beyond this the three parts of pi/2 no longer reduce an argument exactly.
const TRIGONOMETRIC_LIMIT: f32 = 65_536.0;

/// pi/2 in three parts.
const PI_2: [u32; 3] = [0x3fc9_0fdb, 0xb33b_bd2e, 0xa6f7_2ced];

/// The nearest multiple of pi/2 (its number modulo 4) and what is left; `x` must be within the limit.
#[inline(always)]
fn quarter(x: f32) -> (u32, f32) {
    let shifted = x.mul_add(std::f32::consts::FRAC_2_PI, ROUNDER);
    let k = shifted - ROUNDER;
    let r = k.mul_add(-f32::from_bits(PI_2[0]), x);
    let r = k.mul_add(-f32::from_bits(PI_2[1]), r);
    (shifted.to_bits() & 3, k.mul_add(-f32::from_bits(PI_2[2]), r))
}

/// The sine (even quarters) or cosine (odd ones) of what is left, with the quarter's sign.
#[inline(always)]
fn sine_of_quarter(quarter: u32, r: f32) -> f32 {
    let u = r * r;
    let sin = (2.832_725e-6f32).mul_add(u, -1.985_307_3e-4).mul_add(u, 8.333_379e-3).mul_add(u, -1.666_666_7e-1);
    let sin = r.mul_add(u * sin, r);
    let cos = (-2.897_590_7e-7f32).mul_add(u, 2.482_297_7e-5).mul_add(u, -1.388_898_2e-3).mul_add(u, 4.166_666_8e-2);
    let cos = (u * u).mul_add(cos, u.mul_add(-0.5, 1.0));
    let found = if quarter & 1 == 0 { sin } else { cos };
    f32::from_bits(found.to_bits() ^ ((quarter & 2) << 30))
}

/// The sine of an angle in radians. Straight-line up to 65,536; beyond it runs in double precision.
#[inline(always)]
pub fn sin_f32(x: f32) -> f32 {
    if x.abs() <= TRIGONOMETRIC_LIMIT {
        let (q, r) = quarter(x);
        // The sign of zero is the argument's.
        if x == 0.0 { x } else { sine_of_quarter(q, r) }
    } else {
        libm::sin(f64::from(x)) as f32
    }
}

/// The cosine of an angle in radians. Straight-line up to 65,536; beyond it runs in double precision.
#[inline(always)]
pub fn cos_f32(x: f32) -> f32 {
    if x.abs() <= TRIGONOMETRIC_LIMIT {
        let (q, r) = quarter(x);
        sine_of_quarter(q + 1, r)
    } else {
        libm::cos(f64::from(x)) as f32
    }
}

/// `e^x` of a double, less than 1 ulp off; overflows to infinity, underflows gradually to 0.
///
/// Multiplications and additions without fusing: what calls it for a few numbers is often compiled for no machine in
/// particular, where a fused one is a call.
#[inline(always)]
pub fn exp_f64(x: f64) -> f64 {
    /// 1.5 * 2^52, as [`ROUNDER`](self::ROUNDER).
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    /// Ends in so many zeros that its product with any exponent is exact.
    const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUNDER;
    let k = shifted - ROUNDER;
    let high = x - k * LN2_HIGH;
    let r = high - k * LN2_LOW;
    let lost = (high - r) - k * LN2_LOW;
    let mut q = 2.091_468_696_808_687_6e-9;
    for coefficient in [
        2.510_521_700_472_074_5e-8,
        2.755_727_364_311_03e-7,
        2.755_725_540_020_642_2e-6,
        2.480_158_732_554_774_3e-5,
        1.984_126_987_482_062_7e-4,
        1.388_888_888_888_374_8e-3,
        8.333_333_333_326_136e-3,
        4.166_666_666_666_667e-2,
        0.166_666_666_666_666_7,
        0.5,
    ] {
        q = q * r + coefficient;
    }
    let less_one = r + (r * r * q + lost);
    // The exponent and 2048, so that it is positive; a NaN leaves none behind, and its product is NaN with any.
    let n = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(2048);
    let n = if x.is_nan() { 2048 } else { n };
    let half = n >> 1;
    (1.0 + less_one) * f64::from_bits((half - 1) << 52) * f64::from_bits((n - half - 1) << 52)
}

/// The logistic function in double precision.
#[inline]
pub fn sigmoid_f64(x: f64) -> f64 {
    let e = exp_f64(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `ln(1 + e^x)` in double precision.
#[inline]
pub fn softplus_f64(x: f64) -> f64 {
    (if x < 0.0 { 0.0 } else { x }) + libm::log1p(exp_f64(-x.abs()))
}

/// A function of doubles as one of singles: one rounding.
#[inline]
pub fn rounded(double: impl Fn(f64) -> f64) -> impl Fn(f32) -> f32 {
    move |x| double(f64::from(x)) as f32
}

macro_rules! generic {
    ($($(#[$doc:meta])+ $name:ident = $single:path, $double:path;)+) => {$(
        $(#[$doc])+
        #[inline]
        pub fn $name<T: Float>(x: T) -> T {
            x.apply($single, $double)
        }
    )+};
}

generic! {
    /// `e^x` of any floating-point number.
    exp = exp_f32, exp_f64;
    /// `e^x - 1` of any floating-point number.
    expm1 = expm1_f32, libm::expm1;
    /// The natural logarithm of any floating-point number.
    ln = ln_f32, libm::log;
    /// The hyperbolic tangent of any floating-point number.
    tanh = tanh_f32, libm::tanh;
    /// The error function of any floating-point number.
    erf = erf_f32, libm::erf;
    /// The logistic function of any floating-point number.
    sigmoid = sigmoid_f32, sigmoid_f64;
    /// `ln(1 + e^x)` of any floating-point number.
    softplus = softplus_f32, softplus_f64;
    /// The sine of any floating-point number.
    sin = sin_f32, libm::sin;
    /// The cosine of any floating-point number.
    cos = cos_f32, libm::cos;
    /// The square root of any floating-point number, correctly rounded.
    sqrt = f32::sqrt, f64::sqrt;
}

/// `x^y`: in double precision with one rounding for `f32` and narrower types.
#[inline]
pub fn pow<T: Float>(x: T, y: T) -> T {
    let y = y.to_f64();
    x.apply(|x| libm::pow(f64::from(x), y) as f32, |x| libm::pow(x, y))
}

#[cfg(test)]
mod tests;
