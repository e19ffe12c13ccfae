//! Accuracy over all `f32`, special values.

use super::*;

/// A function, what it should be, and the error it states in units in the last place.
type Case = (&'static str, fn(&[u32], &mut Vec<f32>), fn(f64) -> f64, f64);

macro_rules! over {
    ($f:path) => {
        |bits, out| {
            out.clear();
            out.extend(bits.iter().map(|b| $f(f32::from_bits(*b))));
        }
    };
}

const CASES: &[Case] = &[
    ("exp", over!(exp_f32), libm::exp, 1.0),
    ("ln", over!(ln_f32), libm::log, 1.0),
    ("tanh", over!(tanh_f32), libm::tanh, 1.0),
    ("erf", over!(erf_f32), libm::erf, 1.0),
    ("expm1", over!(expm1_f32), libm::expm1, 3.0),
    ("sigmoid", over!(sigmoid_f32), sigmoid_f64, 3.0),
    ("softplus", over!(softplus_f32), softplus_f64, 3.0),
    ("sin", over!(sin_f32), libm::sin, 3.0),
    ("cos", over!(cos_f32), libm::cos, 3.0),
];

/// The distance of two neighbours of `f32` at this value.
fn ulp(value: f64) -> f64 {
    let exponent = if value == 0.0 { -126 } else { libm::ilogb(value).max(-126) };
    libm::ldexp(1.0, exponent - 23)
}

/// The largest error over these bit patterns, and where it is.
fn worst(bits: &[u32], case: &Case, out: &mut Vec<f32>) -> (f64, f32) {
    let (name, function, exact, _) = case;
    function(bits, out);
    let mut worst = (0.0, 0.0f32);
    for (b, got) in bits.iter().zip(out.iter()) {
        let x = f32::from_bits(*b);
        let want = exact(f64::from(x));
        if want.is_nan() || (want as f32).is_infinite() || want == 0.0 {
            let same = if want.is_nan() { got.is_nan() } else { got.to_bits() == (want as f32).to_bits() };
            assert!(same, "{name}({x:e}) is {got:e} where {want:e} is expected");
            continue;
        }
        let error = (f64::from(*got) - want).abs() / ulp(want);
        if error.is_nan() || error > worst.0 {
            worst = (error, x);
        }
    }
    worst
}

#[test]
fn errors_stay_within_what_is_stated() {
    // The stride is prime: every exponent and both signs are visited.
    let bits: Vec<u32> = (0..=u32::MAX).step_by(10_007).collect();
    for case in CASES {
        let (error, at) = worst(&bits, case, &mut Vec::new());
        assert!(error <= case.3, "{} is {error} ulp off at {at:e}", case.0);
    }
}

#[test]
#[ignore = "exhaustive over all f32: 600 s; run with --ignored"]
fn the_four_that_promise_one_ulp_hold_it_everywhere() {
    for case in &CASES[..4] {
        let mut found = (0.0, 0.0);
        let (mut bits, mut out) = (Vec::with_capacity(1 << 16), Vec::with_capacity(1 << 16));
        for high in 0..=u16::MAX {
            bits.clear();
            bits.extend((0..=u16::MAX).map(|low| u32::from(high) << 16 | u32::from(low)));
            let here = worst(&bits, case, &mut out);
            if here.0 > found.0 {
                found = here;
            }
        }
        assert!(found.0 <= case.3, "{} is {} ulp off at {:e}", case.0, found.0, found.1);
    }
}

#[test]
fn special_values_are_those_of_ieee() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for (name, f, x, want) in [
        ("exp", exp_f32 as fn(f32) -> f32, -inf, 0.0),
        ("exp", exp_f32, inf, inf),
        ("exp", exp_f32, nan, nan),
        ("exp", exp_f32, 0.0, 1.0),
        ("exp", exp_f32, -103.0, 1e-45),
        ("exp", exp_f32, 88.722_84, inf),
        ("ln", ln_f32, 0.0, -inf),
        ("ln", ln_f32, -0.0, -inf),
        ("ln", ln_f32, -1.0, nan),
        ("ln", ln_f32, inf, inf),
        ("ln", ln_f32, nan, nan),
        ("ln", ln_f32, 1.0, 0.0),
        ("tanh", tanh_f32, -0.0, -0.0),
        ("tanh", tanh_f32, -inf, -1.0),
        ("tanh", tanh_f32, nan, nan),
        ("erf", erf_f32, -0.0, -0.0),
        ("erf", erf_f32, inf, 1.0),
        ("erf", erf_f32, nan, nan),
        ("sigmoid", sigmoid_f32, -inf, 0.0),
        ("sigmoid", sigmoid_f32, inf, 1.0),
        ("softplus", softplus_f32, inf, inf),
        ("softplus", softplus_f32, -inf, 0.0),
        ("softplus", softplus_f32, nan, nan),
        ("expm1", expm1_f32, -0.0, -0.0),
        ("expm1", expm1_f32, inf, inf),
        ("sin", sin_f32, -0.0, -0.0),
        ("sin", sin_f32, inf, nan),
        ("cos", cos_f32, nan, nan),
    ] {
        let got = f(x);
        assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{name}({x}) is {got}, not {want}");
    }
}

#[test]
fn exponentials_of_doubles_are_those_of_libm_within_their_errors() {
    let mut state = 1_u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for width in [1e-12, 0.4, 1.0, 40.0, 709.0, 746.0] {
        for _ in 0..20_000 {
            let x = (2.0 * unit() - 1.0) * width;
            let (got, want) = (exp_f64(x), libm::exp(x));
            // Both are less than a unit off, and a subnormal is rounded twice.
            let apart = (got.to_bits() as i64 - want.to_bits() as i64).abs();
            assert!(apart <= 2 || got == want, "exp({x:e}) is {got:e} where {want:e} is expected");
        }
    }
    for (x, want) in [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, 0.0),
        (710.0, f64::INFINITY),
        (-746.0, 0.0),
        (f64::MAX, f64::INFINITY),
        (1e-300, 1.0),
    ] {
        assert_eq!(exp_f64(x).to_bits(), f64::to_bits(want), "exp({x:e})");
    }
    assert!(exp_f64(f64::NAN).is_nan());
}
