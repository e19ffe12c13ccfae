//! What batches are answered with.

use super::{Columns, answer, fields, models::*, run};
use crate::{ErrorKind, Session, rows::*};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, LargeListArray, ListArray, PrimitiveArray, StringArray, StringViewArray,
    TimestampMicrosecondArray, cast::AsArray, types::*,
};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::{DataType, Field};
use hologram_ops::{
    Attribute,
    DType::{self, BF16, Bool, F16, F32, F64, I64, String as Text},
    Error,
    control::Control,
    graph::{Graph, ValueId},
};
use std::sync::Arc;

fn f32s(values: &[f32]) -> ArrayRef {
    Arc::new(Float32Array::from(values.to_vec()))
}

fn vectors(n: i32, values: &[f32]) -> ArrayRef {
    Arc::new(FixedSizeListArray::new(Arc::new(Field::new_list_field(DataType::Float32, true)), n, f32s(values), None))
}

fn lists(rows: &[Option<&[Option<f32>]>]) -> ListArray {
    ListArray::from_iter_primitive::<Float32Type, _, _>(rows.iter().map(|r| r.map(|v| v.to_vec())))
}

fn free(x: P, y: P) -> Session {
    echo(&[x], &[y], rows(true, 0))
}

fn options() -> BindOptions {
    BindOptions::default()
}

fn floats(array: &ArrayRef) -> Vec<Option<f32>> {
    array.as_primitive::<Float32Type>().iter().collect()
}

#[test]
fn a_column_of_the_right_type_goes_through_without_a_copy() {
    let model = free(port("x", F32, &[0]), port("y", F32, &[0]));
    let column = f32s(&[1.0, 2.0, 3.0]);
    let (array, _) = answer(&model, &[("x", column.slice(1, 2))], &options()).unwrap();
    assert_eq!(floats(&array), [Some(2.0), Some(3.0)]);
    let start = |a: &ArrayRef| a.as_primitive::<Float32Type>().values().as_ptr() as usize;
    assert_eq!(start(&array), start(&column) + 4);
}

#[test]
fn casts_keep_what_the_types_hold() {
    let cases: Vec<(DType, ArrayRef, Vec<f64>)> = vec![
        (F32, Arc::new(Float64Array::from(vec![0.5, 1e300])), vec![0.5, f64::INFINITY]),
        (F32, Arc::new(Int64Array::from(vec![16_777_217, -3])), vec![16_777_216.0, -3.0]),
        (
            F64,
            Arc::new(Decimal128Array::from(vec![1234, -5]).with_precision_and_scale(10, 2).unwrap()),
            vec![12.34, -0.05],
        ),
        (F64, Arc::new(BooleanArray::from(vec![true, false])), vec![1.0, 0.0]),
        (I64, Arc::new(TimestampMicrosecondArray::from(vec![1, -2]).with_timezone("UTC")), vec![1.0, -2.0]),
        (BF16, f32s(&[1.0, 1.003_906_3]), vec![1.0, 1.0]),
        (F16, Arc::new(Float64Array::from(vec![0.1, 65504.0])), vec![f64::from(half::f16::from_f64(0.1)), 65504.0]),
    ];
    for (to, column, expected) in cases {
        let from = column.data_type().clone();
        let model = free(port("x", to, &[0]), port("y", to, &[0]));
        let (array, _) = answer(&model, &[("x", column)], &options()).unwrap();
        let array = arrow_cast::cast(&array, &DataType::Float64).unwrap();
        assert_eq!(array.as_primitive::<Float64Type>().values(), &expected[..], "{from} as {to}");
    }
    let small = free(port("x", DType::I8, &[0]), port("y", DType::I8, &[0]));
    let e = answer(&small, &[("p", Arc::new(Int64Array::from(vec![1, 300])))], &options()).unwrap_err();
    assert!(e.to_string().starts_with("input 'x', column 'p': ") && e.to_string().contains("300"), "{e}");
}

