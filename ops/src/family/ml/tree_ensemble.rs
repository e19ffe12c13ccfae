//! [TreeEnsemble](https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html): scores from trees, in the newer form of
//! attributes.

use super::{
    ensemble::{self, Child, Ensemble, Header, Source, Split, Test, expect_length, index},
    table,
    tree_ensemble_regressor::transformed,
};
use crate::{
    DType, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    forest::{Aggregate, Forest, LeafWeight, Mode, PostTransform, Precision},
};
use std::sync::Arc;

/// Scores `[N, targets]` of the input's type.
///
/// Leaf weights are added in the order of `tree_roots`, in `f32` (in `f64` for tables or attributes of doubles). A test
/// of membership in several numbers that are no small whole ones becomes a chain of tests for equality.
///
/// The attribute `post_transform` is read as onnxruntime reads it: 1 is LOGISTIC and 2 is SOFTMAX, although the
/// specification's text lists them the other way round. Exporters write 0.
#[derive(Debug)]
pub struct TreeEnsemble {
    /// The trees.
    pub ensemble: Ensemble,
    /// What happens to the scores.
    pub post: PostTransform,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let ints = |name: &str| a.required(name, |a, n| a.ints(n));
    let modes = a.required("nodes_modes", |a, n| a.tensor(n))?.to_i64_vec()?;
    let n = modes.len();
    let column = |name: &str| -> Result<Vec<i64>> {
        let found = ints(name)?;
        expect_length(name, found.len(), n)?;
        Ok(found)
    };
    let floats = |name: &str| -> Result<(Vec<f64>, bool)> {
        let tensor = a.required(name, |a, n| a.tensor(n))?;
        Ok((table::wide(&tensor)?, tensor.dtype() == DType::F64))
    };
    let (features, tracks) = (column("nodes_featureids")?, a.ints_or("nodes_missing_value_tracks_true", Vec::new())?);
    if !tracks.is_empty() {
        expect_length("nodes_missing_value_tracks_true", tracks.len(), n)?;
    }
    let (when_true, when_false) = (column("nodes_truenodeids")?, column("nodes_falsenodeids")?);
    let (true_leafs, false_leafs) = (column("nodes_trueleafs")?, column("nodes_falseleafs")?);
    let (splits, wide_splits) = floats("nodes_splits")?;
    expect_length("nodes_splits", splits.len(), n)?;
    let (weights, wide_weights) = floats("leaf_weights")?;
    let into = ints("leaf_targetids")?;
    expect_length("leaf_targetids", into.len(), weights.len())?;
    let targets = index("n_targets", a.int_or("n_targets", 1)?)?;
    let mut sets = members(a.tensor("membership_values")?)?.into_iter();

    let mut source = Source::default();
    let child = |name: &str, leaf: i64, id: i64| -> Result<Child> {
        let id = index(name, id)? as usize;
        Ok(if leaf == 0 { Child::Split(id) } else { Child::Leaf(id) })
    };
    for i in 0..n {
        let test = match modes[i] {
            0 => Test::Compare(Mode::LessEq, splits[i]),
            1 => Test::Compare(Mode::Less, splits[i]),
            2 => Test::Compare(Mode::GreaterEq, splits[i]),
            3 => Test::Compare(Mode::Greater, splits[i]),
            4 => Test::Compare(Mode::Equal, splits[i]),
            5 => Test::Compare(Mode::NotEqual, splits[i]),
            6 => Test::Among(sets.next().ok_or_else(|| {
                Error::invalid("attribute 'membership_values' has fewer sets than there are nodes that test membership")
            })?),
            other => {
                return Err(Error::invalid(format!("attribute 'nodes_modes' holds {other} where 0 to 6 is expected")));
            }
        };
        source.splits.push(Split {
            feature: index("nodes_featureids", features[i])?,
            test,
            nan_to_true: tracks.get(i).is_some_and(|t| *t != 0),
            when_true: child("nodes_truenodeids", true_leafs[i], when_true[i])?,
            when_false: child("nodes_falsenodeids", false_leafs[i], when_false[i])?,
        });
    }
    for (weight, target) in weights.into_iter().zip(into) {
        let target = index("leaf_targetids", target)?;
        if target >= targets {
            return Err(Error::invalid(format!("attribute 'leaf_targetids' holds {target} of {targets}")));
        }
        source.leaves.push(vec![LeafWeight { target, weight }]);
    }
    let roots = ints("tree_roots")?;
    source.roots = roots.iter().map(|r| Ok(Child::Split(index("tree_roots", *r)? as usize))).collect::<Result<_>>()?;
    let trees = index("tree_roots", i64::try_from(roots.len()).unwrap_or(i64::MAX))?;
    let aggregate = match a.int_or("aggregate_function", 1)? {
        0 => Aggregate::Average(trees.max(1)),
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => {
            return Err(Error::invalid(format!("attribute 'aggregate_function' is {other} where 0 to 3 is expected")));
        }
    };
    let post = match a.int_or("post_transform", 0)? {
        0 => PostTransform::None,
        1 => PostTransform::Logistic { k: 1.0 },
        2 => PostTransform::Softmax,
        3 => PostTransform::SoftmaxZero,
        4 => PostTransform::Probit,
        other => return Err(Error::invalid(format!("attribute 'post_transform' is {other} where 0 to 4 is expected"))),
    };
    let precision = if wide_splits || wide_weights { Precision::F64 } else { Precision::F32 };
    let ensemble = source.build(Header { targets, precision, aggregate, base: Vec::new() })?;
    Ok(Arc::new(TreeEnsemble { ensemble, post }))
}

/// The sets that NaN separates.
fn members(values: Option<Tensor>) -> Result<Vec<Vec<f64>>> {
    let Some(values) = values else { return Ok(Vec::new()) };
    let values = table::wide(&values)?;
    let mut sets: Vec<Vec<f64>> = values.split(|v| v.is_nan()).map(<[f64]>::to_vec).collect();
    if values.last().is_none_or(|v| v.is_nan()) {
        sets.pop();
    }
    Ok(sets)
}

impl TreeEnsemble {
    /// The forest in the precision that the attributes declare.
    pub fn forest(&self) -> &Forest {
        self.ensemble.forest()
    }
}

impl Operator for TreeEnsemble {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let (dtype, rows) = self.ensemble.infer(inputs)?;
        inputs.dtype_where(0, "a floating-point number", DType::is_float)?;
        Ok(vec![ensemble::fact(dtype, rows, self.forest().n_targets as usize)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let (rows, scores) = transformed(&self.ensemble, &self.post, x)?;
        let shape = [rows, self.forest().n_targets as usize];
        Ok(vec![Tensor::from_vec(shape, scores)?.cast(x.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        table::table_rows(rows, inputs, outputs.len())
    }

    fn missing(&self) -> Missing {
        ensemble::MISSING
    }
}
