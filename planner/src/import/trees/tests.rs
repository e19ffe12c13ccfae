//! Models small enough to score by hand, files that must be refused, and damaged files.

use std::time::{SystemTime, UNIX_EPOCH};

use hologram_ops::forest::PostTransform;

use super::{Category, ImportError, ImportOptions, Library, TreeModel, import_bytes};

/// Two features. Tree 0: `x0 <= 0.5`, NaN to the right; then `x1` in {1, 33}. Tree 1: `x1 <= 2`, nothing is missing.
/// Tree 2 has linear leaves.
const LIGHTGBM: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n\
objective=binary sigmoid:2\nfeature_names=size colour\nfeature_infos=[0:1] 0:1:33\ntree_sizes=1 1 1\n\n\
Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nthreshold=0.5 0\ndecision_type=8 1\nleft_child=1 -1\nright_child=-3 -2\n\
leaf_value=1 2 4\ncat_boundaries=0 2\ncat_threshold=2 2\nis_linear=0\nshrinkage=1\n\n\
Tree=1\nnum_leaves=2\nnum_cat=0\nsplit_feature=1\nthreshold=2\ndecision_type=0\nleft_child=-1\nright_child=-2\n\
leaf_value=8 16\nis_linear=0\nshrinkage=1\n\n\
Tree=2\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0\ndecision_type=2\nleft_child=-1\nright_child=-2\n\
leaf_value=32 64\nis_linear=1\nleaf_const=0.5 0.25\nnum_features=1 0\nleaf_features=1  \nleaf_coeff=100  \nshrinkage=1\n\n\n\
end of trees\n\nparameters:\n[categorical_feature: 1]\nend of parameters\n\npandas_categorical:[[\"w\", 7]]\n";

/// Two features, two outputs, dart weights 1 and 0.5. Tree 0 (output 0): `x0 < 0.5`, NaN left. Tree 1 (output 1): `x1` in
/// {2} goes right, NaN right.
const XGBOOST: &str = r#"{"version":[3,2,0],"learner":{"attributes":{"best_iteration":"0"},"feature_names":["a","b"],
"feature_types":["float","c"],"objective":{"name":"multi:softprob"},
"learner_model_param":{"base_score":"[5E-1,2.5E-1]","num_class":"2","num_feature":"2","num_target":"1"},
"gradient_booster":{"name":"dart","weight_drop":[1.0,0.5],"gbtree":{"name":"gbtree","model":{
"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"2"},"iteration_indptr":[0,2],"tree_info":[0,1],
"cats":{"enc":[{"offsets":[],"values":[]},{"offsets":[0,1,3,3],"values":[120,121,122]}]},
"trees":[{"tree_param":{"size_leaf_vector":"1"},"left_children":[1,-1,-1],"right_children":[2,-1,-1],
"split_indices":[0,0,0],"split_conditions":[5E-1,1,2],"default_left":[1,0,0],"split_type":[0,0,0],
"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]},
{"tree_param":{"size_leaf_vector":"1"},"left_children":[1,-1,-1],"right_children":[2,-1,-1],
"split_indices":[1,0,0],"split_conditions":[NaN,8,16],"default_left":[0,0,0],"split_type":[1,0,0],
"categories":[2],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[1]}]}}}}}"#;

/// Two features; NaN of feature 1 passes. An oblivious tree over both.
const CATBOOST: &str = r#"{"features_info":{"float_features":[
{"feature_index":0,"flat_feature_index":0,"feature_id":"a","nan_value_treatment":"AsFalse"},
{"feature_index":1,"flat_feature_index":1,"feature_id":"","nan_value_treatment":"AsTrue"}]},
"model_info":{"params":{"loss_function":{"type":"Logloss"}},"class_params":{"class_names":["no","yes"]},
"catboost_version_info":"Branch\n Summary: CatBoost release 1.2.10. commit"},
"oblivious_trees":[{"splits":[{"split_type":"FloatFeature","float_feature_index":0,"border":0.5},
{"split_type":"FloatFeature","float_feature_index":1,"border":2}],"leaf_values":[1,2,4,8]}],"scale_and_bias":[2,[0.25]]}"#;

/// Two scores of one nested tree.
const CATBOOST_NESTED: &str = r#"{"features_info":{"float_features":[{"feature_index":0,"flat_feature_index":0}]},
"trees":[{"split":{"split_type":"FloatFeature","float_feature_index":0,"border":0.5},"left":{"value":[1,2]},
"right":{"split":{"split_type":"FloatFeature","float_feature_index":0,"border":1.5},"left":{"value":[3,4]},
"right":{"value":[5,6]}}}],"scale_and_bias":[1,[0,0]]}"#;