#[test]
fn answers_have_the_form_of_the_output() {
    let item = |ty: DataType| Arc::new(Field::new_list_field(ty, false));
    let six = || vectors(6, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let nested = DataType::FixedSizeList(item(DataType::FixedSizeList(item(DataType::Float32), 3)), 2);
    let named =
        |names: [&str; 2]| DataType::Struct(names.map(|n| Field::new(n, DataType::Float32, true)).to_vec().into());
    let two = || vectors(2, &[1.0, 2.0]);
    let cases: Vec<(&str, P, P, ArrayRef, DataType)> = vec![
        ("one", port("x", F32, &[0, 1]), port("y", F32, &[0, 1]), f32s(&[1.0]), DataType::Float32),
        (
            "two",
            port("x", F32, &[0, 2]),
            port("y", F32, &[0, 2]),
            two(),
            DataType::FixedSizeList(item(DataType::Float32), 2),
        ),
        ("nested", port("x", F32, &[0, 2, 3]), port("y", F32, &[0, 2, 3]), six(), nested),
        ("open", port("x", F32, &[0, 0]), port("y", F32, &[0, 0]), two(), DataType::List(item(DataType::Float32))),
        (
            "labelled",
            port("x", F32, &[0, 2]),
            port("y", F32, &[0, 2]).labels(&["no", "yes"]),
            two(),
            named(["no", "yes"]),
        ),
        (
            "zipped",
            port("x", F32, &[0, 2]),
            port("y", F32, &[0, 0]).labels(&["7", "9"]).zipped(),
            two(),
            named(["7", "9"]),
        ),
        (
            "labels twice",
            port("x", F32, &[0, 2]),
            port("y", F32, &[0, 2]).labels(&["a", "a"]),
            two(),
            DataType::FixedSizeList(item(DataType::Float32), 2),
        ),
        (
            "text",
            port("x", Text, &[0]),
            port("y", Text, &[0]),
            Arc::new(StringArray::from(vec!["a"])),
            DataType::Utf8View,
        ),
        (
            "bool",
            port("x", Bool, &[0]),
            port("y", Bool, &[0]),
            Arc::new(BooleanArray::from(vec![true])),
            DataType::Boolean,
        ),
    ];
    for (name, x, y, column, ty) in cases {
        let model = free(x, y);
        let nothing = arrow_array::new_null_array(column.data_type(), 3);
        let mixed = arrow_select::concat::concat(&[&nothing, &column]).unwrap();
        for (nulls, given) in [(3, nothing), (3, mixed)] {
            let (array, stats) = answer(&model, &[("x", given)], &options()).unwrap();
            assert_eq!((array.null_count(), stats.null_rows), (nulls, nulls), "{name}");
        }
        let (array, _) = answer(&model, &[("x", column)], &options()).unwrap();
        assert_eq!(array.data_type(), &ty, "{name}");
        if name == "labelled" {
            assert_eq!(floats(array.as_struct().column(1)), [Some(2.0)]);
        }
        if name == "nested" {
            let values = array.as_fixed_size_list().values().as_fixed_size_list().values().clone();
            assert_eq!(floats(&values), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(Some));
        }
    }
    for output in [port("y", F32, &[]), port("y", DType::U4, &[0])] {
        let model = free(port("x", F32, &[0]), output);
        let e = answer(&model, &[("x", f32s(&[1.0]))], &options()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported, "{e}");
    }
}

#[test]
fn class_labels_are_a_dictionary_and_unforeseen_ones_are_added() {
    let model = free(port("x", Text, &[0]), port("y", Text, &[0]).labels(&["cat", "dog"]));
    let column: ArrayRef =
        Arc::new(StringViewArray::from(vec![Some("dog"), None, Some("emu"), Some("dog"), Some("cat")]));
    let (array, stats) = answer(&model, &[("x", column)], &options()).unwrap();
    let dictionary = array.as_dictionary::<Int32Type>();
    let values: Vec<_> = dictionary.values().as_string::<i32>().iter().flatten().collect();
    assert_eq!(values, ["cat", "dog", "emu"]);
    assert_eq!(dictionary.keys().iter().collect::<Vec<_>>(), [Some(1), None, Some(2), Some(1), Some(0)]);
    assert_eq!(stats.null_rows, 1);
    // Texts that no row has are no labels.
    let values: ArrayRef = Arc::new(StringArray::from(vec!["rhea", "dog", "cat"]));
    let column: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(vec![1, 2, 1]), values));
    let (array, _) = answer(&model, &[("x", column)], &options()).unwrap();
    let dictionary = array.as_dictionary::<Int32Type>();
    assert_eq!((dictionary.values().len(), &dictionary.keys().values()[..]), (2, &[1, 0, 1][..]));
}

