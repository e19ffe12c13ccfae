//! Forests small enough to check by hand, and forests that must be refused.

use super::*;

/// A stump on feature 0 with two leaves of one weight each.
fn stump(mode: Mode, threshold: f64, missing: Missing) -> ForestParts {
    let mut parts = ForestParts::empty(2, 1);
    parts.nodes = Nodes {
        feature: vec![0],
        threshold: vec![threshold],
        mode: vec![mode],
        missing: vec![missing],
        true_child: vec![ChildRef::leaf(0)],
        false_child: vec![ChildRef::leaf(1)],
    };
    parts.weights = vec![LeafWeight { target: 0, weight: 1.0 }, LeafWeight { target: 0, weight: -1.0 }];
    parts.leaves = (0..2).map(|i| Leaf { first_weight: i, n_weights: 1, linear: None }).collect();
    let shape = TreeShape::Nodes { root: ChildRef::node(0) };
    parts.trees = vec![Tree { shape, first_node: 0, n_nodes: 1, first_leaf: 0, n_leaves: 2 }];
    parts
}

/// Two splits, four leaves 0, 1, 2, 3, average of two, a linear leaf, a set: every column is in use.
fn full() -> ForestParts {
    let mut parts = stump(Mode::Member(0), 0.0, Missing { values: MissingValues::ZeroOrNan, to_true: true });
    parts.category_sets = vec![CategorySet::new(CategoryCast::Truncate, vec![64, 1, 64])];
    parts.linear = vec![LinearLeaf { constant: 0.5, first_term: 0, n_terms: 1 }];
    parts.terms = vec![LinearTerm { feature: 1, coefficient: 2.0 }];
    parts.leaves[0].linear = Some(0);
    for split in 0..2 {
        parts.nodes.feature.push(split);
        parts.nodes.threshold.push(f64::from(split));
        parts.nodes.mode.push(Mode::Greater);
        parts.nodes.missing.push(Missing::NONE);
        parts.nodes.true_child.push(ChildRef::IMPLIED);
        parts.nodes.false_child.push(ChildRef::IMPLIED);
    }
    for leaf in 0..4 {
        parts.weights.push(LeafWeight { target: 0, weight: f64::from(leaf) });
        parts.leaves.push(Leaf { first_weight: 2 + leaf, n_weights: 1, linear: None });
    }
    parts.trees.push(Tree { shape: TreeShape::Oblivious, first_node: 1, n_nodes: 2, first_leaf: 2, n_leaves: 4 });
    parts.aggregate = Aggregate::Average(2);
    parts.base = vec![10.0];
    parts
}

fn score(parts: ForestParts, row: [f64; 2]) -> f64 {
    let mut out = [0.0];
    Forest::new(parts).unwrap().evaluate_row(&row, &mut out).unwrap();
    out[0]
}

#[test]
fn modes_and_missing_rules() {
    let nan = f64::NAN;
    let zero_or_nan = |to_true| Missing { values: MissingValues::ZeroOrNan, to_true };
    let cases = [
        (Mode::LessEq, 1.0, Missing::NONE, 1.0, true),
        (Mode::LessEq, 1.0, Missing::NONE, 1.0_f64.next_up(), false),
        (Mode::Less, 1.0, Missing::NONE, 1.0, false),
        (Mode::Less, 1.0, Missing::NONE, 1.0_f64.next_down(), true),
        (Mode::Greater, 1.0, Missing::NONE, f64::INFINITY, true),
        (Mode::GreaterEq, 1.0, Missing::NONE, 1.0, true),
        (Mode::Equal, 1.0, Missing::NONE, 1.0, true),
        (Mode::NotEqual, 1.0, Missing::NONE, nan, true),
        (Mode::LessEq, 1.0, Missing::NONE, nan, false),
        (Mode::LessEq, 1.0, Missing::nan(true), nan, true),
        (Mode::Greater, -1.0, Missing::nan(false), nan, false),
        (Mode::Greater, -1.0, Missing::nan(false), 0.0, true),
        (Mode::Greater, -1.0, zero_or_nan(false), 0.0, false),
        (Mode::Greater, -1.0, zero_or_nan(false), -1e-36, false),
        (Mode::Greater, -1.0, zero_or_nan(false), 1.1e-35, true),
        (Mode::Greater, -1.0, zero_or_nan(false), nan, false),
    ];
    for (mode, threshold, missing, x, expected) in cases {
        let got = score(stump(mode, threshold, missing), [x, 0.0]) > 0.0;
        assert_eq!(got, expected, "{mode:?} {threshold} {missing:?} of {x}");
    }
}

