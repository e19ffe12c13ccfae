//! Agreement: how far the answers of two plans are the same.

use crate::Result;
use hologram_ops::{DType, Tensor};

/// How the answers of an output are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// By the share of equal ones: labels, integers, texts.
    Equal,
    /// By the part of their variance that is kept: numbers.
    Variance,
    /// By that, and by the share of rows whose greatest number stands in the same place: scores of classes.
    Scores,
}

/// Sums over an output's answers.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    measure: Measure,
    /// Answers or rows that are equal, and all of them.
    equal: [u64; 2],
    /// Squares of differences.
    differences: f64,
    /// For each column the number of answers, their mean and the squares of what they differ from it (Welford, 1962).
    columns: Vec<[f64; 3]>,
    /// A number that is not finite stands against another one.
    is_broken: bool,
}

impl Agreement {
    pub(super) fn new(measure: Measure) -> Self {
        Self { measure, equal: [0; 2], differences: 0.0, columns: Vec::new(), is_broken: false }
    }

    /// Notes answers of the exact plan and of the other one.
    pub(super) fn note(&mut self, exact: &Tensor, other: &Tensor) -> Result<()> {
        if exact.shape() != other.shape() || exact.dtype() != other.dtype() {
            self.is_broken = true;
            return Ok(());
        }
        if self.measure == Measure::Equal {
            let equal = match exact.dtype() {
                DType::String => {
                    exact.as_strings()?.iter().zip(other.as_strings()?.iter()).filter(|(a, b)| a == b).count()
                }
                dtype => {
                    let (a, b, size) = (exact.buffer()?.as_slice(), other.buffer()?.as_slice(), dtype.size());
                    a.chunks_exact(size).zip(b.chunks_exact(size)).filter(|(a, b)| a == b).count()
                }
            };
            self.equal[0] += equal as u64;
            self.equal[1] += exact.len() as u64;
            return Ok(());
        }
        let (exact, other) = (numbers(exact)?, numbers(other)?);
        let width = exact.width.max(1);
        self.columns.resize(self.columns.len().max(width), [0.0; 3]);
        for (a, b) in exact.values.chunks_exact(width).zip(other.values.chunks_exact(width)) {
            self.equal[0] += u64::from(greatest(a) == greatest(b));
            self.equal[1] += 1;
            for ((a, b), [count, mean, squares]) in a.iter().zip(b).zip(&mut self.columns) {
                if !(a.is_finite() && b.is_finite()) {
                    self.is_broken |= a != b && !(a.is_nan() && b.is_nan());
                    continue;
                }
                self.differences += (a - b).powi(2);
                *count += 1.0;
                let delta = a - *mean;
                *mean += delta / *count;
                *squares += delta * (a - *mean);
            }
        }
        Ok(())
    }

    /// From 0 to 1, the latter where all answers are the same.
    pub(super) fn value(&self) -> f64 {
        if self.is_broken {
            return 0.0;
        }
        let share = if self.equal[1] == 0 { 1.0 } else { self.equal[0] as f64 / self.equal[1] as f64 };
        let varied: f64 = self.columns.iter().map(|[_, _, squares]| squares).sum();
        // Answers that do not vary, a single row's among them, are held against their own size.
        let all = match varied {
            0.0 => self.columns.iter().map(|[count, mean, _]| count * mean.powi(2)).sum(),
            varied => varied,
        };
        let kept = match self.differences {
            0.0 => 1.0,
            differences => (1.0 - differences / all).max(0.0),
        };
        match self.measure {
            Measure::Equal => share,
            Measure::Variance => kept,
            Measure::Scores => kept.min(share),
        }
    }
}

/// How much the numbers of one tensor differ from those of another: the root of the squares' share.
pub(super) fn error(exact: &Tensor, other: &Tensor) -> Result<[f64; 2]> {
    let (exact, other) = (numbers(exact)?, numbers(other)?);
    let pairs = exact.values.iter().zip(&other.values).filter(|(a, b)| a.is_finite() && b.is_finite());
    Ok(pairs.fold([0.0; 2], |[differences, squares], (a, b)| [differences + (a - b).powi(2), squares + a.powi(2)]))
}

struct Numbers {
    values: Vec<f64>,
    width: usize,
}

/// A tensor of floats in double precision, by its last axis; one of a single axis has one column.
fn numbers(tensor: &Tensor) -> Result<Numbers> {
    let values = tensor.cast(DType::F64)?.as_slice::<f64>()?.to_vec();
    Ok(Numbers { values, width: if tensor.rank() < 2 { 1 } else { tensor.shape()[tensor.rank() - 1] } })
}

/// The place of the greatest number, the first of equal ones.
fn greatest(row: &[f64]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, x)| if *x > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(measure: Measure, exact: &Tensor, other: &Tensor) -> f64 {
        let mut agreement = Agreement::new(measure);
        agreement.note(exact, other).unwrap();
        agreement.value()
    }

    #[test]
    fn labels_numbers_and_scores() {
        let texts = |list: [&str; 4]| Tensor::from_string_iter([4], list).unwrap();
        assert_eq!(agree(Measure::Equal, &texts(["a", "b", "a", "b"]), &texts(["a", "b", "b", "b"])), 0.75);
        let ints = |list: [i64; 2]| Tensor::from_slice([2], &list).unwrap();
        assert_eq!(agree(Measure::Equal, &ints([1, 256]), &ints([1, 0])), 0.5);
        let floats = |list: [f32; 4]| Tensor::from_slice([2, 2], &list).unwrap();
        let exact = floats([0.0, 1.0, 2.0, 0.0]);
        // Each column varies by 2 and 0.5 about its mean; the differences' square is 0.25.
        let other = floats([0.5, 1.0, 2.0, 0.0]);
        assert_eq!(agree(Measure::Variance, &exact, &other), 1.0 - 0.25 / 2.5);
        assert_eq!(agree(Measure::Scores, &exact, &other), 1.0 - 0.25 / 2.5);
        assert_eq!(agree(Measure::Scores, &exact, &floats([1.25, 1.0, 2.0, 0.0])), 1.0 - 1.5625 / 2.5);
        assert_eq!(agree(Measure::Scores, &exact, &floats([1.1, 1.0, 2.0, 0.0])), 0.5);
        assert_eq!(agree(Measure::Variance, &exact, &floats([9.0, 9.0, 9.0, 9.0])), 0.0);
    }

    #[test]
    fn what_is_not_finite_must_stay_so() {
        let floats = |list: [f32; 3]| Tensor::from_slice([3, 1], &list).unwrap();
        let exact = floats([f32::NAN, 1.0, 2.0]);
        assert_eq!(agree(Measure::Variance, &exact, &exact), 1.0);
        assert_eq!(agree(Measure::Variance, &exact, &floats([0.0, 1.0, 2.0])), 0.0);
        let same = floats([3.0; 3]);
        assert_eq!(agree(Measure::Variance, &same, &same), 1.0);
        assert_eq!(agree(Measure::Variance, &same, &floats([3.0, 3.0, 4.5])), 1.0 - 2.25 / 27.0);
        assert_eq!(agree(Measure::Variance, &same, &Tensor::from_slice([3], &[3.0_f32; 3]).unwrap()), 0.0);
    }
}