#[test]
fn several_outputs_are_a_struct() {
    let ports = [port("a", F32, &[0]), port("b", I64, &[0, 1])];
    let model = echo(&ports, &[port("p", F32, &[0]), port("q", I64, &[0, 1])], rows(true, 0));
    let columns: Columns = vec![("a", f32s(&[1.0, 2.0])), ("b", Arc::new(Int64Array::from(vec![Some(5), None])))];
    let (array, _) = answer(&model, &columns, &options()).unwrap();
    let array = array.as_struct();
    assert_eq!(array.column_names(), ["p", "q"]);
    assert!(array.is_valid(0) && array.is_null(1), "a NULL anywhere makes the row's answer NULL");
    assert_eq!(array.column(1).as_primitive::<Int64Type>().value(0), 5);
}

#[test]
fn null_means_what_the_model_or_the_options_say() {
    let holes: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)]));
    let plain = free(port("x", F32, &[0]), port("y", F32, &[0]));
    let imputed = free(port("x", F32, &[0]).missing(), port("y", F32, &[0]));
    let nan = |a: &ArrayRef| floats(a).iter().map(|v| v.map(f32::is_nan)).collect::<Vec<_>>();
    let (hole, missing) = ([Some(false), None, Some(false)], [Some(false), Some(true), Some(false)]);
    let cases = [
        (&plain, Nulls::Auto, hole, 1),
        (&imputed, Nulls::Auto, missing, 0),
        (&plain, Nulls::Missing, missing, 0),
        (&imputed, Nulls::Null, hole, 1),
    ];
    for (model, nulls, expected, null_rows) in cases {
        let options = BindOptions { nulls, ..options() };
        let (array, stats) = answer(model, &[("p", holes.clone())], &options).unwrap();
        assert_eq!((nan(&array), stats.null_rows), (expected.to_vec(), null_rows), "{nulls:?}");
    }
    let strict = BindOptions { nulls: Nulls::Error, ..options() };
    let e = answer(&plain, &[("p", holes)], &strict).unwrap_err();
    assert_eq!(e.to_string(), "column 'p' of input 'x' is NULL in row 1");
    let (array, stats) = answer(&plain, &[("p", arrow_array::new_null_array(&DataType::Null, 3))], &options()).unwrap();
    assert_eq!(
        (array.null_count(), stats),
        (3, RowStats { rows: 3, null_rows: 3, ..RowStats::default() }),
        "nothing is run for nothing"
    );
}

