//! [TreeEnsembleRegressor](https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html): numbers from trees.

use super::{
    ensemble::{self, Ensemble, numbers},
    node_columns, post, table,
};
use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    forest::{Aggregate, PostTransform},
};
use std::sync::Arc;

/// Scores `[N, targets]` in `f32`.
///
/// Leaf weights are added in the order of trees, then averaged where asked, then the base values are added, in `f32` (in
/// `f64` for tables or attributes of doubles); then the post transform, which leaves a lone target alone unless it is
/// PROBIT. As in onnxruntime a target of several that no leaf of a row names is 0, without its base value.
#[derive(Debug)]
pub struct TreeEnsembleRegressor {
    /// The trees.
    pub ensemble: Ensemble,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let targets = ensemble::index("n_targets", a.required("n_targets", |a, n| a.int(n))?)?;
    if targets == 0 {
        return Err(Error::invalid("attribute 'n_targets' is 0"));
    }
    let base = numbers(a, "base_values")?.map(|(v, _)| v).unwrap_or_default();
    if !base.is_empty() {
        ensemble::expect_length("base_values", base.len(), targets as usize)?;
    }
    let aggregate = aggregate(&a.string_or("aggregate_function", "SUM".to_owned())?)?;
    let ensemble = node_columns::read(a, "target", targets, base, aggregate)?;
    Ok(Arc::new(TreeEnsembleRegressor { ensemble, post: post::parse(a)? }))
}

/// The aggregate of this name for a number of trees.
fn aggregate(name: &str) -> Result<fn(u32) -> Aggregate> {
    match name {
        "SUM" => Ok(|_| Aggregate::Sum),
        "AVERAGE" => Ok(|trees| Aggregate::Average(trees.max(1))),
        "MIN" => Ok(|_| Aggregate::Min),
        "MAX" => Ok(|_| Aggregate::Max),
        _ => Err(Error::invalid(format!("attribute 'aggregate_function' is '{name}'"))),
    }
}

/// Turns one row's raw scores into its outputs. `reached` says of each target whether some leaf of the row names it.
pub fn finish_row(post: &PostTransform, reached: &[bool], scores: &mut Vec<f64>) {
    if scores.len() > 1 {
        scores.iter_mut().zip(reached).filter(|(_, r)| !**r).for_each(|(s, _)| *s = 0.0);
    }
    post::finish(post, scores, post::Second::None);
}

/// Scores with the post transform applied, row after row.
pub(super) fn transformed(ensemble: &Ensemble, post: &PostTransform, x: &Tensor) -> Result<(usize, Vec<f64>)> {
    let (mut out, mut row) = (Vec::new(), Vec::new());
    let rows = ensemble.scores(x, |scores, reached| {
        row.clear();
        row.extend_from_slice(scores);
        finish_row(post, reached, &mut row);
        out.extend_from_slice(&row);
    })?;
    Ok((rows, out))
}

impl TreeEnsembleRegressor {
    /// The forest in the precision that the attributes declare.
    pub fn forest(&self) -> &crate::forest::Forest {
        self.ensemble.forest()
    }
}

impl Operator for TreeEnsembleRegressor {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (_, rows) = self.ensemble.infer(inputs)?;
        Ok(vec![ensemble::fact(DType::F32, rows, self.forest().n_targets as usize)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (rows, scores) = transformed(&self.ensemble, &self.post, inputs.tensor(0)?)?;
        let scores = scores.into_iter().map(|s| s as f32).collect();
        Ok(vec![Tensor::from_vec([rows, self.forest().n_targets as usize], scores)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }

    fn missing(&self) -> Missing {
        ensemble::MISSING
    }
}
