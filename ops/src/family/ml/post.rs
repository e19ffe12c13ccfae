//! Post transforms of scores, as the classifiers and regressors of this family apply them.

use crate::{
    Attributes, Error, Result,
    forest::{PostTransform, Precision},
    numeric::transcendental::exp_f64,
};

/// Reads the attribute `post_transform`.
///
/// # Errors
/// [`Error::Invalid`] for a name that ONNX does not have.
pub(super) fn parse(attributes: &Attributes) -> Result<PostTransform> {
    let name = attributes.string_or("post_transform", "NONE".to_owned())?;
    match name.as_str() {
        "NONE" => Ok(PostTransform::None),
        "LOGISTIC" => Ok(PostTransform::Logistic { k: 1.0 }),
        "SOFTMAX" => Ok(PostTransform::Softmax),
        "SOFTMAX_ZERO" => Ok(PostTransform::SoftmaxZero),
        "PROBIT" => Ok(PostTransform::Probit),
        _ => Err(Error::invalid(format!(
            "attribute 'post_transform' is '{name}' where NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or PROBIT is expected"
        ))),
    }
}

/// What a lone score `s` becomes when its row has two columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// There is one column.
    None,
    /// `[1 - s, s]`.
    Complement,
    /// `[-s, s]`.
    Opposite,
}

/// Turns one row's scores into its columns: two and more are transformed together; a lone one is transformed by
/// PROBIT only, or by LOGISTIC when it becomes two columns `[f(-s), f(s)]`. Computed in doubles.
pub(super) fn finish(post: &PostTransform, scores: &mut Vec<f64>, second: Second) {
    if scores.len() != 1 || *post == PostTransform::Probit {
        match post {
            PostTransform::Probit => scores.iter_mut().for_each(|s| *s = probit(*s)),
            PostTransform::SoftmaxZero => softmax_zero(scores),
            other => other.apply(Precision::F64, scores),
        }
        return;
    }
    let score = scores[0];
    match (second, post) {
        (Second::None, _) => {}
        (_, PostTransform::Logistic { .. }) => {
            scores.insert(0, -score);
            post.apply(Precision::F64, scores);
        }
        (Second::Complement, _) => scores.insert(0, 1.0 - score),
        (Second::Opposite, _) => scores.insert(0, -score),
    }
}

/// Softmax over the scores beyond 1e-7 of zero; the others are scaled along and stay next to 0, as in onnxruntime, but
/// where all of them are that small they become 0 instead of dividing by 0.
fn softmax_zero(scores: &mut [f64]) {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if score.abs() > 1e-7 || score.is_nan() {
            *score = exp_f64(*score - max);
            sum += *score;
        } else {
            *score *= exp_f64(-max);
        }
    }
    scores.iter_mut().for_each(|s| *s = if sum == 0.0 { 0.0 } else { *s / sum });
}

/// Pi as onnxruntime writes it here.
#[expect(clippy::approx_constant, reason = "the reference has six digits")]
const SHORT_PI: f64 = 3.14159;

/// The quantile function of the standard normal distribution by Winitzki's inverse of the error function with
/// onnxruntime's constants, among which pi has six digits.
fn probit(p: f64) -> f64 {
    let x = 2.0 * p - 1.0;
    let log = libm::log((1.0 - x) * (1.0 + x));
    let v = 2.0 / (SHORT_PI * 0.147) + 0.5 * log;
    let magnitude = libm::sqrt(libm::sqrt(v * v - log / 0.147) - v);
    std::f64::consts::SQRT_2 * if x < 0.0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_scores_and_zeros() {
        let logistic = PostTransform::Logistic { k: 1.0 };
        let f = |x: f64| 1.0 / (1.0 + exp_f64(-x));
        for (post, second, scores, expected) in [
            (PostTransform::None, Second::Complement, vec![0.25], vec![0.75, 0.25]),
            (PostTransform::Softmax, Second::Opposite, vec![0.25], vec![-0.25, 0.25]),
            (logistic.clone(), Second::None, vec![0.25], vec![0.25]),
            (logistic.clone(), Second::Opposite, vec![0.25], vec![f(-0.25), f(0.25)]),
            (logistic, Second::Complement, vec![0.25], vec![f(-0.25), f(0.25)]),
            (PostTransform::SoftmaxZero, Second::None, vec![0.0, 3.0, 3.0], vec![0.0, 0.5, 0.5]),
            (PostTransform::SoftmaxZero, Second::None, vec![0.0, 0.0], vec![0.0, 0.0]),
            (PostTransform::Probit, Second::None, vec![0.5], vec![0.0]),
        ] {
            let mut got = scores.clone();
            finish(&post, &mut got, second);
            assert_eq!(got, expected, "{post:?} {second:?} of {scores:?}");
        }
    }
}
