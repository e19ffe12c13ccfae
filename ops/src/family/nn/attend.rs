//! The one reference of attention that every attention operator shares.

use super::wide::{filled, sum16, via};
use crate::{
    Error, Result,
    numeric::{Float, transcendental::exp_f64},
};

/// What an attention operator shows of its scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The scaled products.
    Product,
    /// The products after the soft cap.
    Capped,
    /// What the softmax is taken of.
    Biased,
    /// The probabilities.
    Softmax,
}

/// The shape of queries, keys or values, `[batch, heads, length, size]` or packed as `[batch, length, heads * size]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) batch: usize,
    pub(crate) heads: usize,
    pub(crate) length: usize,
    pub(crate) size: usize,
    pub(crate) packed: bool,
}

impl Heads {
    /// Where the vector of one head at one position begins.
    pub(crate) fn at(&self, b: usize, h: usize, s: usize) -> usize {
        if self.packed {
            ((b * self.length + s) * self.heads + h) * self.size
        } else {
            ((b * self.heads + h) * self.length + s) * self.size
        }
    }

    /// The tensor's shape.
    pub(crate) fn shape(&self) -> Vec<usize> {
        if self.packed {
            vec![self.batch, self.length, self.heads * self.size]
        } else {
            vec![self.batch, self.heads, self.length, self.size]
        }
    }
}

/// Factors and bounds of scores.
pub(crate) struct Attend<T> {
    pub(crate) query_factor: T,
    pub(crate) key_factor: T,
    /// 0 is none.
    pub(crate) softcap: T,
    pub(crate) capture: Option<Capture>,
}

/// How many heads of the queries share one of the keys and values.
///
/// # Errors
/// [`Error::Invalid`] when the three do not fit together.
pub(crate) fn group(qh: Heads, kh: Heads, vh: Heads) -> Result<usize> {
    let fits = kh.batch == qh.batch && vh.batch == qh.batch && kh.size == qh.size && kh.length == vh.length;
    if !fits || kh.heads != vh.heads || kh.heads == 0 || !qh.heads.is_multiple_of(kh.heads) {
        return Err(Error::invalid(format!(
            "queries {:?}, keys {:?} and values {:?} (batch, heads, length, size) do not fit",
            Heads { packed: false, ..qh }.shape(),
            kh.shape(),
            vh.shape()
        )));
    }
    Ok(qh.heads / kh.heads)
}

/// Outputs in the queries' layout and, when asked for, captured scores `[batch, heads, queries, keys]`.
#[expect(clippy::too_many_arguments, reason = "three operands with their shapes, settings and a bias")]
pub(crate) fn attend<T: Float>(
    q: &[T],
    qh: Heads,
    k: &[T],
    kh: Heads,
    v: &[T],
    vh: Heads,
    settings: &Attend<T>,
    bias: &dyn Fn(usize, usize, usize, usize) -> T,
) -> Result<(Vec<T>, Vec<T>)> {
    let group = group(qh, kh, vh)?;
    let oh = Heads { size: vh.size, ..qh };
    let mut out = filled(&oh.shape(), T::ZERO)?;
    let all = [qh.batch, qh.heads, qh.length, kh.length];
    let mut captured = if settings.capture.is_some() { filled(&all, T::ZERO)? } else { Vec::new() };
    let scaled: Vec<T> = k.iter().map(|v| v.mul(settings.key_factor)).collect();
    let mut scores = vec![T::ZERO; kh.length];
    let mut seen = 0;
    for b in 0..qh.batch {
        for h in 0..qh.heads {
            for i in 0..qh.length {
                let query: Vec<T> =
                    q[qh.at(b, h, i)..][..qh.size].iter().map(|v| v.mul(settings.query_factor)).collect();
                let mut shown = captured.get_mut(seen..seen + kh.length);
                seen += kh.length;
                let mut visible = false;
                for (j, score) in scores.iter_mut().enumerate() {
                    let key = &scaled[kh.at(b, h / group, j)..][..kh.size];
                    let product = query.iter().zip(key).fold(T::ZERO, |sum, (q, k)| q.mul_add(*k, sum));
                    let capped = if settings.softcap > T::ZERO {
                        via(product.div(settings.softcap), libm::tanh).mul(settings.softcap)
                    } else {
                        product
                    };
                    let bias = bias(b, h, i, j);
                    visible |= bias != T::LEAST;
                    *score = capped.add(bias);
                    let show = match settings.capture {
                        Some(Capture::Product) => product,
                        Some(Capture::Capped) => capped,
                        _ => *score,
                    };
                    if let Some(shown) = &mut shown {
                        shown[j] = show;
                    }
                }
                softmax(&mut scores, visible);
                if let (Some(shown), Some(Capture::Softmax)) = (&mut shown, settings.capture) {
                    shown.copy_from_slice(&scores);
                }
                let at = oh.at(b, h, i);
                for (d, o) in out[at..at + vh.size].iter_mut().enumerate() {
                    let each = scores.iter().enumerate();
                    *o = each.fold(T::ZERO, |sum, (j, p)| p.mul_add(v[vh.at(b, h / group, j) + d], sum));
                }
            }
        }
    }
    Ok((out, captured))
}

/// The softmax in the declared order; zeros where nothing is visible.
pub(crate) fn softmax<T: Float>(scores: &mut [T], visible: bool) {
    if !visible {
        scores.fill(T::ZERO);
        return;
    }
    let greatest = scores.iter().fold(T::LEAST, |m, s| if *s > m || s.is_nan() { *s } else { m });
    for s in scores.iter_mut() {
        *s = via(s.sub(greatest), exp_f64);
    }
    let sum = sum16(scores.iter().copied());
    for s in scores.iter_mut() {
        *s = s.div(sum);
    }
}
