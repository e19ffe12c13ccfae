//! What libraries do to raw scores: the links between a margin and a prediction.

use super::Precision;
use crate::numeric::transcendental::exp_f64;

/// A function of one row's raw scores.
///
/// The arithmetic is plain IEEE in the given [`Precision`] with our own exponential and `libm`'s logarithms, so the bits are the same on
/// every machine; they differ from a library's own by the last place or two of its `exp` and `log`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PostTransform {
    /// The raw scores.
    None,
    /// `1 / (1 + exp(-k x))` of each score; `k` is LightGBM's sigmoid coefficient and 1 elsewhere. One-versus-all
    /// multi-class objectives use it as it is.
    Logistic {
        /// The coefficient.
        k: f64,
    },
    /// `exp(x - max)` over their sum.
    Softmax,
    /// As softmax over the scores that are not 0; those stay 0 (ONNX `SOFTMAX_ZERO`).
    SoftmaxZero,
    /// The quantile function of the standard normal distribution (ONNX `PROBIT`).
    Probit,
    /// `exp(x)`: Poisson, gamma, Tweedie, Cox and accelerated failure time.
    Exp,
    /// `sign(x) * x * x`: LightGBM's `reg_sqrt`.
    SignedSquare,
    /// `ln(1 + exp(x))`: LightGBM's `cross_entropy_lambda`.
    Softplus,
    /// 1 where the score is above 0, else 0: XGBoost's hinge.
    Step,
    /// One number: the index of the largest score, the first of equals (XGBoost's `multi:softmax`).
    ArgMax,
    /// The scores divided by a count, then another transform (LightGBM's random forests, whose raw scores are sums).
    Averaged {
        /// The count.
        divisor: u32,
        /// What follows.
        then: Box<PostTransform>,
    },
}

impl PostTransform {
    /// How many numbers come out of `n_targets` scores.
    #[must_use]
    pub fn n_outputs(&self, n_targets: u32) -> u32 {
        match self {
            Self::ArgMax => 1,
            Self::Averaged { then, .. } => then.n_outputs(n_targets),
            _ => n_targets,
        }
    }

    /// Transforms one row's scores in place, in `width`; the first [`PostTransform::n_outputs`] numbers are the result.
    pub fn apply(&self, width: Precision, scores: &mut [f64]) {
        let each = |scores: &mut [f64], f: &dyn Fn(f64) -> f64| {
            for score in scores {
                *score = width.round(f(*score));
            }
        };
        match self {
            Self::None => {}
            Self::Logistic { k } => each(scores, &|x| 1.0 / (1.0 + exp_f64(-k * x))),
            Self::Softmax => softmax(width, scores, |_| true),
            Self::SoftmaxZero => softmax(width, scores, |x| x != 0.0),
            Self::Probit => each(scores, &probit),
            Self::Exp => each(scores, &exp_f64),
            Self::SignedSquare => each(scores, &|x| if x < 0.0 { -(x * x) } else { x * x }),
            Self::Softplus => each(scores, &|x| libm::log1p(exp_f64(x))),
            Self::Step => each(scores, &|x| if x > 0.0 { 1.0 } else { 0.0 }),
            Self::ArgMax => arg_max(scores),
            Self::Averaged { divisor, then } => {
                each(scores, &|x| x / f64::from(*divisor));
                then.apply(width, scores);
            }
        }
    }

    /// As [`PostTransform::apply`] for f32 scores: worked out in f64 and rounded, so at most half a unit off in the last place.
    pub fn apply_f32(&self, scores: &mut [f32]) {
        let mut wide: Vec<f64> = scores.iter().copied().map(f64::from).collect();
        self.apply(Precision::F64, &mut wide);
        for (score, wide) in scores.iter_mut().zip(wide) {
            *score = wide as f32;
        }
    }
}

/// Softmax over the scores that `takes_part`; the others become 0.
fn softmax(width: Precision, scores: &mut [f64], takes_part: fn(f64) -> bool) {
    let max = scores.iter().copied().filter(|&x| takes_part(x)).fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = if takes_part(*score) { exp_f64(*score - max) } else { 0.0 };
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score = if sum > 0.0 { width.round(*score / sum) } else { 0.0 };
    }
}

fn arg_max(scores: &mut [f64]) {
    let mut best = 0;
    for index in 1..scores.len() {
        if scores[index] > scores[best] {
            best = index;
        }
    }
    if let Some(first) = scores.first_mut() {
        *first = best as f64;
    }
}

/// `sqrt(2) * erfinv(2 p - 1)` with Winitzki's approximation of the inverse error function, as the ONNX reference and
/// onnxruntime define it (constants 0.147 and 2).
fn probit(p: f64) -> f64 {
    let x = 2.0 * p - 1.0;
    let sign = if x < 0.0 { -1.0 } else { 1.0 };
    let log = libm::log((1.0 - x) * (1.0 + x));
    let v = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * log;
    let erfinv = sign * libm::sqrt(-v + libm::sqrt(v * v - log / 0.147));
    std::f64::consts::SQRT_2 * erfinv
}
