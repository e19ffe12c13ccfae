//! Tables against computing: a model compiled with a table answers every batch with the bits of the same model without.
//!
//! Batches are drawn: columns of every type that binds, dictionaries, NULLs, values outside of the table, all orders. A run
//! draws the same ones every time; `HOLOGRAM_SEED` others, `HOLOGRAM_CASES` as many as it says, and a failure prints the
//! seed that starts with the failing batch.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its seed"
)]

use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    PrimitiveArray, RecordBatch, StringArray, StringViewArray, UInt8Array, UInt16Array, UInt64Array,
    cast::AsArray,
    types::{Float32Type, Float64Type, UInt64Type},
};
use arrow_schema::{DataType, Field, FieldRef};
use hologram_ops::{
    Attribute, DType, Dim, Tensor, Type,
    control::Control,
    graph::{Graph, ValueId},
};
use hologram_planner::{
    CompiledModel, Compiler, CompilerConfig, DomainSpec, Mode, Observer, OccurringValues, TableOptions,
};
use hologram_resolver::{
    Model, ModelOptions, Session,
    rows::{BindOptions, Binding, Casts, Nulls, RowSession, RowStats},
};
use hologram_store::Archive;
use std::sync::{Arc, Mutex};

/// Batches of a run that is not told how many, for each model.
const CASES: u64 = 400;

/// Bytes that hold all tables here.
const BUDGET: u64 = 64 << 20;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % n as u64) as usize
    }
    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn rows_of(dtype: DType, width: Option<usize>) -> Type {
    let dims = [Dim::symbol("n")].into_iter().chain(width.map(Dim::Known)).collect();
    Type::Tensor { dtype, shape: Some(dims) }
}

fn texts(list: &[&str]) -> Attribute {
    Attribute::Strings(list.iter().map(|s| (*s).into()).collect())
}

/// A graph with one node after another.
struct Wire(Graph);

impl Wire {
    fn add(&mut self, op: (&str, &str, u32), inputs: &[ValueId], attributes: Vec<(&str, Attribute)>) -> ValueId {
        let (domain, op, version) = op;
        let mut builder = self.0.add_op(op).domain(domain, version);
        for (i, input) in inputs.iter().enumerate() {
            builder = builder.input(*input, 0, i);
        }
        for (name, attribute) in attributes {
            builder = builder.attribute(name, attribute);
        }
        let node = builder.finish().unwrap();
        self.0.output_of(node, 0).unwrap()
    }

    fn constant(&mut self, name: &str, tensor: Tensor) -> ValueId {
        self.0.add_constant(name, tensor).unwrap()
    }
}

const ML: &str = "ai.onnx.ml";

/// Categories as text and as numbers, a flag and a level: what the encoders know is what the table has.
fn encoders() -> Graph {
    let mut g = Wire(Graph::new("encoders"));
    let plan = g.0.add_input("plan", rows_of(DType::String, None)).unwrap();
    let region = g.0.add_input("region", rows_of(DType::I64, None)).unwrap();
    let flag = g.0.add_input("flag", rows_of(DType::Bool, None)).unwrap();
    let level = g.0.add_input("level", rows_of(DType::F32, None)).unwrap();
    let keys = vec![
        ("keys_strings", texts(&["basic", "plus", "", "pro é"])),
        ("values_floats", Attribute::Floats(vec![0.25, 1.5, -3.0, 7.125])),
        ("default_float", Attribute::Float(f32::NAN)),
    ];
    let plan = g.add((ML, "LabelEncoder", 2), &[plan], keys);
    let list = g.constant("list", Tensor::from_vec([5], vec![1.0_f32, -2.0, 3.5, 0.1, f32::INFINITY]).unwrap());
    let region = g.add(("", "Gather", 13), &[list, region], Vec::new());
    let flag = g.add(("", "Cast", 13), &[flag], vec![("to", Attribute::Int(1))]);
    let sum = g.add(("", "Add", 14), &[plan, region], Vec::new());
    let sum = g.add(("", "Add", 14), &[sum, flag], Vec::new());
    let sum = g.add(("", "Mul", 14), &[sum, level], Vec::new());
    let root = g.add(("", "Tanh", 13), &[sum], Vec::new());
    g.0.add_output("sum", sum);
    g.0.add_output("root", root);
    g.0
}

