//! [LinearClassifier](https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html): the class with the largest
//! linear function of a row.

use super::{linear_regressor::products, post, table};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, forest::PostTransform,
    tensor::element_count,
};
use std::sync::Arc;

/// A score a class, or one score for two classes; outputs are labels `[N]` and transformed scores `[N, classes]`.
///
/// The class is the first with the largest raw score; with a lone score the second class where it is above 0. Sums are
/// ordered as those of [`LinearRegressor`](super::linear_regressor::LinearRegressor).
#[derive(Debug)]
pub struct LinearClassifier {
    /// The coefficients: a row of features a score.
    pub coefficients: Vec<f32>,
    /// What is added, a number a score.
    pub intercepts: Vec<f32>,
    /// The names of the classes.
    pub labels: table::Labels,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let labels = table::Labels::parse(node.attributes, "classlabels_ints", "classlabels_strings")?;
    let coefficients = node.attributes.required("coefficients", |a, n| a.floats(n))?;
    let intercepts = node.attributes.floats("intercepts")?.filter(|v| !v.is_empty());
    let intercepts = intercepts.unwrap_or_else(|| vec![0.0; labels.len()]);
    let scores = intercepts.len();
    if !coefficients.len().is_multiple_of(scores) || coefficients.len() < scores {
        return Err(Error::invalid(format!("{} coefficients for {scores} scores", coefficients.len())));
    }
    if labels.len() != scores.max(2) {
        return Err(Error::invalid(format!("{} class labels for {scores} scores", labels.len())));
    }
    let post = post::parse(node.attributes)?;
    if scores == 1 && post == PostTransform::Probit {
        return Err(Error::unsupported("PROBIT of one score for two classes, whose first column has no meaning"));
    }
    Ok(Arc::new(LinearClassifier { coefficients, intercepts, labels, post }))
}

impl Operator for LinearClassifier {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.coefficients.len() / self.intercepts.len())?;
        Ok(vec![
            Fact::shaped(self.labels.dtype(), [rows.clone()]),
            Fact::shaped(DType::F32, [rows, Dim::Known(self.labels.len())]),
        ])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.coefficients.len() / self.intercepts.len())?;
        let values = table::narrow(x)?;
        let mut classes = Vec::with_capacity(rows);
        let mut out = Vec::with_capacity(element_count(&[rows, self.labels.len()])?);
        for row in values.chunks_exact(columns) {
            let mut scores: Vec<f64> = products(row, &self.coefficients, &self.intercepts).map(f64::from).collect();
            classes.push(if let [lone] = scores[..] { usize::from(lone > 0.0) } else { table::arg_max(&scores) });
            post::finish(&self.post, &mut scores, post::Second::Complement);
            out.extend(scores.iter().map(|s| *s as f32));
        }
        let scores = Tensor::from_vec([rows, self.labels.len()], out)?;
        Ok(vec![self.labels.pick(&classes)?.into(), scores.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
