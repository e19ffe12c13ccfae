//! [SVMClassifier](https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html): pairwise kernel machines that vote.

use super::{kernel::Kernel, post, table};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, forest::PostTransform,
    numeric::transcendental::exp_f64, tensor::element_count,
};
use std::sync::Arc;

/// Labels `[N]` and scores.
///
/// With support vectors each pair of classes `i < j` has a score `sum_m c_m K(x, v_m) + rho` over the vectors of both; the
/// class with the most votes wins, the first of equals. Scores are one a pair (two columns for two classes), or one
/// probability a class where `prob_a` and `prob_b` are given. Without support vectors each class has a linear function
/// plus `rho[0]`. Sums run in doubles in ascending order and round once. The choice between two linear classes is
/// onnxruntime's: the second one as soon as the largest score is above 0 (0.5 and more when no coefficient is negative).
#[derive(Debug)]
pub struct SvmClassifier {
    /// The kernel; LINEAR without support vectors.
    pub kernel: Kernel,
    /// `[classes - 1, vectors]` with support vectors, else `[classes, features]`.
    pub coefficients: Vec<f32>,
    /// The support vectors `[vectors, features]`, class by class.
    pub vectors: Vec<f32>,
    /// How many support vectors each class has; empty for linear functions.
    pub per_class: Vec<usize>,
    /// What is added to each pair's sum.
    pub rho: Vec<f32>,
    /// Slope and offset of each pair's probability.
    pub probabilities: Vec<(f32, f32)>,
    /// The names of the classes.
    pub labels: table::Labels,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let labels = table::Labels::parse(a, "classlabels_ints", "classlabels_strings")?;
    let list = |name: &str| a.floats_or(name, Vec::new());
    let (coefficients, vectors, rho) = (list("coefficients")?, list("support_vectors")?, list("rho")?);
    let (prob_a, prob_b) = (list("prob_a")?, list("prob_b")?);
    let per_class = a.ints_or("vectors_per_class", Vec::new())?;
    let per_class = per_class.iter().map(|n| usize::try_from(*n).ok()).collect::<Option<Vec<usize>>>();
    let total = per_class.as_ref().and_then(|p| p.iter().try_fold(0usize, |sum, n| sum.checked_add(*n)));
    let (Some(per_class), Some(total)) = (per_class, total) else {
        return Err(Error::invalid("attribute 'vectors_per_class' holds a number that is no size"));
    };
    let refuse = |what: &str, found: usize| Err(Error::invalid(format!("{found} {what} for {} classes", labels.len())));
    let per_class = if total == 0 { Vec::new() } else { per_class };
    let classes = if total == 0 { labels.len() } else { per_class.len() };
    let pairs = classes * classes.saturating_sub(1) / 2;
    if labels.len() != classes || classes < 2 {
        return refuse("lists of support vectors", per_class.len());
    }
    let expected = if total == 0 { classes } else { total };
    if total == 0 && (coefficients.len() < classes || !coefficients.len().is_multiple_of(classes))
        || total > 0 && coefficients.len() != (classes - 1).saturating_mul(total)
    {
        return refuse("coefficients", coefficients.len());
    }
    if total > 0 && (vectors.len() < expected || !vectors.len().is_multiple_of(expected)) {
        return refuse("numbers of support vectors", vectors.len());
    }
    if rho.is_empty() || total > 0 && rho.len() != pairs {
        return refuse("numbers in 'rho'", rho.len());
    }
    if prob_a.len() != prob_b.len() || total > 0 && !prob_a.is_empty() && prob_a.len() != pairs {
        return refuse("numbers in 'prob_a' and 'prob_b'", prob_a.len().max(prob_b.len()));
    }
    let post = post::parse(a)?;
    let probabilities: Vec<(f32, f32)> = if total == 0 { Vec::new() } else { prob_a.into_iter().zip(prob_b).collect() };
    if total > 0 && pairs == 1 && probabilities.is_empty() && post == PostTransform::Probit {
        return Err(Error::unsupported("PROBIT of one score for two classes, whose first column has no meaning"));
    }
    let kernel = if total == 0 { Kernel::Linear } else { Kernel::parse(a)? };
    Ok(Arc::new(SvmClassifier { kernel, coefficients, vectors, per_class, rho, probabilities, labels, post }))
}

impl SvmClassifier {
    /// The number of features.
    pub fn features(&self) -> usize {
        if self.per_class.is_empty() {
            self.coefficients.len() / self.labels.len()
        } else {
            self.vectors.len() / self.per_class.iter().sum::<usize>()
        }
    }

    /// The number of columns of the scores.
    pub fn columns(&self) -> usize {
        let classes = self.labels.len();
        let pairs = classes * (classes - 1) / 2;
        if self.per_class.is_empty() || !self.probabilities.is_empty() { classes } else { pairs.max(2) }
    }

