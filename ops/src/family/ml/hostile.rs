//! Attributes and inputs that must be refused, and maps, which no recorded case holds.

use super::testing::{read, run};
use crate::{Attribute, Attributes, Tensor, Value};

fn ints(v: &[i64]) -> Attribute {
    Attribute::Ints(v.to_vec())
}

fn floats(v: &[f32]) -> Attribute {
    Attribute::Floats(v.to_vec())
}

fn strings(v: &[&str]) -> Attribute {
    Attribute::Strings(v.iter().map(|s| (*s).to_owned()).collect())
}

fn text(v: &str) -> Attribute {
    Attribute::String(v.to_owned())
}

fn x(shape: &[usize], v: &[f32]) -> Value {
    Value::Tensor(Tensor::from_slice(shape, v).unwrap())
}

/// A stump of the older form with one target.
fn stump() -> Attributes {
    Attributes::new()
        .with("n_targets", Attribute::Int(1))
        .with("nodes_treeids", ints(&[0, 0, 0]))
        .with("nodes_nodeids", ints(&[0, 1, 2]))
        .with("nodes_featureids", ints(&[1, 0, 0]))
        .with("nodes_values", floats(&[0.5, 0.0, 0.0]))
        .with("nodes_modes", strings(&["BRANCH_LEQ", "LEAF", "LEAF"]))
        .with("nodes_truenodeids", ints(&[1, 0, 0]))
        .with("nodes_falsenodeids", ints(&[2, 0, 0]))
        .with("target_treeids", ints(&[0, 0]))
        .with("target_nodeids", ints(&[1, 2]))
        .with("target_ids", ints(&[0, 0]))
        .with("target_weights", floats(&[1.5, -2.0]))
}

#[test]
fn trees_that_are_none_are_refused() {
    let row = [x(&[1, 2], &[9.0, 0.25])];
    let score = |a: &Attributes| run("ai.onnx.ml", "TreeEnsembleRegressor", 3, a, &row);
    assert_eq!(score(&stump()).unwrap()[0], x(&[1, 1], &[1.5]));
    for (what, name, attribute) in [
        ("a node that is its own child", "nodes_truenodeids", ints(&[0, 0, 0])),
        ("no such child", "nodes_falsenodeids", ints(&[7, 0, 0])),
        ("a negative feature", "nodes_featureids", ints(&[-1, 0, 0])),
        ("a feature that the row lacks", "nodes_featureids", ints(&[2, 0, 0])),
        ("a huge feature", "nodes_featureids", ints(&[1 << 40, 0, 0])),
        ("a short list", "nodes_values", floats(&[0.5])),
        ("an unknown mode", "nodes_modes", strings(&["BRANCH_MAYBE", "LEAF", "LEAF"])),
        ("a node twice", "nodes_nodeids", ints(&[0, 1, 1])),
        ("a target too many", "target_ids", ints(&[0, 1])),
        ("a negative target", "target_ids", ints(&[0, -1])),
        ("a weight of no node", "target_nodeids", ints(&[1, 5])),
        ("no targets", "n_targets", Attribute::Int(0)),
        ("targets beyond counting", "n_targets", Attribute::Int(1 << 40)),
        ("base values of other targets", "base_values", floats(&[1.0, 2.0])),
        ("an unknown transform", "post_transform", text("SQUASH")),
        ("an unknown aggregate", "aggregate_function", text("MEDIAN")),
    ] {
        assert!(score(&stump().with(name, attribute)).is_err(), "{what}");
    }
}

