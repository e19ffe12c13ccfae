//! Our own operators on forests: bytes, precision, shapes, and transforms as attributes.

use super::{forest_transform, testing::run};
use crate::{
    Attributes, DType, Dim, Error, Fact, Node, Registry, Rows, Tensor, Value,
    fact::Facts,
    forest::{
        ChildRef, Forest, ForestParts, Leaf, LeafWeight, Missing, Mode, PostTransform, Precision, Tree, TreeShape,
    },
};

/// One tree `x1 <= 0.5 ? (1, 0.25) : (-2, 0.5)` over three features; NaN goes to the true child.
fn stump(precision: Precision) -> Forest {
    let mut parts = ForestParts::empty(3, 2);
    (parts.compare, parts.accumulate) = (precision, precision);
    parts.base = vec![0.5, 0.0];
    parts.nodes.feature.push(1);
    parts.nodes.threshold.push(0.5);
    parts.nodes.mode.push(Mode::LessEq);
    parts.nodes.missing.push(Missing::nan(true));
    parts.nodes.true_child.push(ChildRef::leaf(0));
    parts.nodes.false_child.push(ChildRef::leaf(1));
    for (i, pair) in [[1.0, 0.25], [-2.0, 0.5]].iter().enumerate() {
        parts.leaves.push(Leaf { first_weight: 2 * i as u32, n_weights: 2, linear: None });
        parts.weights.extend((0..2).map(|t| LeafWeight { target: t, weight: pair[t as usize] }));
    }
    let shape = TreeShape::Nodes { root: ChildRef::node(0) };
    parts.trees.push(Tree { shape, first_node: 0, n_nodes: 1, first_leaf: 0, n_leaves: 2 });
    Forest::new(parts).unwrap()
}

fn bytes(forest: &Forest) -> Tensor {
    let bytes = forest.to_bytes();
    Tensor::from_vec([bytes.len()], bytes).unwrap()
}

#[test]
fn scores_of_a_forest_that_is_an_input() {
    let x = Tensor::from_vec([3, 3], vec![9.0f32, 0.5, 9.0, 9.0, 0.75, 9.0, 9.0, f32::NAN, 9.0]).unwrap();
    let none = Attributes::new();
    for precision in [Precision::F32, Precision::F64] {
        let inputs = [Value::Tensor(x.clone()), Value::Tensor(bytes(&stump(precision)))];
        let got = run("ai.hologram", "Forest", 1, &none, &inputs).unwrap().remove(0).into_tensor().unwrap();
        let expected = [1.5, 0.25, -1.5, 0.5, 1.5, 0.25];
        assert_eq!(
            got,
            match precision {
                Precision::F32 => Tensor::from_vec([3, 2], expected.map(|v| v as f32).to_vec()).unwrap(),
                Precision::F64 => Tensor::from_vec([3, 2], expected.to_vec()).unwrap(),
            }
        );
    }
    let good = bytes(&stump(Precision::F32));
    let cut = Tensor::from_slice([good.len() - 1], &good.as_slice::<u8>().unwrap()[..good.len() - 1]).unwrap();
    let narrow = Tensor::from_vec([1, 2], vec![1.0f32, 2.0]).unwrap();
    for (x, forest) in [(&x, &cut), (&narrow, &good), (&x, &x)] {
        let inputs = [Value::Tensor(x.clone()), Value::Tensor(forest.clone())];
        assert!(run("ai.hologram", "Forest", 1, &none, &inputs).is_err());
    }
}

#[test]
fn rows_of_a_forest_stay_apart_and_its_width_is_known_with_its_value() {
    let attributes = Attributes::new();
    let node = Node {
        domain: "ai.hologram",
        op: "Forest",
        version: 1,
        since: 0,
        attributes: &attributes,
        inputs: 2,
        outputs: 1,
    };
    let forest = Registry::standard().parse(&node).unwrap().1;
    let x = Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Known(3)]);
    let known = Fact::constant(bytes(&stump(Precision::F64)));
    let unknown = Fact::tensor(DType::U8, None);
    let facts = |f| forest.infer(Facts(&[Some(&x), Some(f)])).unwrap();
    assert_eq!(facts(&known), [Fact::shaped(DType::F64, [Dim::symbol("N"), Dim::Known(2)])]);
    assert_eq!(facts(&unknown), [Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Unknown])]);
    let rows = forest.rows(&[Rows::Axis(0), Rows::Free], Facts(&[Some(&x), Some(&known)]), &facts(&known));
    assert_eq!(rows, [Rows::Axis(0)]);
}

#[test]
fn transforms_survive_their_attributes() {
    let average = |divisor, then| PostTransform::Averaged { divisor, then: Box::new(then) };
    for transform in [
        PostTransform::None,
        PostTransform::Logistic { k: 0.1 },
        PostTransform::Softmax,
        PostTransform::SoftmaxZero,
        PostTransform::Probit,
        PostTransform::Exp,
        PostTransform::SignedSquare,
        PostTransform::Softplus,
        PostTransform::Step,
        PostTransform::ArgMax,
        average(7, average(2, PostTransform::Logistic { k: 1.5 })),
    ] {
        let attributes = forest_transform::to_attributes(&transform);
        assert_eq!(forest_transform::from_attributes(&attributes).unwrap(), transform);
    }
    let wrong = forest_transform::to_attributes(&average(0, PostTransform::Exp));
    assert!(matches!(forest_transform::from_attributes(&wrong), Err(Error::Invalid(_))));
    assert!(forest_transform::from_attributes(&Attributes::new()).is_err());
}

#[test]
fn predictions_have_one_axis_when_a_row_has_one() {
    let scores = |shape: [usize; 2], v: &[f32]| Value::Tensor(Tensor::from_slice(shape, v).unwrap());
    let f = |v: &[f32], shape: &[usize]| Tensor::from_slice(shape, v).unwrap();
    for (transform, raw, expected) in [
        (PostTransform::Step, scores([3, 1], &[0.5, -1.0, 0.0]), f(&[1.0, 0.0, 0.0], &[3])),
        (PostTransform::SignedSquare, scores([2, 2], &[3.0, -2.0, 0.5, 0.0]), f(&[9.0, -4.0, 0.25, 0.0], &[2, 2])),
        (PostTransform::ArgMax, scores([2, 3], &[1.0, 5.0, 5.0, 2.0, 1.0, 0.0]), f(&[1.0, 0.0], &[2])),
        (PostTransform::None, scores([0, 2], &[]), f(&[], &[0, 2])),
    ] {
        let attributes = forest_transform::to_attributes(&transform);
        let got = run("ai.hologram", "ForestTransform", 1, &attributes, &[raw]).unwrap();
        assert_eq!(got[0].as_tensor().unwrap(), &expected, "{transform:?}");
    }
    let attributes = forest_transform::to_attributes(&PostTransform::Exp);
    let ints = Value::Tensor(Tensor::from_vec([1, 1], vec![1i64]).unwrap());
    assert!(run("ai.hologram", "ForestTransform", 1, &attributes, &[ints]).is_err());
}
