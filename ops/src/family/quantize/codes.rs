//! Codes: numbers as bytes, for the operators of our own that compute in eight bits.

use crate::{Error, Result};

/// How numbers become bytes: `code = clamp(round(x * factor) + zero, 0, 255)`, halves to even.
///
/// The product is one rounding in `f32`. Infinities become the ends; what NaN becomes is for the operator to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coding {
    /// Codes for one.
    pub factor: f32,
    /// The code of zero.
    pub zero: u8,
}

impl Coding {
    /// A coding.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a factor that is not a positive finite number, and a zero that is no byte.
    pub fn new(factor: f32, zero: i64) -> Result<Self> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::invalid(format!("a factor of {factor} where a positive number is expected")));
        }
        let zero = u8::try_from(zero).map_err(|_| Error::invalid(format!("a zero point of {zero} is no byte")))?;
        Ok(Self { factor, zero })
    }

    /// The code of a number.
    pub fn code(self, x: f32) -> u8 {
        let rounded = (x * self.factor).round_ties_even();
        // The conversion saturates, and takes NaN for zero.
        (rounded as i64).saturating_add(i64::from(self.zero)).clamp(0, 255) as u8
    }

    /// The number that a code stands for, in double precision.
    pub fn number(self, code: u8) -> f64 {
        (f64::from(code) - f64::from(self.zero)) / f64::from(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::Coding;

    #[test]
    fn numbers_become_bytes() {
        let coding = Coding::new(2.0, 10).unwrap();
        for (x, code) in [
            (0.0, 10),
            (0.25, 10),
            (0.75, 12),
            (-1.0, 8),
            (-5.5, 0),
            (1e30, 255),
            (f32::NEG_INFINITY, 0),
            (f32::INFINITY, 255),
            (f32::NAN, 10),
        ] {
            assert_eq!(coding.code(x), code, "{x}");
        }
        assert_eq!(coding.number(13), 1.5);
        for factor in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Coding::new(factor, 0).is_err(), "{factor}");
        }
        assert!(Coding::new(1.0, 256).is_err() && Coding::new(1.0, -1).is_err());
    }
}
