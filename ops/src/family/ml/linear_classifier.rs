//! [LinearClassifier](https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html): the class with the largest
//! linear function of a row.

use super::{
    class_scores::{self, ClassScores},
    linear_regressor::products,
    table,
};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts};
use std::sync::Arc;

/// A score a class, or one score for two classes; outputs are labels `[N]` and transformed scores `[N, classes]`.
///
/// The class is the first with the largest raw score; with a lone score the second class where it is above 0. Sums are
/// ordered as those of [`LinearRegressor`](super::linear_regressor::LinearRegressor).
#[derive(Debug)]
pub struct LinearClassifier {
    /// The coefficients: a row of features a score.
    pub coefficients: Vec<f32>,
    /// What follows on the products.
    pub scores: ClassScores,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let coefficients = node.attributes.required("coefficients", |a, n| a.floats(n))?;
    let scores = class_scores::scores(node)?;
    let count = scores.intercepts.len();
    if !coefficients.len().is_multiple_of(count) || coefficients.len() < count {
        return Err(Error::invalid(format!("{} coefficients for {count} scores", coefficients.len())));
    }
    Ok(Arc::new(LinearClassifier { coefficients, scores }))
}

impl LinearClassifier {
    /// Features of a row.
    pub fn features(&self) -> usize {
        self.coefficients.len() / self.scores.intercepts.len().max(1)
    }
}

impl Operator for LinearClassifier {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.features())?;
        Ok(self.scores.facts(rows))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.features())?;
        let values = table::narrow(x)?;
        self.scores
            .finish(rows, |row, sums| sums.extend(products(&values[row * columns..][..columns], &self.coefficients)))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