/// A forest with few thresholds; the third feature is never asked for.
fn forest() -> Graph {
    let mut g = Wire(Graph::new("forest"));
    let x = g.0.add_input("x", rows_of(DType::F32, Some(4))).unwrap();
    let ints = |list: &[i64]| Attribute::Ints(list.to_vec());
    let attributes = vec![
        ("nodes_treeids", ints(&[0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2])),
        ("nodes_nodeids", ints(&[0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2])),
        ("nodes_featureids", ints(&[0, 0, 0, 1, 0, 3, 0, 0, 1, 0, 0])),
        (
            "nodes_modes",
            texts(&[
                "BRANCH_LEQ",
                "LEAF",
                "LEAF",
                "BRANCH_LT",
                "LEAF",
                "BRANCH_EQ",
                "LEAF",
                "LEAF",
                "BRANCH_GT",
                "LEAF",
                "LEAF",
            ]),
        ),
        ("nodes_values", Attribute::Floats(vec![0.1, 0.0, 0.0, 2.0, 0.0, 3.0, 0.0, 0.0, -1e-40, 0.0, 0.0])),
        ("nodes_truenodeids", ints(&[1, 0, 0, 2, 0, 1, 0, 0, 1, 0, 0])),
        ("nodes_falsenodeids", ints(&[3, 0, 0, 4, 0, 2, 0, 0, 2, 0, 0])),
        ("nodes_missing_value_tracks_true", ints(&[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])),
        ("target_treeids", ints(&[0, 0, 0, 1, 1, 2, 2])),
        ("target_nodeids", ints(&[1, 2, 4, 1, 2, 1, 2])),
        ("target_ids", ints(&[0, 0, 0, 0, 0, 0, 0])),
        ("target_weights", Attribute::Floats(vec![0.1, 0.2, 0.3, 1e-3, -7.7, 0.7, 1e6])),
        ("n_targets", Attribute::Int(1)),
    ];
    let y = g.add((ML, "TreeEnsembleRegressor", 3), &[x], attributes);
    g.0.add_output("y", y);
    g.0
}

/// A dense layer with names for its answers; its space is declared.
fn dense() -> Graph {
    let mut g = Wire(Graph::new("dense"));
    let x = g.0.add_input("x", rows_of(DType::F64, Some(2))).unwrap();
    let small = g.0.add_input("small", rows_of(DType::I8, Some(1))).unwrap();
    let small = g.add(("", "Cast", 13), &[small], vec![("to", Attribute::Int(11))]);
    let all = g.add(("", "Concat", 13), &[x, small], vec![("axis", Attribute::Int(1))]);
    let weights: Vec<f64> = (0..9).map(|i| (f64::from(i) - 4.0) / 3.0).collect();
    let weights = g.constant("weights", Tensor::from_vec([3, 3], weights).unwrap());
    let scores = g.add(("", "MatMul", 13), &[all, weights], Vec::new());
    let soft = g.add(("", "Softmax", 13), &[scores], vec![("axis", Attribute::Int(1))]);
    let best = g.add(("", "ArgMax", 13), &[scores], vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))]);
    let names =
        vec![("keys_int64s", Attribute::Ints(vec![0, 1, 2])), ("values_strings", texts(&["low", "middle", "high"]))];
    let label = g.add((ML, "LabelEncoder", 2), &[best], names);
    g.0.add_output("label", label);
    g.0.add_output("scores", soft);
    g.0
}

fn compile(graph: &Graph, mode: Mode, domains: &[&str]) -> Session {
    opened(graph, TableOptions { mode, ..TableOptions::default() }, domains)
}

/// The same with a table that rows fill, of so many bytes at most.
fn on_demand(graph: &Graph, memory_budget: u64, domains: &[&str]) -> Session {
    let options = TableOptions { mode: Mode::Table, on_demand: true, memory_budget, ..TableOptions::default() };
    opened(graph, options, domains)
}

fn opened(graph: &Graph, options: TableOptions, domains: &[&str]) -> Session {
    let domains: Vec<DomainSpec> = domains.iter().map(|text| text.parse().unwrap()).collect();
    let tables = TableOptions { domains, ..options };
    let config = CompilerConfig { tables, ..CompilerConfig::default() };
    let bytes = Compiler::new(config).compile_graph(graph.clone()).unwrap().to_bytes().unwrap();
    let archive = Archive::from_buffer(bytes.into()).unwrap();
    Model::open(archive, &ModelOptions::default()).unwrap().session(None).unwrap()
}

/// Some rows of texts.
fn text_column(draw: &mut Draw, rows: usize, values: &[&str]) -> ArrayRef {
    let has_nulls = draw.below(3) == 0;
    let list: Vec<Option<&str>> =
        (0..rows).map(|_| (!has_nulls || draw.below(5) > 0).then(|| draw.of(values))).collect();
    match draw.below(4) {
        0 => Arc::new(StringArray::from(list)),
        1 => Arc::new(StringViewArray::from(list)),
        _ => {
            let plain: ArrayRef = Arc::new(StringArray::from(list));
            dictionary(draw, plain)
        }
    }
}

