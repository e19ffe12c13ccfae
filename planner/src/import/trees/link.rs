//! XGBoost's way from a file's `base_score` to the margin that sums start from.
//!
//! The library computes the link in f32 with the C library's `logf`, and sums begin at its result: one bit off would be
//! one bit off in every score. glibc's `logf` (2.27 and later) is not correctly rounded, about 1 in 200 of these arguments
//! differs from the rounded logarithm, so its published algorithm is followed here: a table of sixteen reciprocals and a
//! polynomial of degree three, in f64.

/// How an objective reads its base score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The margin itself.
    Identity,
    /// A probability.
    Logit,
    /// A positive number.
    Log,
}

impl Link {
    /// The margin of a base score; NaN or infinite where the score is outside the link's domain.
    pub(super) fn margin(self, base_score: f32) -> f32 {
        match self {
            Self::Identity => base_score,
            Self::Logit => -logf(1.0 / base_score - 1.0),
            Self::Log => logf(base_score),
        }
    }
}

/// 1/c and ln(c) for c near the middle of each sixteenth of [0.7, 1.4).
const TABLE: [(f64, f64); 16] = [
    (f64::from_bits(0x3ff6_61ec_79f8_f3be), f64::from_bits(0xbfd5_7bf7_808c_aade)),
    (f64::from_bits(0x3ff5_71ed_4aaf_883d), f64::from_bits(0xbfd2_bef0_a7c0_6ddb)),
    (f64::from_bits(0x3ff4_9539_f0f0_10b0), f64::from_bits(0xbfd0_1eae_7f51_3a67)),
    (f64::from_bits(0x3ff3_c995_b0b8_0385), f64::from_bits(0xbfcb_31d8_a682_24e9)),
    (f64::from_bits(0x3ff3_0d19_0c88_64a5), f64::from_bits(0xbfc6_574f_0ac0_7758)),
    (f64::from_bits(0x3ff2_5e22_7b0b_8ea0), f64::from_bits(0xbfc1_aa2b_c79c_8100)),
    (f64::from_bits(0x3ff1_bb4a_4a1a_343f), f64::from_bits(0xbfba_4e76_ce8c_0e5e)),
    (f64::from_bits(0x3ff1_2358_f08a_e5ba), f64::from_bits(0xbfb1_973c_5a61_1ccc)),
    (f64::from_bits(0x3ff0_953f_4199_00a7), f64::from_bits(0xbfa2_52f4_38e1_0c1e)),
    (1.0, 0.0),
    (f64::from_bits(0x3fee_608c_fd9a_47ac), f64::from_bits(0x3faa_a5aa_5df2_5984)),
    (f64::from_bits(0x3fec_a4b3_1f02_6aa0), f64::from_bits(0x3fbc_5e53_aa36_2eb4)),
    (f64::from_bits(0x3feb_2036_576a_fce6), f64::from_bits(0x3fc5_26e5_7720_db08)),
    (f64::from_bits(0x3fe9_c2d1_63a1_aa2d), f64::from_bits(0x3fcb_c286_0d22_4770)),
    (f64::from_bits(0x3fe8_86e6_0378_41ed), f64::from_bits(0x3fd1_058b_c8a0_7ee1)),
    (f64::from_bits(0x3fe7_67dc_f553_4862), f64::from_bits(0x3fd4_0430_57b6_ee09)),
];
/// Of r cubed, r squared and r, beyond the leading r.
const POLYNOMIAL: [f64; 3] = [
    f64::from_bits(0xbfd0_0ea3_48b8_8334),
    f64::from_bits(0x3fd5_575b_0be0_0b6a),
    f64::from_bits(0xbfdf_fffe_f20a_4123),
];

