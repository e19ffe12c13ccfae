//! Which columns bind to which inputs, and what the others are told.

use super::{Columns, field, models::*};
use crate::{ErrorKind, Session, rows::*};
use arrow_array::{ArrayRef, Float32Array, cast::AsArray, types::Float32Type};
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use hologram_ops::DType::{Bool, F16, F32, F64, I32, I64, String as Text, U4};
use std::{collections::HashMap, sync::Arc};

fn list(ty: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(ty, true)))
}

fn fixed(ty: DataType, n: i32) -> DataType {
    DataType::FixedSizeList(Arc::new(Field::new_list_field(ty, true)), n)
}

fn named_types(list: &[(&str, DataType)]) -> Vec<FieldRef> {
    list.iter().map(|(n, t)| field(n, t.clone())).collect()
}

/// A model of these inputs that answers the first.
fn of(inputs: &[P]) -> Session {
    session(inputs, &[port("y", F32, &[0])], rows(true, 0), |_, ids| vec![ids[0]])
}

const NUMBER: DataType = DataType::Float32;

#[test]
fn columns_bind_by_position_or_are_told_why_not() {
    let tensor = |shape: &str| {
        let data = HashMap::from([
            ("ARROW:extension:name".to_owned(), "arrow.fixed_shape_tensor".to_owned()),
            ("ARROW:extension:metadata".to_owned(), shape.to_owned()),
        ]);
        Arc::new(Field::new("t", fixed(NUMBER, 6), true).with_metadata(data))
    };
    let x = |shape: &[usize]| port("x", F32, shape);
    let abc = x(&[0, 3]).features(&["a", "b", "c"]);
    type Case = (&'static str, Vec<P>, Vec<FieldRef>, Result<Vec<usize>, &'static str>);
    let types = named_types;
    let cases: Vec<Case> = vec![
        ("one number", vec![x(&[0])], types(&[("p", NUMBER)]), Ok(vec![0])),
        ("a column of one", vec![x(&[0, 1])], types(&[("p", NUMBER)]), Ok(vec![0])),
        ("three", vec![abc.clone()], types(&[("p", NUMBER), ("q", NUMBER), ("r", NUMBER)]), Ok(vec![0, 1, 2])),
        (
            "two inputs",
            vec![x(&[0, 2]), port("z", F32, &[0])],
            types(&[("p", NUMBER), ("q", NUMBER), ("r", NUMBER)]),
            Ok(vec![0, 1, 2]),
        ),
        ("a vector", vec![abc.clone()], types(&[("p", fixed(NUMBER, 3))]), Ok(vec![0])),
        ("a list", vec![abc.clone()], types(&[("p", list(NUMBER))]), Ok(vec![0])),
        ("any number", vec![x(&[0, 0])], types(&[("p", NUMBER), ("q", NUMBER)]), Ok(vec![0, 1])),
        ("nested", vec![x(&[0, 2, 3])], types(&[("p", fixed(fixed(NUMBER, 3), 2))]), Ok(vec![0])),
        ("flat", vec![x(&[0, 2, 3])], types(&[("p", fixed(NUMBER, 6))]), Ok(vec![0])),
        ("a tensor", vec![x(&[0, 2, 3])], vec![tensor(r#"{"shape":[2, 3],"dim_names":["a","b"]}"#)], Ok(vec![0])),
        (
            "a tensor of another shape",
            vec![x(&[0, 2, 3])],
            vec![tensor(r#"{"shape":[3,2]}"#)],
            Err("input 'x' takes f32[d0, 2, 3] and column 't'"),
        ),
        (
            "a permuted tensor",
            vec![x(&[0, 2, 3])],
            vec![tensor(r#"{"shape":[2,3],"permutation":[1,0]}"#)],
            Err("permuted axes"),
        ),
        (
            "too few",
            vec![abc.clone()],
            types(&[("p", NUMBER), ("q", NUMBER)]),
            Err("the model takes 3 columns (a, b, c), 2 are given"),
        ),
        ("none", vec![abc.clone()], vec![], Err("the model takes 3 columns (a, b, c), 0 are given")),
        ("one short", vec![abc.clone()], types(&[("p", NUMBER)]), Err("3 columns (a, b, c), 1 is given")),
        (
            "too many",
            vec![x(&[0])],
            types(&[("p", NUMBER), ("q", NUMBER)]),
            Err("the model takes 1 column (x), 2 are given"),
        ),
        (
            "too many for thirty",
            vec![x(&[0, 30])],
            types(&[("p", NUMBER)]),
            Err("the model takes 30 columns (30 of 'x'), 1 is given"),
        ),
        (
            "text for a number",
            vec![x(&[0])],
            types(&[("p", DataType::Utf8)]),
            Err("input 'x' takes f32, and the column is Utf8 (column 'p')"),
        ),
        (
            "a number for text",
            vec![port("x", Text, &[0])],
            types(&[("p", DataType::Int64)]),
            Err("input 'x' takes text, and the column is Int64"),
        ),
        (
            "a list for a number",
            vec![x(&[0])],
            types(&[("p", list(NUMBER))]),
            Err("input 'x' takes f32, and the column is List"),
        ),
        (
            "a list among numbers",
            vec![abc],
            types(&[("p", NUMBER), ("q", list(NUMBER)), ("r", NUMBER)]),
            Err("(column 'q')"),
        ),
        (
            "a short vector",
            vec![x(&[0, 3])],
            types(&[("p", fixed(NUMBER, 4))]),
            Err("input 'x' takes f32[d0, 3] and column 'p' is FixedSizeList(4"),
        ),
        (
            "a number for an image",
            vec![x(&[0, 2, 3])],
            types(&[("p", NUMBER)]),
            Err("input 'x' takes f32[d0, 2, 3] and column 'p' is Float32"),
        ),
        ("a list too deep", vec![x(&[0, 3])], types(&[("p", list(list(NUMBER)))]), Err("input 'x' takes f32[d0, 3]")),
        (
            "open and not last",
            vec![x(&[0, 0]), port("z", F32, &[0])],
            types(&[("p", NUMBER), ("q", NUMBER)]),
            Err("is not the last one: give it a list column"),
        ),
        ("no rows", vec![x(&[])], types(&[("p", NUMBER)]), Err("input 'x' is f32[]: rows cannot carry it")),
        (
            "a type of no column",
            vec![port("x", U4, &[0])],
            types(&[("p", NUMBER)]),
            Err("takes u4, which no column holds"),
        ),
        (
            "intervals",
            vec![x(&[0])],
            types(&[("p", DataType::Interval(arrow_schema::IntervalUnit::DayTime))]),
            Err("the column is Interval"),
        ),
    ];
    for (name, inputs, columns, expected) in cases {
        let signature = echo_signature(&inputs);
        match (Binding::positional(&signature, &columns, &BindOptions::default()), expected) {
            (Ok(binding), Ok(used)) => assert_eq!(binding.columns(), used, "{name}"),
            (Err(e), Err(text)) => assert!(e.to_string().contains(text), "{name}: {e}"),
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
}

/// A signature without a model behind it.
fn echo_signature(inputs: &[P]) -> crate::Signature {
    let mut signature = of(&[port("x", F32, &[0])]).signature().clone();
    signature.inputs = inputs.iter().map(P::signature).collect();
    signature
}

#[test]
fn columns_bind_by_name_and_missing_ones_are_listed_with_the_nearest() {
    let model = echo_signature(&[port("x", F32, &[0, 2]).features(&["mean radius", "Age"]), port("z", F32, &[0])]);
    let types = |names: &[&str]| named_types(&names.iter().map(|n| (*n, NUMBER)).collect::<Vec<_>>());
    let options = BindOptions::default();
    let found = Binding::named(&model, &types(&["id", "z", "age", "noise", "mean radius"]), &options).unwrap();
    assert_eq!(found.columns(), [1, 2, 4], "the others need not be read");
    assert!(found.warnings().is_empty());
    let e = Binding::named(&model, &types(&["mean_radius", "z", "AGE", "id"]), &options).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Missing);
    assert_eq!(
        e.to_string(),
        "the model takes columns that are not given: 'mean radius' (nearest is 'mean_radius'); given are mean_radius, z, AGE, id"
    );
    let e = Binding::named(&model, &types(&["q"]), &options).unwrap_err();
    assert_eq!(e.to_string(), "the model takes columns that are not given: 'mean radius', 'Age', 'z'; given are q");
    let e = Binding::named(&model, &types(&["mean radius", "AGE", "age", "z"]), &options).unwrap_err();
    assert!(e.to_string().contains("not given: 'Age'"), "two columns differ from the name only in case: {e}");

    let whole = named_types(&[("id", NUMBER), ("x", fixed(NUMBER, 2)), ("z", NUMBER)]);
    assert_eq!(Binding::named(&model, &whole, &options).unwrap().columns(), [1, 2], "a vector under the input's name");
    let nameless = echo_signature(&[port("x", F32, &[0, 2])]);
    let e = Binding::named(&nameless, &types(&["a", "b"]), &options).unwrap_err();
    assert!(
        e.to_string()
            .contains("the model names no features of it: give a list column 'x', or bind columns by position"),
        "{e}"
    );
}

#[test]
fn names_in_another_order_are_warned_of_by_position_only() {
    let model = echo_signature(&[port("x", F32, &[0, 3]).features(&["a", "b", "c"])]);
    let types = |names: &[&str]| named_types(&names.iter().map(|n| (*n, NUMBER)).collect::<Vec<_>>());
    let warnings = |names: &[&str]| {
        Binding::positional(&model, &types(names), &BindOptions::default()).unwrap().warnings().join("\n")
    };
    assert_eq!(
        warnings(&["B", "a", "c"]),
        "the columns are bound by position and have the model's names in another order: given b, a, c; the model takes a, b, c"
    );
    for quiet in [["a", "b", "c"], ["A", "b", "C"], ["p", "q", "r"], ["b", "a", "x"]] {
        assert_eq!(warnings(&quiet), "", "{quiet:?}");
    }
    assert!(Binding::named(&model, &types(&["c", "b", "a"]), &BindOptions::default()).unwrap().warnings().is_empty());
}

#[test]
fn casts_are_noted_and_strict_ones_must_be_exact() {
    let cases = [
        (F32, DataType::Float32, None),
        (F32, DataType::Float64, Some(true)),
        (F32, DataType::Int64, Some(true)),
        (F32, DataType::Int32, Some(true)),
        (F32, DataType::Int16, Some(false)),
        (F32, DataType::Boolean, Some(false)),
        (F32, DataType::Decimal128(10, 2), Some(true)),
        (F64, DataType::Date32, Some(false)),
        (F64, DataType::Timestamp(TimeUnit::Microsecond, None), Some(true)),
        (F64, DataType::UInt32, Some(false)),
        (I64, DataType::UInt64, Some(true)),
        (I64, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), Some(false)),
        (I32, DataType::Float32, Some(true)),
        (F16, DataType::Int8, Some(false)),
        (F16, DataType::Float32, Some(true)),
        (Bool, DataType::Boolean, None),
        (Bool, DataType::Int8, Some(true)),
        (Text, DataType::LargeUtf8, None),
        (F32, DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Float64)), Some(true)),
    ];
    for (to, from, lossy) in cases {
        let model = echo_signature(&[port("x", to, &[0])]);
        let columns = named_types(&[("p", from.clone())]);
        let binding = Binding::positional(&model, &columns, &BindOptions::default()).unwrap();
        let noted: Vec<bool> = binding.casts().iter().map(|c| c.lossy).collect();
        assert_eq!(noted, lossy.into_iter().collect::<Vec<_>>(), "{from} as {to}");
        let strict =
            Binding::positional(&model, &columns, &BindOptions { casts: Casts::Strict, ..BindOptions::default() });
        match strict {
            Ok(_) => assert_ne!(lossy, Some(true), "{from} as {to}"),
            Err(e) => {
                assert_eq!(lossy, Some(true), "{from} as {to}: {e}");
                assert!(e.to_string().contains(&format!("column 'p' is {from} and input 'x' takes {to}")), "{e}");
            }
        }
    }
    let note = CastNote { column: "p".into(), from: DataType::Float64, to: F32, lossy: true };
    assert_eq!(note.to_string(), "p: Float64 as f32 (rounds)");
}

#[test]
fn missing_for_an_input_without_nan_is_refused() {
    let model = echo_signature(&[port("x", I64, &[0])]);
    let options = BindOptions { nulls: Nulls::Missing, ..BindOptions::default() };
    let e = Binding::positional(&model, &named_types(&[("p", DataType::Int64)]), &options).unwrap_err();
    assert!(e.to_string().contains("input 'x' takes i64, which has no missing value"), "{e}");
}

#[test]
fn the_same_columns_bound_by_name_in_any_order_give_the_same_answer() {
    let model = linear(port("x", F32, &[0, 3]).features(&["a", "b", "c"]), port("y", F32, &[0, 1]));
    let one = |v: f32| Arc::new(Float32Array::from(vec![v, v + 1.0])) as ArrayRef;
    let columns: Columns = vec![("unused", one(9.0)), ("c", one(3.0)), ("a", one(1.0)), ("b", one(2.0))];
    let binding = Binding::named(model.signature(), &super::fields(&columns), &BindOptions::default()).unwrap();
    assert_eq!(binding.columns(), [1, 2, 3]);
    let (array, stats) = super::run(&model, binding, &columns).unwrap();
    assert_eq!(array.as_primitive::<Float32Type>().values(), &[321.0, 432.0]);
    assert_eq!(stats, RowStats { rows: 2, runs: 1, ..RowStats::default() });
}

#[test]
fn columns_that_no_answer_depends_on_are_not_taken() {
    let columns: Columns = vec![
        ("a", Arc::new(Float32Array::from(vec![Some(1.0), Some(2.0), None]))),
        ("b", Arc::new(Float32Array::from(vec![Some(7.0), None, Some(9.0)]))),
        ("c", Arc::new(Float32Array::from(vec![3.0, 4.0, 5.0]))),
    ];
    let x = || port("x", F32, &[0, 3]).features(&["a", "b", "c"]);
    let y = || port("y", F32, &[0, 1]);
    for (unread, used, want) in [
        (&[][..], &[0, 1, 2][..], [Some(371.0), None, None]),
        // The model of the test reads them all the same: as zeros.
        (&[1], &[0, 2], [Some(301.0), Some(402.0), None]),
        (&[0, 2], &[1], [Some(70.0), None, Some(90.0)]),
        // A batch of no columns would not say how many rows it has.
        (&[0, 1, 2], &[0], [Some(0.0), Some(0.0), Some(0.0)]),
    ] {
        let session = linear(x().unread(unread), y());
        let binding = Binding::named(session.signature(), &super::fields(&columns), &BindOptions::default()).unwrap();
        assert_eq!(binding.columns(), used, "{unread:?}");
        let (array, stats) = super::run(&session, binding, &columns).unwrap();
        let found: Vec<Option<f32>> = array.as_primitive::<Float32Type>().iter().collect();
        assert_eq!(found, want, "{unread:?}");
        assert_eq!(stats.null_rows, want.iter().filter(|y| y.is_none()).count());
    }
    // Types are checked whether a column is taken or not.
    let session = linear(x().unread(&[1]), y());
    let texts = [field("p", NUMBER), field("q", DataType::Utf8), field("r", NUMBER)];
    let error = Binding::positional(session.signature(), &texts, &BindOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