/// The same values by a dictionary that is in another order and has some twice, or NULL.
fn dictionary(draw: &mut Draw, plain: ArrayRef) -> ArrayRef {
    let rows = plain.len();
    let order: UInt64Array = (0..rows + 1).map(|_| (rows > 0).then(|| draw.below(rows) as u64)).collect();
    let more = arrow_select::take::take(&plain, &order, None).unwrap();
    let values = arrow_select::concat::concat(&[more.as_ref(), plain.as_ref()]).unwrap();
    let (shift, has_holes) = (order.len() as u64, draw.below(2) == 0);
    let keys: PrimitiveArray<UInt64Type> =
        (0..rows as u64).map(|row| (!has_holes || draw.below(6) > 0).then_some(row + shift)).collect();
    Arc::new(DictionaryArray::new(keys, values))
}

/// Some rows of numbers of a type that is drawn.
fn number_column(draw: &mut Draw, rows: usize, values: &[f64]) -> ArrayRef {
    let has_nulls = draw.below(3) == 0;
    let list: Vec<Option<f64>> =
        (0..rows).map(|_| (!has_nulls || draw.below(5) > 0).then(|| draw.of(values))).collect();
    let list = list.into_iter();
    let array: ArrayRef = match draw.below(9) {
        0 => Arc::new(list.map(|x| x.map(|x| x as i8)).collect::<Int8Array>()),
        1 => Arc::new(list.map(|x| x.map(|x| x as u8)).collect::<UInt8Array>()),
        2 => Arc::new(list.map(|x| x.map(|x| x as i32)).collect::<Int32Array>()),
        3 => Arc::new(list.map(|x| x.map(|x| x as i64)).collect::<Int64Array>()),
        4 => Arc::new(list.map(|x| x.map(|x| x as u16)).collect::<UInt16Array>()),
        5 => Arc::new(list.map(|x| x.map(|x| x as u64)).collect::<UInt64Array>()),
        6 => Arc::new(list.collect::<Float64Array>()),
        _ => Arc::new(list.map(|x| x.map(|x| x as f32)).collect::<Float32Array>()),
    };
    if draw.below(4) == 0 { dictionary(draw, array) } else { array }
}

/// The binding of a batch's columns by position.
fn bound(session: &Session, columns: &[(&str, ArrayRef)], options: &BindOptions) -> Result<Binding, String> {
    let fields: Vec<FieldRef> = columns
        .iter()
        .map(|(name, array)| Arc::new(Field::new(*name, array.data_type().clone(), true)) as FieldRef)
        .collect();
    Binding::positional(session.signature(), &fields, options).map_err(|e| e.to_string())
}

/// Answers a batch; the error in words.
fn once(
    session: &Session,
    columns: &[(&str, ArrayRef)],
    options: &BindOptions,
) -> Result<(ArrayRef, RowStats), String> {
    let binding = bound(session, columns, options)?;
    let used: Vec<ArrayRef> = binding.columns().iter().map(|i| columns[*i].1.clone()).collect();
    let rows_session = RowSession::new(session.clone(), binding).map_err(|e| e.to_string())?;
    rows_session.run(&used, columns[0].1.len(), &Control::default()).map_err(|e| e.to_string())
}

/// Answers a batch twice, and with its texts in other layouts than they were bound in, which must be the same.
fn answer(
    session: &Session,
    columns: &[(&str, ArrayRef)],
    options: &BindOptions,
) -> Result<(ArrayRef, RowStats), String> {
    let first = once(session, columns, options)?;
    assert_same(&first.0, &once(session, columns, options)?.0, "the second time");
    let other: Vec<(&str, ArrayRef)> = columns.iter().map(|(name, array)| (*name, in_other_layout(array))).collect();
    let binding = bound(session, columns, options)?;
    let used: Vec<ArrayRef> = binding.columns().iter().map(|i| other[*i].1.clone()).collect();
    let again = RowSession::new(session.clone(), binding).map_err(|e| e.to_string())?;
    let again = again.run(&used, columns[0].1.len(), &Control::default()).map_err(|e| e.to_string())?;
    assert_same(&first.0, &again.0, "in another layout");
    assert_eq!(first.1.missed, again.1.missed, "in another layout");
    Ok(first)
}

/// Texts behind a dictionary where they are plain, and plain where they are behind one; others as they are.
fn in_other_layout(array: &ArrayRef) -> ArrayRef {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    match array.data_type() {
        DataType::Utf8 | DataType::Utf8View => arrow_cast::cast(array, &dictionary).unwrap(),
        DataType::Dictionary(_, values) if values.is_string() => arrow_cast::cast(array, values).unwrap(),
        _ => array.clone(),
    }
}

/// Equal values, floats by their bits; all NaNs are one, as they are for the table.
fn assert_same(a: &ArrayRef, b: &ArrayRef, what: &str) {
    assert_eq!(a.data_type(), b.data_type(), "{what}");
    a.to_data().validate_full().unwrap();
    let (a, b) = (cells(a), cells(b));
    for (row, (x, y)) in a.iter().zip(&b).enumerate() {
        assert_eq!(x, y, "{what}, row {row}");
    }
    assert_eq!(a.len(), b.len(), "{what}");
}

