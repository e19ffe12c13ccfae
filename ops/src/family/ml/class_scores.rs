//! `ai.hologram::ClassScores`: labels and probabilities from the linear functions of a classifier.

use super::{post, table};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, forest::PostTransform,
    tensor::element_count,
};
use std::sync::Arc;

/// What [`LinearClassifier`](super::linear_classifier::LinearClassifier) does with its products: `[N, scores]` in `f32`
/// become labels `[N]` and transformed scores `[N, classes]`.
///
/// The intercepts are added in `f32`. The class is the first with the largest sum; with a lone one the second class where
/// it is above 0.
#[derive(Debug)]
pub struct ClassScores {
    /// What is added, a number a score.
    pub intercepts: Vec<f32>,
    /// The names of the classes.
    pub labels: table::Labels,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(scores(node)?))
}

/// The scores that the attributes of a classifier describe.
pub(super) fn scores(node: &Node<'_>) -> Result<ClassScores> {
    let labels = table::Labels::parse(node.attributes, "classlabels_ints", "classlabels_strings")?;
    let intercepts = node.attributes.floats("intercepts")?.filter(|v| !v.is_empty());
    let intercepts = intercepts.unwrap_or_else(|| vec![0.0; labels.len()]);
    let count = intercepts.len();
    if labels.len() != count.max(2) {
        return Err(Error::invalid(format!("{} class labels for {count} scores", labels.len())));
    }
    let post = post::parse(node.attributes)?;
    if count == 1 && post == PostTransform::Probit {
        return Err(Error::unsupported("PROBIT of one score for two classes, whose first column has no meaning"));
    }
    Ok(ClassScores { intercepts, labels, post })
}

impl ClassScores {
    /// Types of labels and scores of so many rows.
    pub(super) fn facts(&self, rows: Dim) -> Vec<Fact> {
        vec![
            Fact::shaped(self.labels.dtype(), [rows.clone()]),
            Fact::shaped(DType::F32, [rows, Dim::Known(self.labels.len())]),
        ]
    }

    /// Labels and scores of rows of products.
    pub(super) fn finish(&self, rows: usize, mut products: impl FnMut(usize, &mut Vec<f32>)) -> Result<Vec<Value>> {
        let mut classes = Vec::with_capacity(rows);
        let mut out = Vec::with_capacity(element_count(&[rows, self.labels.len()])?);
        let (mut sums, mut scores) = (Vec::new(), Vec::new());
        for row in 0..rows {
            sums.clear();
            products(row, &mut sums);
            scores.clear();
            scores.extend(sums.iter().zip(&self.intercepts).map(|(s, i)| f64::from(s + i)));
            classes.push(if let [lone] = scores[..] { usize::from(lone > 0.0) } else { table::arg_max(&scores) });
            post::finish(&self.post, &mut scores, post::Second::Complement);
            out.extend(scores.iter().map(|s| *s as f32));
        }
        let scores = Tensor::from_vec([rows, self.labels.len()], out)?;
        Ok(vec![self.labels.pick(&classes)?.into(), scores.into()])
    }
}

impl Operator for ClassScores {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32", |d| d == DType::F32)?;
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.intercepts.len())?;
        Ok(self.facts(rows))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.intercepts.len())?;
        let values = x.as_slice::<f32>()?;
        self.finish(rows, |row, sums| sums.extend_from_slice(&values[row * columns..][..columns]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
