//! What is added to the scores of an attention operator: masks by length, by range or key by key, the causal mask, and a
//! bias.

use crate::{
    Error, Result, Tensor,
    family::nn::{Capture, attend::Attend, attention::Mask},
    numeric::Float,
};

/// Sequences, heads, queries and keys of scores.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
}

/// A mask in one of its forms.
#[derive(Debug)]
pub(super) enum Padding {
    /// Every key is shown.
    None,
    /// The end of the shown keys of each sequence, and the begin.
    Ranges(Vec<i64>, Vec<i64>),
    /// Positive where a key of a sequence is shown.
    Keys(Vec<i64>),
    /// Positive where a key of a sequence is shown to a query.
    Pairs(Vec<i64>),
}

impl Padding {
    /// Reads a mask of `[batch]` ends, `[2 batch]` ends and begins, `[batch, keys]` or `[batch, queries, keys]`.
    pub(super) fn read(mask: Option<&Tensor>, of: Extent) -> Result<Self> {
        let Some(mask) = mask else { return Ok(Self::None) };
        let values = mask.to_i64_vec()?;
        match *mask.shape() {
            [n] if n == of.batch => Ok(Self::Ranges(values, vec![0; n])),
            [n] if n == 2 * of.batch => Ok(Self::Ranges(values[..of.batch].to_vec(), values[of.batch..].to_vec())),
            [b, k] if (b, k) == (of.batch, of.keys) => Ok(Self::Keys(values)),
            [b, q, k] if (b, q, k) == (of.batch, of.queries, of.keys) => Ok(Self::Pairs(values)),
            _ => Err(Error::invalid(format!("a mask of shape {:?} for {of:?}", mask.shape()))),
        }
    }

    fn shows(&self, of: Extent, b: usize, i: usize, j: usize) -> bool {
        match self {
            Self::None => true,
            Self::Ranges(ends, begins) => (begins[b]..ends[b]).contains(&(j as i64)),
            Self::Keys(seen) => seen[b * of.keys + j] > 0,
            Self::Pairs(seen) => seen[(b * of.queries + i) * of.keys + j] > 0,
        }
    }
}

/// Everything that is added to scores.
pub(super) struct Bias<T> {
    pub(super) of: Extent,
    /// The mask.
    pub(super) padding: Padding,
    /// What keys get that the mask hides.
    pub(super) filter: f32,
    /// The number of keys before the first query where none sees the keys after its own.
    pub(super) causal: Option<usize>,
    /// What is added besides.
    pub(super) more: Option<Mask<T>>,
}

/// A bias of scores, `[batch or 1, heads or 1, queries, keys]`.
pub(super) fn score_bias<T: Float>(bias: Option<&Tensor>, of: Extent) -> Result<Option<Mask<T>>> {
    let Some(bias) = bias else { return Ok(None) };
    match *bias.shape() {
        [b, h, q, k] if (b == 1 || b == of.batch) && (h == 1 || h == of.heads) && (q, k) == (of.queries, of.keys) => {
            Mask::read(bias, [of.batch, of.heads, of.queries, of.keys]).map(Some)
        }
        _ => Err(Error::invalid(format!("an attention bias of shape {:?} for {of:?}", bias.shape()))),
    }
}

impl<T: Float> Bias<T> {
    /// What the score of a query and a key gets.
    pub(super) fn at(&self, b: usize, h: usize, i: usize, j: usize) -> T {
        // The last query sees every key, however many there are.
        if self.causal.is_some_and(|past| i + 1 < self.of.queries && j > past + i) {
            return T::LEAST;
        }
        let shown = if self.padding.shows(self.of, b, i, j) { T::ZERO } else { T::from_f32(self.filter) };
        self.more.as_ref().map_or(shown, |m| shown.add(m.at(b, h, i, j)))
    }
}

/// Scores are multiplied by `scale`, one over the root of the head size without one.
pub(super) fn scaled<T: Float>(scale: Option<f32>, size: usize, softcap: f32, capture: Option<Capture>) -> Attend<T> {
    let scale = scale.map_or_else(|| 1.0 / (size as f64).sqrt(), f64::from);
    Attend { query_factor: T::from_f64(scale), key_factor: T::ONE, softcap: T::from_f32(softcap), capture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_mask() {
        let of = Extent { batch: 2, heads: 1, queries: 1, keys: 3 };
        let mask = |shape: &[usize], values: &[i32]| Tensor::from_slice(shape, values).unwrap();
        for (mask, want) in [
            (None, [true; 6]),
            (Some(mask(&[2], &[2, 0])), [true, true, false, false, false, false]),
            (Some(mask(&[4], &[2, 3, 1, 0])), [false, true, false, true, true, true]),
            (Some(mask(&[2, 3], &[1, 0, 1, 0, 0, 2])), [true, false, true, false, false, true]),
            (Some(mask(&[2, 1, 3], &[1, 0, 1, 0, 0, -1])), [true, false, true, false, false, false]),
        ] {
            let padding = Padding::read(mask.as_ref(), of).unwrap();
            let got: Vec<bool> = (0..6).map(|k| padding.shows(of, k / 3, 0, k % 3)).collect();
            assert_eq!(got, want, "{mask:?}");
        }
        for bad in [mask(&[8], &[0; 8]), mask(&[2, 2], &[0; 4]), mask(&[2, 1, 1, 3], &[0; 6])] {
            assert!(Padding::read(Some(&bad), of).is_err());
        }
    }
}