/// Each row in words that differ where a bit differs.
fn cells(array: &ArrayRef) -> Vec<String> {
    let text = |x: Option<&str>| format!("{:?}", x.unwrap_or_default());
    let mut list: Vec<String> = match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values().iter();
            values.map(|x| if x.is_nan() { "NaN".into() } else { format!("{:08x}", x.to_bits()) }).collect()
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values().iter();
            values.map(|x| if x.is_nan() { "NaN".into() } else { format!("{:016x}", x.to_bits()) }).collect()
        }
        DataType::FixedSizeList(_, _) => {
            (0..array.len()).map(|i| cells(&array.as_fixed_size_list().value(i)).join(" ")).collect()
        }
        DataType::Struct(_) => {
            let columns: Vec<Vec<String>> = array.as_struct().columns().iter().map(cells).collect();
            (0..array.len()).map(|i| columns.iter().map(|c| c[i].as_str()).collect::<Vec<_>>().join("|")).collect()
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let values = cells(dictionary.values());
            let keys = dictionary.keys().as_any().downcast_ref::<Int32Array>().unwrap().values();
            keys.iter().map(|key| values.get(*key as usize).cloned().unwrap_or_default()).collect()
        }
        DataType::Utf8 => array.as_string::<i32>().iter().map(text).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(text).collect(),
        other => unreachable!("answers of {other}"),
    };
    list.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row)).for_each(|(_, cell)| *cell = "NULL".into());
    list
}