#[test]
fn null_in_vectors_drops_the_row_or_is_missing() {
    let values = Float32Array::from(vec![Some(1.0), Some(2.0), None, Some(4.0), Some(5.0), Some(6.0)]);
    let field = Arc::new(Field::new_list_field(DataType::Float32, true));
    let column: ArrayRef =
        Arc::new(FixedSizeListArray::new(field, 2, Arc::new(values), Some(NullBuffer::from(vec![true, true, false]))));
    let model = |x: P| free(x, port("y", F32, &[0, 2]));
    let (array, stats) = answer(&model(port("x", F32, &[0, 2])), &[("x", column.clone())], &options()).unwrap();
    assert_eq!((0..3).map(|i| array.is_valid(i)).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(stats.null_rows, 2);
    let (array, stats) = answer(&model(port("x", F32, &[0, 2]).missing()), &[("x", column)], &options()).unwrap();
    assert_eq!(
        (0..3).map(|i| array.is_valid(i)).collect::<Vec<_>>(),
        [true, true, false],
        "a vector that is NULL is no row"
    );
    let row = floats(&array.as_fixed_size_list().value(1));
    assert!(row[0].is_some_and(f32::is_nan) && row[1] == Some(4.0));
    assert_eq!(stats.null_rows, 1);
}

#[test]
fn dictionaries_are_cast_by_value_and_text_is_coded() {
    let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(10.0), None, Some(30.0)]));
    let keys = Int8Array::from(vec![Some(2), Some(0), None, Some(1), Some(2)]);
    let column: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, numbers));
    let model = free(port("x", F32, &[0]), port("y", F32, &[0]));
    for part in [column.clone(), column.slice(0, 2)] {
        let (array, _) = answer(&model, &[("p", part.clone())], &options()).unwrap();
        assert_eq!(floats(&array), [Some(30.0), Some(10.0), None, None, Some(30.0)][..part.len()]);
    }

    let coded = free(port("x", F32, &[0, 2]).categories(1, &["red", "green"]), port("y", F32, &[0, 2]));
    let colours: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("green"), Some("red"), Some("blue"), None])),
        Arc::new(["green", "red", "blue"].into_iter().map(Some).chain([None]).collect::<DictionaryArray<Int32Type>>()),
    ];
    for colour in colours {
        let (array, stats) = answer(&coded, &[("n", f32s(&[9.0; 4])), ("colour", colour)], &options()).unwrap();
        let cells = floats(array.as_fixed_size_list().values());
        assert_eq!((cells[1], cells[3]), (Some(1.0), Some(0.0)));
        assert!(cells[5].is_some_and(f32::is_nan) && cells[7].is_some_and(f32::is_nan), "unknown and NULL are missing");
        assert_eq!(stats.null_rows, 0);
    }
    let columns: Columns = vec![("n", f32s(&[1.0])), ("colour", f32s(&[1.0]))];
    let refused = Binding::positional(coded.signature(), &fields(&columns), &options()).unwrap_err().to_string();
    assert!(refused.contains("takes one of the categories red, green"), "{refused}");

    let sizes = free(port("x", F32, &[0, 1]).categories(0, &["10", "2.5", "-0"]), port("y", F32, &[0, 1]));
    let given: ArrayRef = Arc::new(Float64Array::from(vec![Some(2.5), Some(10.0), Some(0.0), Some(7.0), None]));
    let (array, _) = answer(&sizes, &[("size", given)], &options()).unwrap();
    let cells = floats(&array);
    assert_eq!(cells[..3], [Some(1.0), Some(0.0), Some(2.0)]);
    assert!(cells[3].is_some_and(f32::is_nan) && cells[4].is_some_and(f32::is_nan), "unknown and NULL are missing");
}

/// The same texts behind a dictionary of this type of keys: every text twice, one that no row has, and one that is NULL.
fn behind<K: ArrowDictionaryKeyType>(texts: &StringArray, words: &[&str], null_value: bool) -> ArrayRef {
    let null = null_value.then_some(None);
    let values: StringArray = words.iter().chain(words).chain(&["of no row"]).copied().map(Some).chain(null).collect();
    let key = |(row, text): (usize, Option<&str>)| match text {
        Some(text) => {
            let at = words.iter().position(|word| *word == text).unwrap();
            Some(K::Native::from_usize(at + if row % 3 == 0 { words.len() } else { 0 }).unwrap())
        }
        None => (null_value && row % 2 == 0).then(|| K::Native::from_usize(values.len() - 1).unwrap()),
    };
    let keys: PrimitiveArray<K> = texts.iter().enumerate().map(key).collect();
    Arc::new(DictionaryArray::try_new(keys, Arc::new(values)).unwrap())
}