#[test]
fn f32_comparison_rounds_the_feature() {
    let mut parts = stump(Mode::LessEq, f64::from(0.1_f32), Missing::NONE);
    let x = f64::from(0.1_f32).next_up();
    assert_eq!(score(parts.clone(), [x, 0.0]), -1.0);
    parts.compare = Precision::F32;
    assert_eq!(score(parts.clone(), [x, 0.0]), 1.0);
    parts.nodes.threshold[0] = 0.1;
    assert!(parts.validate().is_err(), "0.1 is no f32");
}

#[test]
fn casts_name_categories() {
    use CategoryCast::{Truncate, TruncateNonNegative, Whole};
    let cases = [
        (Truncate, -0.5, Some(0)),
        (Truncate, -1.0, None),
        (Truncate, 2.9, Some(2)),
        (Truncate, 2_147_483_647.0, Some(i32::MAX as u32)),
        (Truncate, 2_147_483_648.0, None),
        (Truncate, f64::NAN, None),
        (TruncateNonNegative, -0.5, None),
        (TruncateNonNegative, -0.0, Some(0)),
        (TruncateNonNegative, 16_777_216.0, None),
        (Whole, 2.5, None),
        (Whole, 2.0, Some(2)),
        (Whole, f64::INFINITY, None),
    ];
    for (cast, value, expected) in cases {
        assert_eq!(cast.category(value), expected, "{cast:?} of {value}");
    }
}

#[test]
fn every_part_adds_up() {
    // Member of {1, 64}: linear leaf 0.5 + 2 y; the oblivious tree asks x > 0 (bit 0) and y > 1 (bit 1).
    let nan = f64::NAN;
    let cases = [
        ([1.0, 3.0], (6.5 + 3.0) / 2.0 + 10.0),
        ([64.0, 0.25], (1.0 + 1.0) / 2.0 + 10.0),
        ([2.0, 3.0], (-1.0 + 3.0) / 2.0 + 10.0),
        ([0.0, 0.0], (0.5 + 0.0) / 2.0 + 10.0),
        ([1.0, nan], (1.0 + 1.0) / 2.0 + 10.0),
        ([nan, 2.0], (4.5 + 2.0) / 2.0 + 10.0),
    ];
    for (row, expected) in cases {
        assert_eq!(score(full(), row), expected, "{row:?}");
    }
}

#[test]
fn sums_are_rounded_in_order() {
    let mut parts = stump(Mode::LessEq, 0.0, Missing::NONE);
    parts.weights = vec![LeafWeight { target: 0, weight: 1.0 }, LeafWeight { target: 0, weight: 2.0_f64.powi(-25) }];
    parts.leaves[0] = Leaf { first_weight: 0, n_weights: 2, linear: None };
    parts.leaves[1] = Leaf { first_weight: 1, n_weights: 1, linear: None };
    parts.base = vec![2.0_f64.powi(-24)];
    parts.accumulate = Precision::F32;
    assert_eq!(score(parts.clone(), [0.0, 0.0]), 1.0, "each small summand is rounded away");
    parts.base_order = BaseOrder::First;
    parts.base = vec![1.25 * 2.0_f64.powi(-24)];
    assert_eq!(score(parts.clone(), [0.0, 0.0]), 1.0 + 2.0_f64.powi(-23), "base first reaches the next f32");
    parts.accumulate = Precision::F64;
    assert_eq!(score(parts, [0.0, 0.0]), 1.0 + 1.75 * 2.0_f64.powi(-24));
}

#[test]
fn extremes() {
    for (aggregate, expected) in [(Aggregate::Min, -1.0), (Aggregate::Max, 1.0)] {
        let mut parts = stump(Mode::LessEq, 0.0, Missing::NONE);
        parts.leaves[0].n_weights = 2;
        parts.aggregate = aggregate;
        assert_eq!(score(parts, [0.0, 0.0]), expected, "{aggregate:?}");
    }
}