const ALL: [(&str, &str); 4] =
    [("lightgbm", LIGHTGBM), ("xgboost", XGBOOST), ("catboost", CATBOOST), ("nested", CATBOOST_NESTED)];

fn import(text: &str) -> Result<TreeModel, ImportError> {
    import_bytes("model", text.as_bytes(), &ImportOptions::default())
}

fn check(text: &str, rows: &[(&[f64], &[f64])]) -> TreeModel {
    let model = import(text).unwrap();
    for (row, expected) in rows {
        let mut out = vec![0.0; model.forest.n_targets as usize];
        model.forest.evaluate_row(row, &mut out).unwrap();
        assert_eq!(out, *expected, "{row:?}");
    }
    model
}

#[test]
fn lightgbm_by_hand() {
    let nan = f64::NAN;
    let model = check(
        LIGHTGBM,
        &[
            (&[0.25, 1.0], &[1.0 + 8.0 + 0.25]),
            (&[0.25, 33.9], &[1.0 + 16.0 + 0.25]),
            (&[0.25, 2.0], &[2.0 + 8.0 + 0.25]),
            (&[0.25, nan], &[2.0 + 8.0 + 0.25]),
            (&[nan, 2.5], &[4.0 + 16.0 + 250.5]),
            (&[-1.0, nan], &[2.0 + 8.0 + 32.0]),
            (&[1e-36, 1.0], &[1.0 + 8.0 + 100.5]),
            (&[0.5, -0.5], &[2.0 + 8.0 + 0.25]),
        ],
    );
    assert_eq!((model.library, model.iterations, model.num_class), (Library::LightGbm, 3, 2));
    assert_eq!(model.transform, PostTransform::Logistic { k: 2.0 });
    assert_eq!(model.feature_names, ["size", "colour"]);
    let categories = model.categories[1].as_ref().map(|c| c.values.clone());
    assert_eq!(categories, Some(vec![Category::Text("w".into()), Category::Integer(7)]));
}

#[test]
fn xgboost_by_hand() {
    let nan = f64::NAN;
    let model = check(
        XGBOOST,
        &[
            (&[0.25, 0.0], &[1.5, 4.25]),
            (&[0.5, 2.0], &[2.5, 8.25]),
            (&[0.5 - 1e-12, 2.5], &[2.5, 8.25]),
            (&[nan, nan], &[1.5, 8.25]),
            (&[0.0, -1.0], &[1.5, 4.25]),
            (&[0.0, 1e9], &[1.5, 4.25]),
        ],
    );
    assert_eq!((model.library, model.iterations, model.best_iteration), (Library::XgBoost, 1, Some(0)));
    let texts = ["x", "yz", ""].map(|text| Category::Text(text.into())).to_vec();
    assert_eq!(model.categories[1].as_ref().map(|c| c.values.clone()), Some(texts));
    assert_eq!((model.transform, model.library_version.as_str()), (PostTransform::Softmax, "3.2.0"));
}

#[test]
fn catboost_by_hand() {
    let nan = f64::NAN;
    let model = check(
        CATBOOST,
        &[
            (&[0.5, 2.0], &[2.25]),
            (&[0.75, 2.0], &[4.25]),
            (&[0.5, 3.0], &[8.25]),
            (&[1.0, f64::INFINITY], &[16.25]),
            (&[nan, nan], &[8.25]),
            (&[0.5 + 1e-12, 0.0], &[2.25]),
        ],
    );
    assert_eq!(model.class_labels, [Category::Text("no".into()), Category::Text("yes".into())]);
    assert_eq!((model.library, model.library_version.as_str()), (Library::CatBoost, "1.2.10"));
    assert_eq!(model.feature_names, ["a", "1"]);
    check(CATBOOST_NESTED, &[(&[0.5], &[1.0, 2.0]), (&[1.0], &[3.0, 4.0]), (&[2.0], &[5.0, 6.0])]);
}

#[test]
fn rounds_can_be_cut() {
    for (text, rounds, row, expected) in
        [(LIGHTGBM, 1, [0.25, 1.0], 1.0), (XGBOOST, 0, [0.25, 1.0], 0.5), (CATBOOST, 0, [0.25, 1.0], 0.25)]
    {
        let model = import_bytes("model", text.as_bytes(), &ImportOptions { iterations: Some(rounds) }).unwrap();
        let mut out = vec![0.0; model.forest.n_targets as usize];
        model.forest.evaluate_row(&row, &mut out).unwrap();
        assert_eq!((out[0], model.iterations), (expected, rounds));
    }
}