#[test]
fn a_node_of_two_parents_is_refused_and_sets_of_any_numbers_are_read() {
    let bytes = |v: &[u8]| Attribute::Tensor(Tensor::from_slice([v.len()], v).unwrap());
    let tensor = |v: &[f32]| Attribute::Tensor(Tensor::from_slice([v.len()], v).unwrap());
    let ensemble = |falses: &[i64], leafs: &[i64]| {
        Attributes::new()
            .with("tree_roots", ints(&[0]))
            .with("nodes_featureids", ints(&[0, 0]))
            .with("nodes_modes", bytes(&[6, 0]))
            .with("nodes_splits", tensor(&[0.0, 0.0]))
            .with("nodes_truenodeids", ints(&[1, 0]))
            .with("nodes_trueleafs", ints(&[0, 1]))
            .with("nodes_falsenodeids", ints(falses))
            .with("nodes_falseleafs", ints(leafs))
            .with("membership_values", tensor(&[-1.5, 3.0, 1.25, 1e9, f32::NAN]))
            .with("leaf_targetids", ints(&[0, 0, 0]))
            .with("leaf_weights", tensor(&[1.0, 2.0, 4.0]))
    };
    let rows = x(&[7, 1], &[-1.5, 3.0, 1.25, 1e9, 3.5, f32::NAN, -0.0]);
    let score = |a: &Attributes| run("ai.onnx.ml", "TreeEnsemble", 5, a, std::slice::from_ref(&rows));
    let good = ensemble(&[2, 1], &[1, 1]);
    assert_eq!(score(&good).unwrap()[0], x(&[7, 1], &[1.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0]));
    assert!(score(&ensemble(&[1, 1], &[0, 1])).is_err(), "a node of two parents");
    assert!(score(&ensemble(&[9, 1], &[1, 1])).is_err(), "no such leaf");
    assert!(score(&ensemble(&[9, 1], &[0, 1])).is_err(), "no such node");
    assert!(score(&good.clone().with("tree_roots", ints(&[4]))).is_err(), "no such root");
    assert!(score(&good.clone().with("nodes_modes", bytes(&[9, 0]))).is_err(), "no such mode");
    assert!(score(&good.clone().with("membership_values", tensor(&[]))).is_err(), "no set");
    assert!(score(&good.with("leaf_targetids", ints(&[0, 3, 0]))).is_err(), "no such target");
}

#[test]
fn models_whose_numbers_disagree_are_refused() {
    let row = || vec![x(&[1, 2], &[9.0, 0.25])];
    let f = |v: &[f32]| floats(v);
    for (op, version, attributes) in [
        ("LinearRegressor", 1, vec![("coefficients", f(&[1.0; 3])), ("targets", Attribute::Int(2))]),
        ("LinearRegressor", 1, vec![("coefficients", f(&[1.0; 3]))]),
        ("LinearRegressor", 1, vec![("coefficients", f(&[1.0; 2])), ("targets", Attribute::Int(-1))]),
        (
            "LinearClassifier",
            1,
            vec![("coefficients", f(&[1.0; 2])), ("intercepts", f(&[0.0])), ("classlabels_ints", ints(&[1]))],
        ),
        ("LinearClassifier", 1, vec![("coefficients", f(&[1.0; 2])), ("intercepts", f(&[0.0]))]),
        ("SVMRegressor", 1, vec![("coefficients", f(&[1.0; 2])), ("rho", f(&[]))]),
        (
            "SVMRegressor",
            1,
            vec![("coefficients", f(&[1.0; 2])), ("rho", f(&[0.0])), ("n_supports", Attribute::Int(3))],
        ),
        (
            "SVMClassifier",
            1,
            vec![("classlabels_ints", ints(&[0, 1])), ("vectors_per_class", ints(&[i64::MAX, i64::MAX]))],
        ),
        ("SVMClassifier", 1, vec![("classlabels_ints", ints(&[0, 1])), ("vectors_per_class", ints(&[-1, 2]))]),
        (
            "SVMClassifier",
            1,
            vec![("classlabels_ints", ints(&[0])), ("coefficients", f(&[1.0; 2])), ("rho", f(&[0.0]))],
        ),
        ("Scaler", 1, vec![("offset", f(&[1.0; 3])), ("scale", f(&[1.0; 3]))]),
        ("Scaler", 1, vec![("offset", f(&[1.0; 2])), ("scale", f(&[1.0]))]),
        ("Normalizer", 1, vec![("norm", text("L7"))]),
        ("Imputer", 1, vec![("imputed_value_int64s", ints(&[1]))]),
        ("Imputer", 1, vec![]),
        ("FeatureVectorizer", 1, vec![("inputdimensions", ints(&[1 << 50]))]),
        ("FeatureVectorizer", 1, vec![("inputdimensions", ints(&[1, 1]))]),
        ("OneHotEncoder", 1, vec![("cats_strings", strings(&["a"]))]),
        ("OneHotEncoder", 1, vec![("cats_int64s", ints(&[1])), ("zeros", Attribute::Int(0))]),
        ("LabelEncoder", 2, vec![("keys_floats", f(&[1.0, 2.0])), ("values_floats", f(&[1.0]))]),
        ("LabelEncoder", 4, vec![("keys_strings", strings(&["a"])), ("values_floats", f(&[1.0]))]),
        ("CategoryMapper", 1, vec![("cats_strings", strings(&["a"])), ("cats_int64s", ints(&[1]))]),
        ("ZipMap", 1, vec![("classlabels_int64s", ints(&[1, 2, 3]))]),
        ("CastMap", 1, vec![]),
        ("DictVectorizer", 1, vec![("int64_vocabulary", ints(&[1]))]),
    ] {
        let attributes = attributes.into_iter().fold(Attributes::new(), |all, (k, v)| all.with(k, v));
        assert!(run("ai.onnx.ml", op, version, &attributes, &row()).is_err(), "{op} {attributes:?}");
    }
}

