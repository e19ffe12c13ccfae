//! The attributes of the older tree operators: nodes and weights named by tree and node id.

use super::ensemble::{Child, Ensemble, Header, Source, Split, Test, expect_length, index, mode, numbers};
use crate::{
    Attributes, Error, Result,
    forest::{Aggregate, LeafWeight, Precision},
};
use std::collections::HashMap;

/// Reads `nodes_*` and the weights whose attributes begin with `prefix` (`class` or `target`).
///
/// A tree is the nodes of one tree id; its root is the one node that no other names as child (the first listed where there
/// are several), trees count in the order in which their ids first appear, and weights of one leaf in the order of the
/// lists. Weights of nodes that are no leaves are left out, as onnxruntime leaves them.
///
/// # Errors
/// [`Error::Invalid`] for lists that disagree, ids that are not there, cycles, and shared nodes but for those that a chain of
/// tests for equality shares.
pub(super) fn read(
    attributes: &Attributes,
    prefix: &str,
    targets: u32,
    base: Vec<f64>,
    aggregate: impl FnOnce(u32) -> Aggregate,
) -> Result<Ensemble> {
    let ids = |name: &str| attributes.ints_or(name, Vec::new());
    let trees = ids("nodes_treeids")?;
    let n = trees.len();
    let list = |name: &str| -> Result<Vec<i64>> {
        let found = ids(name)?;
        expect_length(name, found.len(), n)?;
        Ok(found)
    };
    let (nodes, features) = (list("nodes_nodeids")?, list("nodes_featureids")?);
    let (when_true, when_false) = (list("nodes_truenodeids")?, list("nodes_falsenodeids")?);
    let modes = attributes.strings_or("nodes_modes", Vec::new())?;
    expect_length("nodes_modes", modes.len(), n)?;
    let tracks = ids("nodes_missing_value_tracks_true")?;
    if !tracks.is_empty() {
        expect_length("nodes_missing_value_tracks_true", tracks.len(), n)?;
    }
    let (values, mut wide) = numbers(attributes, "nodes_values")?.unwrap_or_default();
    expect_length("nodes_values", values.len(), n)?;

    let mut at = HashMap::with_capacity(n);
    for (i, key) in trees.iter().copied().zip(nodes.iter().copied()).enumerate() {
        if at.insert(key, i).is_some() {
            return Err(Error::invalid(format!("node {} of tree {} stands twice", key.1, key.0)));
        }
    }
    let mut source = Source::default();
    let mut places = Vec::with_capacity(n);
    for name in &modes {
        if name == "LEAF" {
            places.push(Child::Leaf(source.leaves.len()));
            source.leaves.push(Vec::new());
        } else {
            places.push(Child::Split(places.len() - source.leaves.len()));
        }
    }
    let mut has_parent = vec![false; n];
    for i in 0..n {
        if let Child::Leaf(_) = places[i] {
            continue;
        }
        let mut child = |name: &str, id: i64| {
            let found = at.get(&(trees[i], id)).copied();
            let found = found.ok_or_else(|| Error::invalid(format!("'{name}': tree {} has no node {id}", trees[i])))?;
            has_parent[found] = true;
            Ok::<_, Error>(places[found])
        };
        source.splits.push(Split {
            feature: index("nodes_featureids", features[i])?,
            test: Test::Compare(mode(&modes[i])?, values[i]),
            nan_to_true: tracks.get(i).is_some_and(|t| *t != 0),
            when_true: child("nodes_truenodeids", when_true[i])?,
            when_false: child("nodes_falsenodeids", when_false[i])?,
        });
    }
    let weights_wide = weights(attributes, prefix, targets, &at, &places, &mut source)?;
    wide |= weights_wide;
    let mut roots: HashMap<i64, (usize, usize)> = HashMap::new();
    let mut order = Vec::new();
    for i in 0..n {
        let next = roots.len();
        let entry = roots.entry(trees[i]).or_insert_with(|| {
            order.push(i);
            (next, i)
        });
        if has_parent[entry.1] && !has_parent[i] {
            entry.1 = i;
            order[entry.0] = i;
        }
    }
    source.roots = order.iter().map(|i| places[*i]).collect();
    let precision = if wide { Precision::F64 } else { Precision::F32 };
    let count = index("tree_roots", i64::try_from(source.roots.len()).unwrap_or(i64::MAX))?;
    source.build(Header { targets, precision, aggregate: aggregate(count), base })
}