/// Changes that must be refused, by a word of the message.
#[test]
fn wrong_files_are_named() {
    let cases: [(&str, &str, &str, &str); 24] = [
        (LIGHTGBM, "end of trees", "end of tree", "cut short"),
        (LIGHTGBM, "end of parameters", "", "cut short"),
        (LIGHTGBM, "left_child=1 -1", "left_child=0 -1", "twice"),
        (LIGHTGBM, "left_child=1 -1", "left_child=1 -9", "leaf 8"),
        (LIGHTGBM, "split_feature=0 1", "split_feature=0 7", "feature 7"),
        (LIGHTGBM, "cat_boundaries=0 2", "cat_boundaries=0 9", "cat_boundaries"),
        (LIGHTGBM, "leaf_value=1 2 4", "leaf_value=1 2", "line 20"),
        (LIGHTGBM, "objective=binary", "objective=unheard", "unheard"),
        (LIGHTGBM, "max_feature_idx=1", "max_feature_idx=4294967295", "max_feature_idx"),
        (LIGHTGBM, "num_tree_per_iteration=1", "num_tree_per_iteration=2", "multiple"),
        (LIGHTGBM, "[categorical_feature: 1]", "[categorical_feature: 0,1]", "which list"),
        (LIGHTGBM, "tree_sizes=1 1 1", "tree_sizes=1 1", "3 trees"),
        (XGBOOST, "multi:softprob", "multi:unheard", "multi:unheard"),
        (XGBOOST, "\"dart\"", "\"gblinear\"", "gblinear"),
        (XGBOOST, "[0,1],\n\"cats\"", "[0,2],\n\"cats\"", "output group 2"),
        (XGBOOST, "\"left_children\":[1,-1,-1]", "\"left_children\":[0,-1,-1]", "trees[0]"),
        (XGBOOST, "\"values\":[120", "\"values\":[-61", "ASCII"),
        (XGBOOST, "\"num_feature\":\"2\"", "\"num_feature\":\"4000000000\"", "2 names"),
        (XGBOOST, "\"num_class\":\"2\"", "\"num_class\":\"4000000000\"", "outputs"),
        (XGBOOST, "\"categories\":[2]", "\"categories\":[-7]", "category -7"),
        (CATBOOST, "FloatFeature", "OnlineCtr", "no categorical feature"),
        (CATBOOST, "\"flat_feature_index\":1", "\"flat_feature_index\":4000000000", "at most 1048576"),
        (CATBOOST, "[1,2,4,8]", "[1,2,4]", "oblivious_trees[0]"),
        (CATBOOST, "\"AsTrue\"", "\"AsMaybe\"", "AsMaybe"),
    ];
    for (text, from, to, word) in cases {
        assert!(text.contains(from), "the case {from} -> {to} changes nothing");
        let message = import(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(word) && message.starts_with("model: "), "{from} -> {to}: {message}");
    }
}

#[test]
fn other_files_are_told_apart() {
    let cases = [
        ("", "neither"),
        ("\u{feff}tree\n", "neither"),
        ("CBM1....", "CatBoost's binary"),
        ("binf....", "old binary"),
        ("{}", "learner"),
        ("{\"tree_info\": []}", "dump_model"),
        ("{\"learner\": 1}", "learner: a whole number"),
        ("{\"learner\": \n", "line 2"),
        ("{\"a\": 1} x", "text follows"),
        ("{\"a\": 1e}", "no number"),
        ("{\"a\": \"\\ud800\"}", "names no character"),
    ];
    for (text, word) in cases {
        let message = import(text).unwrap_err().to_string();
        assert!(message.contains(word), "{text:?}: {message}");
    }
}

#[test]
fn nesting_is_bounded() {
    for (open, n) in [("[", 1 << 20), ("{\"a\":", 1 << 18)] {
        let message = import(&format!("{{\"learner\":{}", open.repeat(n))).unwrap_err().to_string();
        assert!(message.contains("nested deeper"), "{message}");
    }
    let binary = [b"{i\x07learner".as_slice(), &b"[".repeat(1 << 20)].concat();
    let message = import_bytes("model", &binary, &ImportOptions::default()).unwrap_err().to_string();
    assert!(message.contains("nested deeper"), "{message}");
}

