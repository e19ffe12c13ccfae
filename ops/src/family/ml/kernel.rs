//! Kernel functions and the columns of support vectors that both kernel models read.

use crate::{Attributes, Error, Result, numeric::transcendental::exp_f64};

/// A kernel function of a row `x` and a support vector `y`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// `x . y`
    Linear,
    /// `(gamma x . y + coef0) ^ degree`
    Poly {
        /// The factor.
        gamma: f32,
        /// The summand.
        coef0: f32,
        /// The exponent.
        degree: f32,
    },
    /// `exp(-gamma |x - y|^2)`
    Rbf {
        /// The factor.
        gamma: f32,
    },
    /// `tanh(gamma x . y + coef0)`
    Sigmoid {
        /// The factor.
        gamma: f32,
        /// The summand.
        coef0: f32,
    },
}

impl Kernel {
    /// Reads `kernel_type` and `kernel_params` (gamma, coef0, degree).
    ///
    /// # Errors
    /// [`Error::Invalid`] for other names or numbers of parameters.
    pub(super) fn parse(attributes: &Attributes) -> Result<Self> {
        let params = attributes.floats_or("kernel_params", Vec::new())?;
        let [gamma, coef0, degree] = match params[..] {
            [] => [0.0; 3],
            [gamma, coef0, degree] => [gamma, coef0, degree],
            _ => {
                return Err(Error::invalid(format!(
                    "attribute 'kernel_params' has {} numbers where gamma, coef0 and degree are expected",
                    params.len()
                )));
            }
        };
        let name = attributes.string_or("kernel_type", "LINEAR".to_owned())?;
        let kernel = match name.as_str() {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, coef0, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef0 },
            _ => {
                return Err(Error::invalid(format!(
                    "attribute 'kernel_type' is '{name}' where LINEAR, POLY, RBF or SIGMOID is expected"
                )));
            }
        };
        if kernel != Self::Linear && params.is_empty() {
            return Err(Error::invalid(format!("kernel {name} needs the attribute 'kernel_params'")));
        }
        Ok(kernel)
    }

    /// The value for two vectors of one length: sums and function in doubles, one chain of fused multiply-adds in ascending
    /// index, rounded once.
    pub fn value(&self, x: &[f32], y: &[f32]) -> f32 {
        let pairs = || x.iter().zip(y).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let dot = || pairs().fold(0.0f64, |sum, (a, b)| a.mul_add(b, sum));
        let found = match *self {
            Self::Linear => dot(),
            Self::Poly { gamma, coef0, degree } => {
                libm::pow(dot() * f64::from(gamma) + f64::from(coef0), f64::from(degree))
            }
            Self::Rbf { gamma } => {
                let distance = pairs().fold(0.0f64, |sum, (a, b)| (a - b).mul_add(a - b, sum));
                exp_f64(-f64::from(gamma) * distance)
            }
            Self::Sigmoid { gamma, coef0 } => libm::tanh(dot() * f64::from(gamma) + f64::from(coef0)),
        };
        found as f32
    }
}