/// The columns of a batch.
type Columns = Vec<(&'static str, ArrayRef)>;

/// Asks all sessions the same batches: one with a table, one whose table is filled on demand, one without. Gives the number
/// of rows that were computed though there is a table.
fn compare(name: &str, [table, demand, exact]: [&Session; 3], batch: impl Fn(&mut Draw, usize) -> Columns) -> usize {
    assert!(table.table().is_some() && exact.table().is_none(), "{name}");
    let blocks = demand.table().unwrap().blocks().unwrap();
    assert_eq!(blocks.filled(), 0, "{name}");
    let seed = number("HOLOGRAM_SEED").unwrap_or(1);
    let cases = number("HOLOGRAM_CASES").unwrap_or(CASES);
    let (mut answered, mut looked_up, mut missed) = (0, 0, 0);
    for own in (0..cases).map(|case| seed.wrapping_add(case)) {
        let mut draw = Draw(own);
        let rows = draw.of(&[0, 1, 2, 7, 64, 300, 9_000]).min(if own % 50 == 0 { 9_000 } else { 300 });
        let columns = batch(&mut draw, rows);
        let offset = if rows > 3 { draw.below(3) } else { 0 };
        let columns: Columns = columns.into_iter().map(|(n, a)| (n, a.slice(offset, rows - offset))).collect();
        let nulls = draw.of(&[Nulls::Auto, Nulls::Auto, Nulls::Missing, Nulls::Null, Nulls::Error]);
        let options = BindOptions { nulls, casts: Casts::Lenient, rows_max: draw.of(&[None, Some(5)]) };
        let what = format!("{name}, HOLOGRAM_SEED={own}");
        let asked = answer(demand, &columns, &options);
        let found = answer(table, &columns, &options);
        match (&asked, &found) {
            (Ok((asked, stats)), Ok((found, filled))) => {
                assert_same(asked, found, &what);
                assert_eq!(stats.looked_up + stats.unfilled, filled.looked_up, "{what}");
                assert_eq!((stats.missed, stats.null_rows), (filled.missed, filled.null_rows), "{what}");
            }
            (asked, found) => assert_eq!(asked.is_err(), found.is_err(), "{what}"),
        }
        match (found, answer(exact, &columns, &options)) {
            (Ok((found, stats)), Ok((computed, plain))) => {
                assert_same(&found, &computed, &what);
                assert_eq!(stats.looked_up + stats.missed + stats.null_rows, stats.rows, "{what}: {stats:?}");
                assert_eq!((stats.rows, stats.null_rows), (plain.rows, plain.null_rows), "{what}");
                answered += 1;
                looked_up += stats.looked_up;
                missed += stats.missed;
            }
            (Err(found), Err(computed)) => assert_eq!(found, computed, "{what}"),
            (found, computed) => panic!("{what}: {found:?} with the table, {computed:?} without"),
        }
    }
    assert_eq!(blocks.filled(), demand.table().unwrap().entries(), "{name}: all is filled in the end");
    println!("{name}: {answered} of {cases} batches, {looked_up} rows looked up, {missed} computed");
    assert!(cases < CASES || answered > cases / 3 && looked_up > 1_000, "{name}: too little is compared");
    missed
}

#[test]
fn encoders_answer_from_their_lists() {
    let graph = encoders();
    let table = compile(&graph, Mode::Table, &["level=-1,0,0.5,NaN"]);
    assert_eq!(table.table().unwrap().entries(), 4 * 5 * 2 * 4);
    let demand = on_demand(&graph, BUDGET, &["level=-1,0,0.5,NaN"]);
    let missed = compare("encoders", [&table, &demand, &compile(&graph, Mode::Exact, &[])], |draw, rows| {
        let words: &[&str] =
            draw.of(&[&["basic", "plus", "", "pro é"], &["basic", "plus", "", "pro é", "Basic", "enterprise"]]);
        let regions: &[f64] = draw.of(&[&[0.0, 1.0, 4.0], &[-1.0, 2.0, 3.0], &[0.0, 1.0, 7.0]]);
        let flags: ArrayRef =
            Arc::new((0..rows).map(|_| draw.of(&[Some(true), Some(false), Some(true)])).collect::<BooleanArray>());
        let levels: &[f64] = draw.of(&[&[-1.0, 0.0, 0.5, f64::NAN], &[-1.0, -0.0, 0.0, 0.25, 1e300]]);
        vec![
            ("plan", text_column(draw, rows, words)),
            ("region", number_column(draw, rows, regions)),
            ("flag", flags),
            ("level", number_column(draw, rows, levels)),
        ]
    });
    assert!(missed > 0, "some rows lie outside");
}

#[test]
fn forests_answer_from_the_ranges_between_their_thresholds() {
    let graph = forest();
    let table = compile(&graph, Mode::Auto, &[]);
    let edges = [0.1_f32.next_down(), 0.1, 0.1_f32.next_up(), 2.0_f32.next_down(), 2.0, 3.0, 3.0_f32.next_up()];
    let more = [0.0, -0.0, 1e-45, -1e-45, -1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, 1e30, -5.0];
    let mut values: Vec<f64> = edges.iter().chain(&more).map(|x| f64::from(*x)).collect();
    // Numbers that lie on one side of a threshold in f64, and on it once they are rounded.
    values.extend([f64::from(0.1_f32).next_up(), 2.0_f64.next_down(), 1e300, 3.0_f64.next_up(), -1e-320]);
    let exact = compile(&graph, Mode::Exact, &[]);
    let missed = compare("forest", [&table, &on_demand(&graph, BUDGET, &[]), &exact], |draw, rows| {
        ["a", "b", "c", "d"].map(|name| (name, number_column(draw, rows, &values))).into()
    });
    assert_eq!(missed, 0, "every number has a range");
}

#[test]
fn numbers_that_round_onto_a_threshold_or_a_value_are_on_its_side() {
    let mut g = Wire(Graph::new("wide"));
    let x = g.0.add_input("x", rows_of(DType::F32, Some(1))).unwrap();
    let ints = |list: &[i64]| Attribute::Ints(list.to_vec());
    let attributes = vec![
        ("nodes_treeids", ints(&[0, 0, 0])),
        ("nodes_nodeids", ints(&[0, 1, 2])),
        ("nodes_featureids", ints(&[0, 0, 0])),
        ("nodes_modes", texts(&["BRANCH_LEQ", "LEAF", "LEAF"])),
        ("nodes_values", Attribute::Floats(vec![20_000_000.0, 0.0, 0.0])),
        ("nodes_truenodeids", ints(&[1, 0, 0])),
        ("nodes_falsenodeids", ints(&[2, 0, 0])),
        ("target_treeids", ints(&[0, 0])),
        ("target_nodeids", ints(&[1, 2])),
        ("target_ids", ints(&[0, 0])),
        ("target_weights", Attribute::Floats(vec![1.0, 2.0])),
        ("n_targets", Attribute::Int(1)),
    ];
    let y = g.add((ML, "TreeEnsembleRegressor", 3), &[x], attributes);
    g.0.add_output("y", y);
    let exact = compile(&g.0, Mode::Exact, &[]);
    let declared = ["x=16777216,-16777216,20000000", "x=-20000000,3"];
    let tables = [compile(&g.0, Mode::Auto, &[])].into_iter().chain(declared.map(|d| compile(&g.0, Mode::Table, &[d])));
    let near = |x: i64| (x - 6..=x + 6).chain([x * 4, -x * 4]);
    let values: Vec<i64> = [16_777_216, -16_777_216, 20_000_000, -20_000_000, 3].into_iter().flat_map(near).collect();
    for table in tables {
        let narrow: Int32Array = values.iter().map(|x| *x as i32).collect();
        let columns: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(values.clone())),
            Arc::new(narrow),
            Arc::new(values.iter().map(|x| *x as f64).collect::<Float64Array>()),
        ];
        for column in columns {
            let columns = [("x", column)];
            let (found, _) = answer(&table, &columns, &BindOptions::default()).unwrap();
            let (computed, _) = answer(&exact, &columns, &BindOptions::default()).unwrap();
            assert_same(&found, &computed, "rounded");
        }
    }
}