/// glibc's natural logarithm of an f32.
fn logf(x: f32) -> f32 {
    let mut bits = x.to_bits();
    if x.is_nan() || x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    if x == 1.0 || x == f32::INFINITY {
        return if x == 1.0 { 0.0 } else { x };
    }
    if x < f32::MIN_POSITIVE {
        bits = (x * 8_388_608.0).to_bits().wrapping_sub(23 << 23);
    }
    // x = 2^k z with z in [0.7, 1.4), and z near the i-th centre.
    let offset = bits.wrapping_sub(0x3f33_0000);
    let (invc, logc) = TABLE[(offset >> 19 & 15) as usize];
    let k = f64::from(offset.cast_signed() >> 23);
    let z = f64::from(f32::from_bits(bits.wrapping_sub(offset & 0xff80_0000)));
    let r = z.mul_add(invc, -1.0);
    let y0 = k.mul_add(std::f64::consts::LN_2, logc);
    let r2 = r * r;
    let y = POLYNOMIAL[1].mul_add(r, POLYNOMIAL[2]);
    let y = POLYNOMIAL[0].mul_add(r2, y);
    y.mul_add(r2, y0 + r) as f32
}

#[cfg(test)]
mod tests {
    use super::{Link, logf};

    #[test]
    fn logarithms_are_those_of_glibc() {
        // Measured with glibc 2.36. The first eight differ from the correctly rounded logarithm.
        let cases: [(u32, u32); 15] = [
            (0x40b8375a, 0x3fe00c44),
            (0x4024c694, 0x3f721987),
            (0x3fc1345c, 0x3ed2ccd9),
            (0x3f84b146, 0x3d1378e4),
            (0x3f83c442, 0x3ced95ed),
            (0x3f810732, 0x3c03126d),
            (0x3f7cb188, 0xbc54fee7),
            (0x3f7baf48, 0xbc8b4458),
            (0x3e99999a, 0xbf9a1bc8),
            (0x40f00000, 0x4000f42c),
            (0x00000001, 0xc2ce8ed0),
            (0x7f61b1e6, 0x42b13196),
            (0x00015c73, 0xc2b7c2b1),
            (0x3f7ffffe, 0xb4000000),
            (0x3f800001, 0x33ffffff),
        ];
        for (x, expected) in cases {
            let got = logf(f32::from_bits(x)).to_bits();
            assert_eq!(got, expected, "logf({:?}) = {got:#x}", f32::from_bits(x));
        }
    }

    #[test]
    fn logarithms_are_close_everywhere() {
        for bits in (0x0000_0001..0x7f80_0000).step_by(104_729) {
            let x = f32::from_bits(bits);
            let exact = libm_log(x);
            let got = f64::from(logf(x));
            assert!((got - exact).abs() <= exact.abs() * 1.2e-7 + 1e-12, "logf({x}) = {got}, {exact} expected");
        }
        assert!(logf(-1.0).is_nan() && logf(f32::NAN).is_nan());
        assert_eq!((logf(0.0), logf(f32::INFINITY), logf(1.0)), (f32::NEG_INFINITY, f32::INFINITY, 0.0));
    }

    /// ln of an f32 by summing the series of artanh, exact enough to judge f32.
    fn libm_log(x: f32) -> f64 {
        let (mut mantissa, mut exponent) = (f64::from(x), 0.0);
        while mantissa > 1.4 {
            mantissa /= 2.0;
            exponent += 1.0;
        }
        while mantissa < 0.7 {
            mantissa *= 2.0;
            exponent -= 1.0;
        }
        let t = (mantissa - 1.0) / (mantissa + 1.0);
        let series: f64 = (0..30).map(|n| 2.0 * t.powi(2 * n + 1) / f64::from(2 * n + 1)).sum();
        exponent * std::f64::consts::LN_2 + series
    }

    #[test]
    fn links() {
        assert_eq!(Link::Logit.margin(0.5), 0.0);
        assert_eq!(Link::Log.margin(1.0), 0.0);
        assert_eq!(Link::Identity.margin(0.3), 0.3);
    }
}