#[test]
fn maps_become_rows() {
    let map = |keys: &str, values: &str| {
        let case = read(&format!("case a b 1\nmap {keys} {values}")).remove(0).maps.remove(0);
        Value::Map { keys: case.0, values: case.1 }
    };
    let floats = map("i64 1 4 0 1 3 7", "f32 1 4 -2.75 1 0.6 123456789");
    let texts = map("i64 1 2 1 3", "string 1 2 '2 '1%2e5");
    let words = map("string 1 2 'a 'c", "f64 1 2 1 2");
    let sparse = |n| Attributes::new().with("map_form", text("SPARSE")).with("max_map", Attribute::Int(n));
    let to = |name: &str| Attributes::new().with("cast_to", text(name));
    for (op, input, attributes, expected) in [
        ("CastMap", &floats, to("TO_FLOAT"), Some("f32 2 1 4 -2.75 1 0.6 123456792")),
        (
            "CastMap",
            &floats,
            to("TO_STRING"),
            Some("string 2 1 4 '%2d2%2e750000 '1%2e000000 '0%2e600000 '123456792%2e000000"),
        ),
        ("CastMap", &floats, to("TO_INT64"), Some("i64 2 1 4 -2 1 0 123456792")),
        ("CastMap", &floats, sparse(4), Some("f32 2 1 4 -2.75 1 0 0.6")),
        ("CastMap", &texts, sparse(3).with("cast_to", text("TO_STRING")), Some("string 2 1 3 '0%2ef '2 '0%2ef")),
        ("CastMap", &texts, to("TO_FLOAT"), Some("f32 2 1 2 2 1.5")),
        ("CastMap", &texts, to("TO_INT64"), None),
        ("CastMap", &words, to("TO_FLOAT"), None),
        ("CastMap", &floats, sparse(-1), None),
        ("CastMap", &map("i64 1 1 -3", "f32 1 1 0.5"), sparse(4), None),
        (
            "DictVectorizer",
            &words,
            Attributes::new().with("string_vocabulary", strings(&["c", "b", "a"])),
            Some("f64 2 1 3 2 0 1"),
        ),
        (
            "DictVectorizer",
            &texts,
            Attributes::new().with("int64_vocabulary", ints(&[3, 9])),
            Some("string 2 1 2 '1%2e5 '"),
        ),
        ("DictVectorizer", &texts, Attributes::new().with("string_vocabulary", strings(&["a"])), None),
    ] {
        let got = run("ai.onnx.ml", op, 1, &attributes, std::slice::from_ref(input));
        match expected {
            None => assert!(got.is_err(), "{op} {attributes:?}"),
            Some(line) => {
                let expected = read(&format!("case a b 1\nout {line}")).remove(0).outputs.remove(0);
                assert_eq!(got.unwrap()[0], Value::Tensor(expected), "{op} {attributes:?}");
            }
        }
    }
}