#[test]
fn declared_values_are_looked_up_and_others_computed() {
    let graph = dense();
    let domains = ["x[0]=0..9", "x[1]=-0.5,0.1,1e300", "small=-3..3"];
    let table = compile(&graph, Mode::Table, &domains);
    assert_eq!(table.table().unwrap().entries(), 10 * 3 * 7);
    let demand = on_demand(&graph, BUDGET, &domains);
    let missed = compare("dense", [&table, &demand, &compile(&graph, Mode::Exact, &[])], |draw, rows| {
        let first: &[f64] = draw.of(&[&[0.0, 3.0, 9.0], &[0.0, 5.0, 10.0, -1.0, 2.5]]);
        let second: &[f64] = draw.of(&[&[-0.5, 0.1, 1e300], &[-0.5, 0.1, 0.0]]);
        let third: &[f64] = draw.of(&[&[-3.0, 0.0, 3.0], &[-4.0, 1.0, 100.0]]);
        vec![
            ("a", number_column(draw, rows, first)),
            ("b", number_column(draw, rows, second)),
            ("c", number_column(draw, rows, third)),
        ]
    });
    assert!(missed > 0, "some rows lie outside");
}

/// What a compilation decided about the table, or the error.
fn decided(graph: Graph, mode: Mode, memory_budget: u64, domains: &[&str]) -> Result<String, String> {
    let domains = domains.iter().map(|text| text.parse().unwrap()).collect();
    let tables = TableOptions { mode, memory_budget, domains, ..TableOptions::default() };
    let config = CompilerConfig { tables, ..CompilerConfig::default() };
    let model = Compiler::new(config).compile_graph(graph).map_err(|e| e.to_string())?;
    let entry = &model.entries[0];
    assert_eq!(entry.table.is_some(), entry.decisions.iter().any(|d| d.starts_with("table: ")));
    Ok(entry.decisions.join("; "))
}

#[test]
fn what_stands_in_the_way_of_a_table_is_said() {
    let all = ["x[0]=0..9", "x[1]=0..9", "small=0..9"];
    assert_eq!(decided(dense(), Mode::Exact, BUDGET, &[]).unwrap(), "");
    let unknown = "the values of x[0], x[1] are not known; --domain NAME=VALUES declares them, --domains-of FILE takes those that occur";
    assert_eq!(decided(dense(), Mode::Auto, BUDGET, &[]).unwrap(), format!("no table: {unknown}"));
    assert!(decided(dense(), Mode::Table, BUDGET, &[]).unwrap_err().ends_with(unknown));
    let kept = "table: 1000 entries, 40000 bytes, 1000 of them computed again and equal";
    assert_eq!(decided(dense(), Mode::Auto, BUDGET, &all).unwrap(), kept);
    let over = "its 1000 entries would take 40000 bytes, and the budget has 39999; --memory-budget gives more, --fill-on-demand fills what rows ask for";
    assert!(decided(dense(), Mode::Table, 39_999, &all).unwrap_err().ends_with(over));
    assert_eq!(decided(dense(), Mode::Auto, 39_999, &all).unwrap(), format!("no table: {over}"));
    let large = ["x[0]=0..9999", "x[1]=0..9999", "small=-128..127"];
    let much = decided(dense(), Mode::Auto, BUDGET, &large).unwrap();
    assert_eq!(much, "no table: it would have about 10^10.4 entries, and fewer than 2147483648 fit");
    let wrong = decided(dense(), Mode::Auto, BUDGET, &["y=1"]).unwrap_err();
    assert!(wrong.ends_with("a domain is declared for 'y', and the columns are x[0], x[1], small"), "{wrong}");
    let wrong = decided(dense(), Mode::Auto, BUDGET, &["small=1,1000"]).unwrap_err();
    assert!(wrong.contains("domain of 'small'") && wrong.contains("'1000' is no value of i8"), "{wrong}");
    let wrong = decided(dense(), Mode::Table, BUDGET, &["x[0]=1,1", "x[1]=0", "small=0"]).unwrap_err();
    assert!(wrong.contains("list each once"), "{wrong}");

    let wrong =
        decided(dense(), Mode::Auto, BUDGET, &["small=-170141183460469231731687303715884105728..1"]).unwrap_err();
    assert!(wrong.contains("is no range"), "{wrong}");

    // Texts that are longer than those of the first run.
    let count = 40_000;
    let words: Vec<String> = (0..count).map(|i| if i < 30_000 { "short".into() } else { "long".repeat(20) }).collect();
    let mut g = Wire(Graph::new("words"));
    let x = g.0.add_input("x", rows_of(DType::I64, None)).unwrap();
    let keys = vec![
        ("keys_int64s", Attribute::Ints((0..count).collect())),
        ("values_strings", texts(&words.iter().map(String::as_str).collect::<Vec<_>>())),
    ];
    let y = g.add((ML, "LabelEncoder", 2), &[x], keys);
    g.0.add_output("y", y);
    let whole = decided(g.0.clone(), Mode::Table, BUDGET, &[]).unwrap();
    let bytes: u64 = whole.split(", ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(bytes > 16 * count as u64, "{whole}");
    assert!(decided(g.0.clone(), Mode::Table, bytes, &[]).is_ok());
    let over = decided(g.0, Mode::Table, bytes - 1, &[]).unwrap_err();
    assert!(over.contains(&format!("would take {bytes} bytes")), "{over}");

    let mut g = Wire(Graph::new("wide"));
    let x = g.0.add_input("x", rows_of(DType::Bool, Some(1 << 20))).unwrap();
    let y = g.add(("", "Not", 1), &[x], Vec::new());
    g.0.add_output("y", y);
    assert!(decided(g.0, Mode::Auto, BUDGET, &[]).unwrap().contains("too many elements"));

    let mut g = Wire(Graph::new("sums"));
    let x = g.0.add_input("x", rows_of(DType::Bool, None)).unwrap();
    let x = g.add(("", "Cast", 13), &[x], vec![("to", Attribute::Int(1))]);
    let y = g.add(("", "CumSum", 14), &[x], Vec::new());
    g.0.add_output("y", y);
    let dependent = decided(g.0, Mode::Table, BUDGET, &[]);
    assert!(dependent.unwrap_err().contains("rows depend on each other"));

    let mut g = Wire(Graph::new("noise"));
    let x = g.0.add_input("x", rows_of(DType::Bool, None)).unwrap();
    let x = g.add(("", "Cast", 13), &[x], vec![("to", Attribute::Int(1))]);
    let noise = g.add(("", "RandomUniformLike", 1), &[x], Vec::new());
    let y = g.add(("", "Add", 14), &[x, noise], Vec::new());
    g.0.add_output("y", y);
    let noisy = decided(g.0, Mode::Auto, BUDGET, &[]).unwrap();
    assert!(noisy.contains("random numbers") || noisy.contains("depend on each other"), "{noisy}");
}

#[test]
fn filling_tells_how_far_it_is_and_is_the_same_every_time() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let compile = || {
        let keep = told.clone();
        let tables = TableOptions {
            mode: Mode::Table,
            domains: ["x[0]=0..99", "x[1]=0..49", "small=0..9"].map(|text| text.parse().unwrap()).into(),
            observer: Observer::new(move |progress| keep.lock().unwrap().push(progress)),
            ..TableOptions::default()
        };
        let config = CompilerConfig { tables, ..CompilerConfig::default() };
        Compiler::new(config).compile_graph(dense()).unwrap()
    };
    let model = compile();
    let report = model.entries[0].table.as_ref().unwrap().report;
    assert_eq!((report.entries, report.checked), (50_000, 1_000));
    assert!(report.seconds_estimated > 0.0 && report.seconds > 0.0);
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(told.len() > 1 && told.iter().all(|p| p.entries == 50_000 && p.done <= p.entries));
    assert_eq!((told[0].bytes, told[0].seconds_left), (report.bytes, report.seconds_estimated));
    assert!(model.to_bytes().unwrap() == compile().to_bytes().unwrap(), "the archive is the same");
}