#[test]
fn texts_behind_dictionaries_are_those_of_plain_columns() {
    let words = ["red", "", "a colour that is longer than a view", "grün"];
    // Texts as they are; a number for each, from two columns that are a table, and from two that are apart.
    let label = |graph: &mut Graph, id: ValueId| {
        let node = graph.add_op("LabelEncoder").domain("ai.onnx.ml", 2).input(id, 0, 0);
        let keys = words[1..].iter().map(|word| (*word).into()).collect();
        let node = node.attribute("keys_strings", Attribute::Strings(keys));
        let node = node.attribute("values_floats", Attribute::Floats(vec![1.5, 2.5, 3.5])).finish().unwrap();
        graph.output_of(node, 0).unwrap()
    };
    let apart = [port("t", Text, &[0]), port("u", Text, &[0, 1])];
    let labelled = |inputs: &[P], shapes: &[&[usize]]| {
        let outputs: Vec<P> = ["y", "z"].iter().zip(shapes).map(|(name, shape)| port(name, F32, shape)).collect();
        session(inputs, &outputs, rows(true, 0), |graph, ids| ids.iter().map(|id| label(graph, *id)).collect())
    };
    let models = [
        echo(&apart, &apart, rows(true, 0)),
        labelled(&apart, &[&[0], &[0, 1]]),
        labelled(&[port("t", Text, &[0, 2])], &[&[0, 2]]),
    ];
    let mut batches = 0;
    for (rows, nulls) in [(40, false), (40, true), (3, true), (0, false)] {
        let text = |row: usize, by: usize| (!nulls || row % 5 != 1).then(|| words[row * by % 7 % 4]);
        let [t, u] = [3, 5].map(|by| (0..rows).map(|row| text(row, by)).collect::<StringArray>());
        let coded = |texts: &StringArray, kind: usize| match kind {
            0 => behind::<Int8Type>(texts, &words, false),
            1 => behind::<Int16Type>(texts, &words, nulls),
            2 => behind::<Int32Type>(texts, &words, false),
            3 => behind::<Int64Type>(texts, &words, nulls),
            4 => behind::<UInt8Type>(texts, &words, nulls),
            5 => behind::<UInt16Type>(texts, &words, false),
            6 => behind::<UInt32Type>(texts, &words, false),
            _ => behind::<UInt64Type>(texts, &words, nulls),
        };
        for model in &models {
            let plain: Columns = vec![("t", Arc::new(t.clone())), ("u", Arc::new(u.clone()))];
            for kind in 0..8 {
                let (first, second) = (coded(&t, kind), coded(&u, (kind + 1) % 8));
                for start in [0, rows / 3] {
                    let part = |array: &ArrayRef| array.slice(start, rows - start);
                    let plain: Columns = plain.iter().map(|(name, array)| (*name, part(array))).collect();
                    let columns: Columns = vec![("t", part(&first)), ("u", part(&second))];
                    let (expected, told) = answer(model, &plain, &options()).unwrap();
                    let (array, stats) = answer(model, &columns, &options()).unwrap();
                    assert_eq!(&array, &expected, "kind {kind}, rows from {start} of {rows}");
                    assert_eq!((stats.null_rows, stats.runs), (told.null_rows, told.runs));
                    // What was bound as plain texts may come behind a dictionary, and the other way round.
                    for (bound, given) in [(&plain, &columns), (&columns, &plain)] {
                        let binding = Binding::positional(model.signature(), &fields(bound), &options()).unwrap();
                        let (array, stats) = run(model, binding, given).unwrap();
                        assert_eq!(&array, &expected, "kind {kind} in another layout, rows from {start} of {rows}");
                        assert_eq!(stats.null_rows, told.null_rows);
                    }
                    batches += 1;
                }
            }
        }
    }
    assert_eq!(batches, 4 * 3 * 8 * 2);
}

