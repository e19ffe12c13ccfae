//! [LinearRegressor](https://onnx.ai/onnx/operators/onnx_aionnxml_LinearRegressor.html): a linear function of each row.

use super::{post, table};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, forest::PostTransform,
    tensor::element_count,
};
use std::sync::Arc;

/// `Y = X C' + intercepts`, then the post transform, which leaves a lone target alone unless it is PROBIT.
///
/// Order of arithmetic, in `f32` whatever the input: each output is one chain of fused multiply-adds in ascending feature
/// index, starting from zero; then the intercept is added.
#[derive(Debug)]
pub struct LinearRegressor {
    /// The coefficients: a row of features a target.
    pub coefficients: Vec<f32>,
    /// What is added, a number a target.
    pub intercepts: Vec<f32>,
    /// The number of targets.
    pub targets: usize,
    /// What happens to the sums.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let coefficients = node.attributes.required("coefficients", |a, n| a.floats(n))?;
    let targets = usize::try_from(node.attributes.int_or("targets", 1)?).unwrap_or(0);
    if targets == 0 || !coefficients.len().is_multiple_of(targets) || targets > coefficients.len() {
        return Err(Error::invalid(format!("{} coefficients for {targets} targets", coefficients.len())));
    }
    let intercepts = node.attributes.floats("intercepts")?.filter(|v| !v.is_empty());
    let intercepts = intercepts.unwrap_or_else(|| vec![0.0; targets]);
    if intercepts.len() != targets {
        return Err(Error::invalid(format!("{} intercepts for {targets} targets", intercepts.len())));
    }
    Ok(Arc::new(LinearRegressor { coefficients, intercepts, targets, post: post::parse(node.attributes)? }))
}

/// One row's products with each row of coefficients, in the declared order.
pub(super) fn products<'a>(row: &'a [f32], coefficients: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    let each = coefficients.chunks_exact(row.len().max(1));
    each.map(move |own| row.iter().zip(own).fold(0.0f32, |sum, (x, c)| x.mul_add(*c, sum)))
}

impl Operator for LinearRegressor {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows, columns) = table::table_fact(inputs)?;
        table::expect_columns(&columns, self.coefficients.len() / self.targets)?;
        Ok(vec![Fact::shaped(DType::F32, [rows, Dim::Known(self.targets)])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, columns) = table::table(x.shape())?;
        table::expect_columns(&Dim::Known(columns), self.coefficients.len() / self.targets)?;
        let values = table::narrow(x)?;
        let mut out = Vec::with_capacity(element_count(&[rows, self.targets])?);
        for row in values.chunks_exact(columns) {
            let sums = products(row, &self.coefficients).zip(&self.intercepts).map(|(sum, intercept)| sum + intercept);
            if self.post == PostTransform::None {
                out.extend(sums);
                continue;
            }
            let mut scores: Vec<f64> = sums.map(f64::from).collect();
            post::finish(&self.post, &mut scores, post::Second::None);
            out.extend(scores.iter().map(|s| *s as f32));
        }
        Ok(vec![Tensor::from_vec([rows, self.targets], out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }
}