/// A batch of the dense model over 100 x 50 x 10 entries: as many rows of each entry in a range as asked for, in no order.
fn entries_batch(entries: std::ops::Range<usize>, each: usize) -> Columns {
    let mut draw = Draw(7);
    let mut all: Vec<usize> = entries.flat_map(|entry| std::iter::repeat_n(entry, each)).collect();
    (1..all.len()).for_each(|i| all.swap(i, draw.below(i + 1)));
    let column = |value: fn(usize) -> f64| -> ArrayRef {
        Arc::new(all.iter().map(|entry| value(*entry)).collect::<Float64Array>())
    };
    vec![
        ("a", column(|e| (e / 500) as f64)),
        ("b", column(|e| (e / 10 % 50) as f64)),
        ("c", column(|e| (e % 10) as f64)),
    ]
}

#[test]
fn blocks_are_filled_once_as_many_rows_were_computed_as_they_have_entries() {
    const DOMAINS: [&str; 3] = ["x[0]=0..99", "x[1]=0..49", "small=0..9"];
    let exact = compile(&dense(), Mode::Exact, &[]);
    let demand = on_demand(&dense(), BUDGET, &DOMAINS);
    let table = demand.table().unwrap();
    assert_eq!((table.entries(), table.answer_bytes()), (50_000, 0));
    let blocks = table.blocks().unwrap();
    let options = BindOptions::default();
    let ask = |session: &Session, columns: &Columns| {
        let (found, stats) = once(session, columns, &options).unwrap();
        assert_same(&found, &once(&exact, columns, &options).unwrap().0, "blocks");
        (stats.looked_up, stats.unfilled)
    };
    // The second block, bit by bit.
    assert_eq!(ask(&demand, &entries_batch(4_096..8_191, 1)), (0, 4_095));
    assert_eq!(blocks.filled(), 0);
    assert_eq!(ask(&demand, &entries_batch(5_000..5_001, 1)), (1, 0), "this row is the last that is needed");
    assert_eq!((blocks.filled(), table.answer_bytes() > 0), (4_096, true));
    assert_eq!(ask(&demand, &entries_batch(4_000..8_200, 1)), (4_096, 104));
    // The last block is a short one: 50,000 = 12 x 4,096 + 848. A batch that asks for all of it computes none by itself.
    assert_eq!(ask(&demand, &entries_batch(49_152..50_000, 1)), (848, 0));
    assert_eq!(blocks.filled(), 4_096 + 848);
    // Another session of the model has the same blocks, and no condition is asked of a part of a table.
    let session = demand.model().session(None).unwrap();
    assert_eq!(ask(&session, &entries_batch(7_000..7_001, 3)), (3, 0));
    let whole = |session: &Session| {
        let columns = entries_batch(0..1, 1);
        let binding = bound(session, &columns, &options).unwrap();
        RowSession::new(session.clone(), binding).unwrap().table_answers().map(Array::len)
    };
    assert_eq!(whole(&demand), None);
    // Many threads ask for all of it.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (ask, demand) = (&ask, &demand);
            scope.spawn(move || {
                for part in 0..25 {
                    let from = (part + thread * 6) % 25 * 2_000;
                    ask(demand, &entries_batch(from..from + 2_000, 2));
                }
            });
        }
    });
    assert_eq!((blocks.filled(), whole(&demand)), (50_000, Some(50_000)));
    let filled = compile(&dense(), Mode::Table, &DOMAINS);
    assert_eq!(ask(&demand, &entries_batch(0..50_000, 1)), (50_000, 0));
    assert_eq!(filled.table().unwrap().blocks().map(|_| ()), None);

    // A budget for two blocks and the short one is kept to, and what does not fit is computed.
    let bytes = table.answer_bytes() / 50_000 * 4_096 * 5 / 2;
    let small = on_demand(&dense(), bytes, &DOMAINS);
    for _ in 0..3 {
        ask(&small, &entries_batch(0..50_000, 1));
    }
    let blocks = small.table().unwrap().blocks().unwrap();
    assert_eq!((blocks.filled(), blocks.bytes_max()), (2 * 4_096 + 848, bytes));
    assert!(blocks.bytes() <= bytes);
    assert_eq!(ask(&small, &entries_batch(0..50_000, 1)), (9_040, 50_000 - 9_040));
}