#[test]
fn hostile_parts_are_refused() {
    let stump = || stump(Mode::LessEq, 0.0, Missing::NONE);
    type Change = fn(&mut ForestParts);
    let cases: [(&str, Change); 17] = [
        ("self loop", |p| p.nodes.true_child[0] = ChildRef::node(0)),
        ("leaf index outside", |p| p.nodes.true_child[0] = ChildRef::leaf(2)),
        ("node index outside", |p| p.nodes.true_child[0] = ChildRef::node(7)),
        ("unreached leaf", |p| p.nodes.true_child[0] = ChildRef::leaf(1)),
        ("unreached node", |p| p.trees[0].shape = TreeShape::Nodes { root: ChildRef::leaf(0) }),
        ("feature outside", |p| p.nodes.feature[0] = 2),
        ("target outside", |p| p.weights[0].target = 1),
        ("weights outside", |p| p.leaves[0].n_weights = u32::MAX),
        ("linear outside", |p| p.leaves[0].linear = Some(0)),
        ("set outside", |p| p.nodes.mode[0] = Mode::Member(0)),
        ("unsorted set", |p| {
            p.category_sets = vec![CategorySet { cast: CategoryCast::Whole, codes: vec![2, 2] }];
        }),
        ("short column", |p| p.nodes.missing.clear()),
        ("no target", |p| {
            p.n_targets = 0;
            p.base.clear();
        }),
        ("average over none", |p| p.aggregate = Aggregate::Average(0)),
        ("tree outside", |p| p.trees[0].n_leaves = u32::MAX),
        ("trees miss a leaf", |p| p.trees.clear()),
        ("oblivious with children", |p| p.trees[0].shape = TreeShape::Oblivious),
    ];
    assert!(stump().validate().is_ok());
    for (name, change) in cases {
        let mut parts = stump();
        change(&mut parts);
        assert!(matches!(parts.validate(), Err(ForestError::Invalid { .. })), "{name}");
    }
}

#[test]
fn bytes_come_back() {
    for parts in [full(), stump(Mode::Less, -0.0, Missing::nan(true)), ForestParts::empty(0, 3)] {
        let forest = Forest::new(parts).unwrap();
        let bytes = forest.to_bytes();
        let again = Forest::from_bytes(&bytes).unwrap();
        assert_eq!(again, forest);
        assert_eq!(again.to_bytes(), bytes);
    }
}

#[test]
fn broken_bytes_never_panic() {
    let bytes = Forest::new(full()).unwrap().to_bytes();
    for length in 0..bytes.len() {
        assert!(Forest::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Forest::from_bytes(&longer).is_err());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            if let Ok(forest) = Forest::from_bytes(&changed) {
                let mut out = vec![0.0; forest.n_targets as usize];
                let row = vec![1.0; forest.n_features.min(1 << 20) as usize];
                if row.len() == forest.n_features as usize {
                    forest.evaluate_row(&row, &mut out).unwrap();
                }
                assert_eq!(forest.to_bytes(), changed, "byte {at} ^ {flip:#x} has two readings");
            }
        }
    }
}

#[test]
fn wrong_lengths_are_named() {
    let forest = Forest::new(full()).unwrap();
    let found = forest.evaluate_row(&[0.0], &mut [0.0]).unwrap_err();
    assert_eq!(found, ForestError::Length { what: "row", found: 1, expected: 2 });
    assert!(forest.evaluate_row_f32(&[0.0, 0.0], &mut []).is_err());
}

#[test]
fn transforms() {
    let close = |got: &[f64], expected: &[f64]| got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    let averaged = PostTransform::Averaged { divisor: 4, then: Box::new(PostTransform::Exp) };
    let e = std::f64::consts::E;
    let cases: [(PostTransform, Vec<f64>, Vec<f64>); 11] = [
        (PostTransform::None, vec![3.0], vec![3.0]),
        (PostTransform::Logistic { k: 2.0 }, vec![0.5], vec![1.0 / (1.0 + 1.0 / e)]),
        (PostTransform::Softmax, vec![1.0, 1.0], vec![0.5, 0.5]),
        (PostTransform::SoftmaxZero, vec![0.0, 2.0, 2.0], vec![0.0, 0.5, 0.5]),
        (PostTransform::Probit, vec![0.5], vec![0.0]),
        (PostTransform::Exp, vec![1.0], vec![e]),
        (PostTransform::SignedSquare, vec![-3.0], vec![-9.0]),
        (PostTransform::Softplus, vec![0.0], vec![std::f64::consts::LN_2]),
        (PostTransform::Step, vec![-1.0, 0.5], vec![0.0, 1.0]),
        (PostTransform::ArgMax, vec![1.0, 5.0, 5.0], vec![1.0]),
        (averaged, vec![4.0], vec![e]),
    ];
    for (transform, mut scores, expected) in cases {
        transform.apply(Precision::F64, &mut scores);
        let n = transform.n_outputs(scores.len() as u32) as usize;
        assert!(close(&scores[..n], &expected), "{transform:?}: {scores:?}");
    }
}