#[test]
fn lists_of_several_lengths_are_grouped_and_come_back_in_order() {
    let model = session(&[port("x", F32, &[0, 0])], &[port("y", F32, &[0, 0])], rows(true, 0), |graph, ids| {
        let node = graph.add_op("Add").input(ids[0], 0, 0).input(ids[0], 0, 1).finish().unwrap();
        vec![graph.output_of(node, 0).unwrap()]
    });
    let cells: Vec<Option<f32>> = (0..8u8).map(|v| Some(f32::from(v))).collect();
    let given: [Option<&[Option<f32>]>; 8] = [
        Some(&cells[0..2]),
        Some(&cells[2..3]),
        None,
        Some(&[]),
        Some(&cells[3..5]),
        Some(&[Some(1.0), None]),
        Some(&cells[5..6]),
        Some(&cells[6..8]),
    ];
    let small = lists(&given);
    let large: LargeListArray =
        LargeListArray::from_iter_primitive::<Float32Type, _, _>(given.iter().map(|r| r.map(|v| v.to_vec())));
    let columns: [ArrayRef; 2] = [Arc::new(small), Arc::new(large)];
    for column in columns {
        for start in [0, 1, 4] {
            let part = column.slice(start, column.len() - start);
            let (array, stats) = answer(&model, &[("x", part)], &options()).unwrap();
            for (i, row) in given[start..].iter().enumerate() {
                let expected = row
                    .filter(|r| r.iter().all(Option::is_some))
                    .map(|r| r.iter().map(|v| v.map(|v| 2.0 * v)).collect::<Vec<_>>());
                let got = array.is_valid(i).then(|| floats(&array.as_list::<i32>().value(i)));
                assert_eq!(got, expected, "row {i} from {start}");
            }
            let nulls = given[start..].iter().filter(|r| r.is_none_or(|v| v.contains(&None))).count();
            assert_eq!(stats.null_rows, nulls);
            assert_eq!(stats.runs, if start == 4 { 2 } else { 3 }, "one run a shape");
        }
    }
    let dependent = echo(&[port("x", F32, &[0, 0])], &[port("y", F32, &[0, 0])], rows(false, 0));
    let e = answer(&dependent, &[("x", Arc::new(lists(&given)))], &options()).unwrap_err();
    assert!(e.to_string().contains("rows of 3 different shapes"), "{e}");
    let square = free(port("x", F32, &[0, 0, 2]), port("y", F32, &[0, 0, 2]));
    let e = answer(&square, &[("p", Arc::new(lists(&[None, Some(&cells[0..4]), Some(&cells[0..3])])))], &options())
        .unwrap_err();
    assert_eq!(e.to_string(), "input 'x' takes f32 rows of [d1, 2], and column 'p' has [3] in row 2");
}

#[test]
fn lists_of_lists_are_tensors_or_errors() {
    let inner = lists(&[Some(&[Some(1.0)]), Some(&[Some(2.0)]), Some(&[Some(3.0), Some(4.0)]), Some(&[Some(5.0)])]);
    let outer = |lengths: &[usize]| -> ArrayRef {
        let offsets = arrow_buffer::OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(
            Arc::new(Field::new_list_field(inner.data_type().clone(), true)),
            offsets,
            Arc::new(inner.clone()),
            None,
        ))
    };
    let model = free(port("x", F32, &[0, 0, 0]), port("y", F32, &[0, 0, 0]));
    let column = outer(&[2, 1, 0, 1]);
    let (array, stats) = answer(&model, &[("x", column.clone())], &options()).unwrap();
    assert_eq!(stats.runs, 4, "[2, 1], [1, 2], [0, 0] and [1, 1]");
    for i in 0..4 {
        assert_eq!(array.as_list::<i32>().value(i).len(), column.as_list::<i32>().value(i).len());
    }
    let second = array.as_list::<i32>().value(1);
    assert_eq!(floats(&second.as_list::<i32>().value(0)), [Some(3.0), Some(4.0)]);
    let e = answer(&model, &[("x", outer(&[1, 2, 1]))], &options()).unwrap_err();
    assert_eq!(e.to_string(), "column 'x', row 1: lists of 1 and of 2 in one row make no tensor");
}

#[test]
fn no_bit_depends_on_how_a_batch_is_cut() {
    let model = linear(port("x", F32, &[0, 3]), port("y", F32, &[0, 1]));
    let n = 1000usize;
    let column = |seed: f64| -> ArrayRef {
        Arc::new(
            (0..n).map(|i| (i % 13 != 5).then_some((i as f64 * 0.37 + seed) * 1.000_001)).collect::<Float64Array>(),
        )
    };
    let columns: Columns = vec![("a", column(0.1)), ("b", column(7.3)), ("c", column(-50.0))];
    let whole = answer(&model, &columns, &options()).unwrap();
    assert_eq!(whole.1.runs, 1);
    for rows_max in [1, 3, 64, 999, 100_000] {
        let options = BindOptions { rows_max: Some(rows_max), ..options() };
        let (array, stats) = answer(&model, &columns, &options).unwrap();
        assert_eq!(&array, &whole.0, "{rows_max} rows a run");
        assert_eq!(stats.runs, (n - stats.null_rows).div_ceil(rows_max));
    }
}