#[test]
fn values_that_occur_in_a_table_are_domains_of_what_has_none() {
    let graph = dense();
    let on_demand = std::cell::Cell::new(false);
    let compile = |occurring: OccurringValues, domains: &[&str]| {
        let domains = domains.iter().map(|text| text.parse().unwrap()).collect();
        let tables = TableOptions { occurring, domains, on_demand: on_demand.get(), ..TableOptions::default() };
        let config = CompilerConfig { tables, ..CompilerConfig::default() };
        Compiler::new(config).compile_graph(graph.clone()).unwrap()
    };
    let column = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let of = |columns: Vec<(&str, ArrayRef)>| {
        let mut occurring = OccurringValues::new();
        occurring.push(&RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        occurring
    };
    let rows = || {
        let others: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
        vec![("x[0]", column(vec![0.5, 1.5, 0.5])), ("x[1]", column(vec![2.0, 3.0, 4.0])), ("other", others)]
    };
    // The type of the third element has 256 values.
    let model = compile(of(rows()), &[]);
    assert_eq!(model.entries[0].table.as_ref().unwrap().report.entries, 2 * 3 * 256);
    let model = compile(of(rows()), &["x[0]=0..9"]);
    assert_eq!(model.entries[0].table.as_ref().unwrap().report.entries, 10 * 3 * 256, "what is declared goes first");
    let session = |model: CompiledModel| {
        let archive = Archive::from_buffer(model.to_bytes().unwrap().into()).unwrap();
        Model::open(archive, &ModelOptions::default()).unwrap().session(None).unwrap()
    };
    let table = session(compile(of(rows()), &[]));
    on_demand.set(true);
    let demand = session(compile(of(rows()), &[]));
    let exact = self::compile(&graph, Mode::Exact, &[]);
    compare("occurring", [&table, &demand, &exact], |draw, rows| {
        let x = number_column(draw, rows, &[0.5, 1.5, 7.0]);
        let y = number_column(draw, rows, &[2.0, 4.0, f64::NAN]);
        let small: Vec<i8> = (0..rows).map(|_| draw.of(&[-128, 0, 5])).collect();
        vec![("x[0]", x), ("x[1]", y), ("small", Arc::new(Int8Array::from(small)))]
    });
    // Values of another type are none.
    let mut texts = rows();
    texts[1].1 = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let model = compile(of(texts), &[]);
    assert!(model.entries[0].table.is_none());
    assert!(model.entries[0].decisions[0].contains("the values of x[1] are not known"), "{:?}", model.entries[0]);
}