    fn linear(&self, row: &[f32]) -> (usize, Vec<f64>) {
        let scores: Vec<f64> = self
            .coefficients
            .chunks_exact(row.len())
            .map(|c| f64::from((f64::from(Kernel::Linear.value(row, c)) + f64::from(self.rho[0])) as f32))
            .collect();
        let best = table::arg_max(&scores);
        if scores.len() != 2 || self.rho.len() != 1 {
            return (best, scores);
        }
        let positive = self.coefficients.iter().all(|c| *c >= 0.0);
        let second = if positive { scores[best] >= 0.5 } else { scores[best] > 0.0 };
        (if second { 1 } else { best }, scores)
    }

    /// The class that the pairs vote for, and each pair's score.
    fn pairwise(&self, row: &[f32]) -> (usize, Vec<f64>) {
        let values: Vec<f64> =
            self.vectors.chunks_exact(row.len()).map(|v| f64::from(self.kernel.value(row, v))).collect();
        let starts: Vec<usize> =
            self.per_class.iter().scan(0, |next, n| Some(std::mem::replace(next, *next + n))).collect();
        let (classes, total) = (self.per_class.len(), values.len());
        let mut votes = vec![0usize; classes];
        let mut scores = Vec::with_capacity(self.rho.len());
        for i in 0..classes {
            for j in i + 1..classes {
                let part = |class: usize, line: usize, sum: f64| {
                    (starts[class]..starts[class] + self.per_class[class])
                        .fold(sum, |sum, m| f64::from(self.coefficients[line * total + m]).mul_add(values[m], sum))
                };
                let sum = part(j, i, part(i, j - 1, 0.0)) + f64::from(self.rho[scores.len()]);
                let score = f64::from(sum as f32);
                votes[if score > 0.0 { i } else { j }] += 1;
                scores.push(score);
            }
        }
        (table::arg_max(&votes), scores)
    }

    /// One probability a class from the pairs' scores.
    fn class_probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let k = self.labels.len();
        let mut pairs = vec![0.0; k * k];
        let mut given = scores.iter().zip(&self.probabilities);
        for i in 0..k {
            for j in i + 1..k {
                let Some((score, (a, b))) = given.next() else { continue };
                let p = 1.0 / (1.0 + exp_f64(score * f64::from(*a) + f64::from(*b)));
                let p = p.clamp(1e-7, 1.0 - 1e-7);
                pairs[i * k + j] = p;
                pairs[j * k + i] = 1.0 - p;
            }
        }
        couple(&pairs, k)
    }
}

/// Class probabilities from pairwise ones: the second method of Wu, Lin and Weng, "Probability Estimates for Multi-class
/// Classification by Pairwise Coupling" (2004), by its fixed-point iteration, at most `max(100, k)` rounds and until the
/// largest residual is below `0.005 / k`.
fn couple(pairs: &[f64], k: usize) -> Vec<f64> {
    let r = |i: usize, j: usize| pairs[i * k + j];
    let mut q = vec![0.0; k * k];
    for t in 0..k {
        for j in (0..k).filter(|j| *j != t) {
            q[t * k + t] += r(j, t) * r(j, t);
            q[t * k + j] = -r(j, t) * r(t, j);
        }
    }
    let mut p = vec![1.0 / k as f64; k];
    let mut qp = vec![0.0; k];
    for _ in 0..k.max(100) {
        for t in 0..k {
            qp[t] = (0..k).map(|j| q[t * k + j] * p[j]).sum();
        }
        let pqp: f64 = p.iter().zip(&qp).map(|(p, q)| p * q).sum();
        let worst = qp.iter().map(|q| (q - pqp).abs()).fold(0.0, f64::max);
        if worst < 0.005 / k as f64 {
            break;
        }
        let mut pqp = pqp;
        for t in 0..k {
            let diff = (pqp - qp[t]) / q[t * k + t];
            p[t] += diff;
            pqp = (pqp + diff * (diff * q[t * k + t] + 2.0 * qp[t])) / (1.0 + diff) / (1.0 + diff);
            for j in 0..k {
                qp[j] = (qp[j] + diff * q[t * k + j]) / (1.0 + diff);
                p[j] /= 1.0 + diff;
            }
        }
    }
    p
}

impl Operator for SvmClassifier {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.features())?;
        Ok(vec![
            Fact::shaped(self.labels.dtype(), [rows.clone()]),
            Fact::shaped(DType::F32, [rows, Dim::Known(self.columns())]),
        ])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.features())?;
        let values = table::narrow(x)?;
        let mut classes = Vec::with_capacity(rows);
        let mut out = Vec::with_capacity(element_count(&[rows, self.columns()])?);
        for row in values.chunks_exact(columns) {
            let (class, mut scores) = if self.per_class.is_empty() { self.linear(row) } else { self.pairwise(row) };
            if !self.probabilities.is_empty() {
                scores = self.class_probabilities(&scores);
            }
            let second =
                if self.post == PostTransform::None { post::Second::Opposite } else { post::Second::Complement };
            post::finish(&self.post, &mut scores, second);
            classes.push(class);
            out.extend(scores.iter().map(|s| *s as f32));
        }
        let scores = Tensor::from_vec([rows, self.columns()], out)?;
        Ok(vec![self.labels.pick(&classes)?.into(), scores.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