#[test]
fn plans_of_a_fixed_number_of_rows_run_filled_and_dependent_ones_whole() {
    let x = f32s(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let of = |fixed: usize, independent: bool| {
        echo(&[port("x", F32, &[fixed])], &[port("y", F32, &[fixed])], rows(independent, fixed as u64))
    };
    for (fixed, independent, runs) in [(1, true, 5), (1, false, 5), (2, true, 3), (8, true, 1), (0, false, 1)] {
        let (array, stats) = answer(&of(fixed, independent), &[("x", x.clone())], &options()).unwrap();
        assert_eq!((&array, stats.runs), (&x, runs), "{fixed} rows, independent: {independent}");
    }
    let e = answer(&of(2, false), &[("x", x.clone())], &options()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unsupported);
    assert!(e.to_string().contains("exactly 2 rows a run and they touch each other (as the test says)"), "{e}");
    let few = BindOptions { rows_max: Some(4), ..options() };
    assert_eq!(answer(&of(0, false), &[("x", x)], &few).unwrap_err().kind(), ErrorKind::Exhausted);
}

#[test]
fn empty_batches_wrong_arrays_and_cancelled_runs() {
    let model = linear(port("x", F32, &[0, 3]), port("y", F32, &[0, 1]));
    let empty: Columns = vec![("a", f32s(&[])), ("b", f32s(&[])), ("c", f32s(&[]))];
    assert_eq!(answer(&model, &empty, &options()).unwrap().1, RowStats::default());
    let binding = Binding::positional(model.signature(), &fields(&empty), &options()).unwrap();
    let session = RowSession::new(model.clone(), binding.clone()).unwrap();
    assert_eq!(session.rows_best(), 8_192);
    let one = f32s(&[1.0]);
    let wrong: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let cases = [
        (vec![one.clone(), one.clone()], 1, "2 arrays are given, the binding uses 3 columns"),
        (vec![one.clone(), wrong, one.clone()], 1, "column 'b' was bound as Float32 and is Int32"),
        (vec![one.clone(), one.clone(), one.clone()], 2, "column 'a' has 1 rows, the batch has 2"),
    ];
    for (arrays, rows, text) in cases {
        assert_eq!(session.run(&arrays, rows, &Control::default()).unwrap_err().to_string(), text);
    }
    let control = Control::default();
    control.cancel.cancel();
    let e = session.run(&[one.clone(), one.clone(), one], 1, &control).unwrap_err();
    assert!(matches!(e, crate::Error::Ops(Error::Cancelled)), "{e}");
    let other = free(port("x", F32, &[0]), port("y", F32, &[0]));
    assert!(RowSession::new(other, binding).unwrap_err().to_string().contains("made for another model"));
}

#[test]
fn wide_rows_make_small_runs() {
    let model = free(port("x", F32, &[0, 1 << 20]), port("y", F32, &[0, 1 << 20]));
    let columns = [super::field(
        "x",
        DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Float32, false)), 1 << 20),
    )];
    let binding = Binding::positional(model.signature(), &columns, &options()).unwrap();
    assert_eq!(RowSession::new(model, binding).unwrap().rows_best(), 16, "64 MiB of rows of 4 MiB");
}

#[test]
fn one_column_may_feed_two_inputs_by_name() {
    let model = echo(
        &[port("u", F64, &[0]).features(&["a"]), port("v", F32, &[0, 2]).features(&["b", "a"])],
        &[port("p", F64, &[0]), port("q", F32, &[0, 2])],
        rows(true, 0),
    );
    let columns: Columns = vec![("b", f32s(&[5.0])), ("a", f32s(&[7.0]))];
    let binding = Binding::named(model.signature(), &fields(&columns), &options()).unwrap();
    assert_eq!(binding.columns(), [0, 1]);
    let (array, _) = run(&model, binding, &columns).unwrap();
    assert_eq!(array.as_struct().column(0).as_primitive::<Float64Type>().value(0), 7.0);
    assert_eq!(floats(array.as_struct().column(1).as_fixed_size_list().values()), [Some(5.0), Some(7.0)]);
}