/// UBJSON of a JSON value, with the kinds of containers that XGBoost writes and the plain ones.
fn ubjson(value: &serde_json::Value, out: &mut Vec<u8>) {
    let length = |n: usize, out: &mut Vec<u8>| {
        out.push(b'L');
        out.extend((n as i64).to_be_bytes());
    };
    match value {
        serde_json::Value::Null => out.push(b'Z'),
        serde_json::Value::Bool(bit) => out.push(if *bit { b'T' } else { b'F' }),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) if i8::try_from(whole).is_ok() => out.extend([b'i', whole as u8]),
            Some(whole) => {
                out.push(b'l');
                out.extend((whole as i32).to_be_bytes());
            }
            None => {
                out.push(b'd');
                out.extend((number.as_f64().unwrap() as f32).to_be_bytes());
            }
        },
        serde_json::Value::String(text) => {
            out.push(b'S');
            length(text.len(), out);
            out.extend(text.as_bytes());
        }
        serde_json::Value::Array(items) if !items.is_empty() && items.iter().all(|i| i.as_i64().is_some()) => {
            out.extend(b"[$l#");
            length(items.len(), out);
            items.iter().for_each(|item| out.extend((item.as_i64().unwrap() as i32).to_be_bytes()));
        }
        serde_json::Value::Array(items) => {
            out.push(b'[');
            items.iter().for_each(|item| ubjson(item, out));
            out.push(b']');
        }
        serde_json::Value::Object(members) => {
            out.push(b'{');
            for (key, value) in members {
                length(key.len(), out);
                out.extend(key.as_bytes());
                ubjson(value, out);
            }
            out.push(b'}');
        }
    }
}

fn xgboost_ubjson() -> Vec<u8> {
    let mut bytes = Vec::new();
    ubjson(&serde_json::from_str(&XGBOOST.replace("NaN", "0.5")).unwrap(), &mut bytes);
    bytes
}

#[test]
fn ubjson_says_the_same() {
    let model = import_bytes("model", &xgboost_ubjson(), &ImportOptions::default()).unwrap();
    assert_eq!(model, import(XGBOOST).unwrap());
}

#[test]
fn announced_counts_are_not_trusted() {
    for (head, word) in [
        (b"{L\0\0\0\0\0\0\0\x01a[$l#L\x7f\xff\xff\xff\xff\xff\xff\xff".as_slice(), "bytes left"),
        (b"{L\0\0\0\0\0\0\0\x01a[$Z#L\0\0\0\0\x7f\xff\xff\xff", "type"),
        (b"{L\0\0\0\0\0\0\0\x01a[#i\xff", "length -1"),
        (b"{L\0\0\0\0\0\0\0\x01aSL\xff\xff\xff\xff\xff\xff\xff\xff", "length -1"),
    ] {
        let message = import_bytes("model", head, &ImportOptions::default()).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}

/// Imports damaged bytes; whatever still imports must score a row.
fn survives(bytes: &[u8]) -> bool {
    let Ok(model) = import_bytes("model", bytes, &ImportOptions::default()) else { return false };
    let mut out = vec![0.0; model.forest.n_targets as usize];
    model.forest.evaluate_with(&|feature| f64::from(feature), &mut out).unwrap();
    true
}

#[test]
#[expect(clippy::print_stdout, reason = "a failing run is repeated by its seed")]
fn damaged_files_never_panic() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64) | 1;
    println!("seed {seed}");
    let mut state = seed;
    let mut next = |n: usize| {
        // Xorshift, 64 bits.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % n
    };
    let mut files: Vec<(&str, Vec<u8>)> = ALL.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect();
    files.push(("ubjson", xgboost_ubjson()));
    for (name, bytes) in &files {
        let cuts = (0..bytes.len()).step_by(97).chain(0..bytes.len().min(64));
        for cut in cuts {
            let survived = survives(&bytes[..cut]);
            // What follows LightGBM's trees may be absent as a whole.
            let whole = *name == "lightgbm" && bytes[..cut].windows(12).any(|window| window == b"end of trees");
            assert!(!survived || whole, "{name} cut at {cut} of {} still imports", bytes.len());
        }
        for _ in 0..2_000 {
            let mut changed = bytes.clone();
            for _ in 0..=next(3) {
                let at = next(changed.len());
                match next(3) {
                    0 => changed[at] = next(256) as u8,
                    1 => changed[at] = b"0123456789-.,[]{}\"= e"[next(21)],
                    _ => {
                        changed.remove(at);
                    }
                }
            }
            survives(&changed);
        }
    }
}