/// Adds the weights to the leaves; whether they are doubles.
fn weights(
    attributes: &Attributes,
    prefix: &str,
    targets: u32,
    at: &HashMap<(i64, i64), usize>,
    places: &[Child],
    source: &mut Source,
) -> Result<bool> {
    let name = |what: &str| format!("{prefix}_{what}");
    let ids = |what: &str| attributes.ints_or(&name(what), Vec::new());
    let (trees, nodes, into) = (ids("treeids")?, ids("nodeids")?, ids("ids")?);
    let (weights, wide) = numbers(attributes, &name("weights"))?.unwrap_or_default();
    expect_length(&name("nodeids"), nodes.len(), trees.len())?;
    expect_length(&name("ids"), into.len(), trees.len())?;
    expect_length(&name("weights"), weights.len(), trees.len())?;
    for (i, weight) in weights.into_iter().enumerate() {
        let target = index(&name("ids"), into[i])?;
        if target >= targets {
            return Err(Error::invalid(format!("attribute '{}' holds {target} of {targets}", name("ids"))));
        }
        match at.get(&(trees[i], nodes[i])).map(|node| places[*node]) {
            Some(Child::Leaf(leaf)) => source.leaves[leaf].push(LeafWeight { target, weight }),
            Some(Child::Split(_)) => {}
            None => {
                let (tree, node) = (trees[i], nodes[i]);
                return Err(Error::invalid(format!("'{}': tree {tree} has no node {node}", name("nodeids"))));
            }
        }
    }
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, Tensor, Value, family::ml::testing::run};

    /// One tree of nodes (feature, mode, number, whether NaN goes to true, true child, false child), or leaves of a weight.
    fn score(nodes: &[(i64, &str, f32, i64, i64, i64)], x: &[f32]) -> crate::Result<Vec<Value>> {
        let ints = |of: &dyn Fn(usize) -> i64| Attribute::Ints((0..nodes.len()).map(of).collect());
        let leaves: Vec<usize> = (0..nodes.len()).filter(|i| nodes[*i].1 == "LEAF").collect();
        let each = |of: &dyn Fn(usize) -> i64| Attribute::Ints(leaves.iter().map(|i| of(*i)).collect());
        let attributes = Attributes::new()
            .with("n_targets", Attribute::Int(1))
            .with("nodes_treeids", ints(&|_| 0))
            .with("nodes_nodeids", ints(&|i| i as i64))
            .with("nodes_featureids", ints(&|i| nodes[i].0))
            .with("nodes_modes", Attribute::Strings(nodes.iter().map(|n| n.1.to_owned()).collect()))
            .with("nodes_values", Attribute::Floats(nodes.iter().map(|n| n.2).collect()))
            .with("nodes_missing_value_tracks_true", ints(&|i| nodes[i].3))
            .with("nodes_truenodeids", ints(&|i| nodes[i].4))
            .with("nodes_falsenodeids", ints(&|i| nodes[i].5))
            .with("target_treeids", each(&|_| 0))
            .with("target_nodeids", each(&|i| i as i64))
            .with("target_ids", each(&|_| 0))
            .with("target_weights", Attribute::Floats(leaves.iter().map(|i| nodes[*i].2).collect()));
        let x = Value::Tensor(Tensor::from_slice([x.len() / 2, 2], x).unwrap());
        run("ai.onnx.ml", "TreeEnsembleRegressor", 3, &attributes, &[x])
    }

    #[test]
    fn a_chain_of_equal_tests_that_share_their_subtree_is_one_question() {
        let leaf = |weight| (0, "LEAF", weight, 0, 0, 0);
        let x = [
            [2.0, 9.0],
            [5.0, 0.0],
            [-7.0, 9.0],
            [0.5, 9.0],
            [5.5, 9.0],
            [3.0, 9.0],
            [f32::NAN, 9.0],
            [f32::INFINITY, 9.0],
        ];
        for (nan, of_nan) in [(0, 30.0), (1, 10.0)] {
            // Categories, a negative number and a fraction lead to node 4, which asks on; all else to a leaf.
            let nodes = [
                (0, "BRANCH_EQ", 2.0, 0, 4, 1),
                (0, "BRANCH_EQ", 5.0, nan, 4, 2),
                (0, "BRANCH_EQ", -7.0, 0, 4, 3),
                (0, "BRANCH_EQ", 0.5, 0, 4, 7),
                (1, "BRANCH_LT", 1.0, 0, 5, 6),
                leaf(20.0),
                leaf(10.0),
                leaf(30.0),
            ];
            let got = score(&nodes, x.as_flattened()).unwrap();
            let want = [10.0, 20.0, 10.0, 10.0, 30.0, 30.0, of_nan, 30.0_f32];
            assert_eq!(got, [Value::Tensor(Tensor::from_slice([8, 1], &want).unwrap())]);
        }
        // What is shared otherwise is refused: by another test, by another feature, and in a circle.
        for other in [(0, "BRANCH_LT", 5.0, 0, 2, 3), (1, "BRANCH_EQ", 5.0, 0, 2, 3), (0, "BRANCH_EQ", 5.0, 0, 2, 0)] {
            let nodes = [
                (0, "BRANCH_EQ", 2.0, 0, 2, 1),
                other,
                (1, "BRANCH_LT", 1.0, 0, 4, 5),
                leaf(1.0),
                leaf(2.0),
                leaf(3.0),
            ];
            assert!(score(&nodes, &[1.0, 2.0]).is_err(), "{other:?}");
        }
    }
}
