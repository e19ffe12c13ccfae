//! What follows on the raw scores of many rows: the links that most models have, a block of rows at a time.
//!
//! The arithmetic is the operators' own, number by number; the exponentials of a block are taken together.

use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{forest::PostTransform, numeric::transcendental::exp_f64};

/// Numbers that are worked on together.
const BLOCK: usize = 1_024;

/// A link that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The scores stay.
    None,
    /// Each score on its own.
    Logistic,
    /// The scores of a row together.
    Softmax,
}

impl Link {
    /// The link that a transform is, for rows of so many scores.
    pub(super) fn of(post: &PostTransform, scores: usize) -> Option<Self> {
        match post {
            PostTransform::None => Some(Self::None),
            PostTransform::Logistic { k: 1.0 } => Some(Self::Logistic),
            PostTransform::Softmax if scores <= BLOCK => Some(Self::Softmax),
            _ => None,
        }
    }

    /// Applies the link in place to rows of `width` scores, in doubles, each rounded once.
    pub(super) fn apply(self, width: usize, scores: &mut [f32]) {
        if self == Self::None || width == 0 {
            return;
        }
        // Scores of a row that are transformed together lie in one block.
        let step = if self == Self::Softmax { BLOCK / width * width } else { BLOCK };
        let mut wide = [0.0_f64; BLOCK];
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for scores in scores.chunks_mut(step) {
                    let wide = &mut wide[..scores.len()];
                    wide.iter_mut().zip(&*scores).for_each(|(w, s)| *w = f64::from(*s));
                    match self {
                        Self::Softmax => softmax(width, wide),
                        _ => wide.iter_mut().for_each(|w| *w = 1.0 / (1.0 + exp_f64(-*w))),
                    }
                    scores.iter_mut().zip(&*wide).for_each(|(s, w)| *s = *w as f32);
                }
            },
        );
    }
}

#[inline(always)]
fn softmax(width: usize, scores: &mut [f64]) {
    for row in scores.chunks_exact_mut(width) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|s| *s -= max);
    }
    scores.iter_mut().for_each(|s| *s = exp_f64(*s));
    for row in scores.chunks_exact_mut(width) {
        let sum = row.iter().fold(0.0, |sum, s| sum + s);
        row.iter_mut().for_each(|s| *s = if sum > 0.0 { *s / sum } else { 0.0 });
    }
}
