//! Post transforms of scores, as the classifiers and regressors of this family apply them.

use crate::{
    Attributes, Error, Result,
    forest::{PostTransform, Precision},
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
        post.apply(Precision::F64, scores);
        return;
    }
    let score = scores[0];
    match (second, post) {
        (Second::None, _) => {}
        (_, PostTransform::Logistic { .. }) => {
            *scores = vec![-score, score];
            post.apply(Precision::F64, scores);
        }
        (Second::Complement, _) => *scores = vec![1.0 - score, score],
        (Second::Opposite, _) => *scores = vec![-score, score],
    }
}
