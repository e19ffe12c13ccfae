//! Models and tables that the tests of SQL share.

use datafusion::{
    arrow::{
        array::{Float64Array, Int64Array, RecordBatch},
        datatypes::{DataType, Field, Schema},
    },
    datasource::MemTable,
};
use hologram::{
    Archive, CompiledModel, Compiler, CompilerConfig, Model, ModelOptions,
    ops::{
        Attribute, DType, Dim, Tensor, Type,
        forest::{Forest, ForestError, ForestParts, Leaf, LeafWeight, Missing, Mode, Precision, SourceNode},
        graph::Graph,
    },
    planner::{Mode as TablesMode, TableOptions},
    sql::{Engine, EngineOptions, HologramOptions, MemoPolicy},
};
use std::sync::Arc;

/// Models by name: what they are made of.
///
/// `sum` is a + b, `minus` a - b, `both` a struct of the two, `weighted` takes a `[rows, 2]` of features named `a` and `b`
/// and gives a + 2 b as a list of one, `centred` takes the mean of all rows away. `finite` has a table for a in 0..10 and b
/// in 0..7, of 10 a + b; another a counts as 1000, and another b as 100.
const MODELS: &[&str] = &["sum", "minus", "both", "weighted", "centred", "finite"];

pub(crate) fn compiled(name: &str) -> CompiledModel {
    let mut graph = Graph::new(name);
    let mut columns = Vec::new();
    let rows = || Dim::symbol("rows");
    if name == "weighted" {
        let x = graph.add_input("x", Type::tensor(DType::F32, [rows(), Dim::Known(2)])).unwrap();
        let weights = graph.add_constant("weights", Tensor::from_slice([2, 1], &[1f32, 2.0]).unwrap()).unwrap();
        let product = graph.add_op("MatMul").input(x, 0, 0).input(weights, 0, 1).finish().unwrap();
        let out = graph.output_of(product, 0).unwrap();
        graph.add_output("score", out);
        columns = vec!["a".to_owned(), "b".to_owned()];
    } else if name == "finite" {
        let mut parts = Vec::new();
        for (input, count, step, other) in [("a", 10, 10.0, 1000.0), ("b", 7, 1.0, 100.0)] {
            let x = graph.add_input(input, Type::tensor(DType::I64, [rows()])).unwrap();
            let values: Vec<f32> = (0..count).map(|i| i as f32 * step).collect();
            let encoder = graph
                .add_op("LabelEncoder")
                .domain("ai.onnx.ml", 2)
                .attribute("keys_int64s", Attribute::Ints((0..count).collect()))
                .attribute("values_floats", Attribute::Floats(values))
                .attribute("default_float", Attribute::Float(other))
                .input(x, 0, 0);
            parts.push(encoder.finish().unwrap());
        }
        let sum = graph.add_op("Add").input(parts[0], 0, 0).input(parts[1], 0, 1).finish().unwrap();
        let out = graph.output_of(sum, 0).unwrap();
        graph.add_output("y", out);
    } else if name == "centred" {
        let a = graph.add_input("a", Type::tensor(DType::F32, [rows()])).unwrap();
        let mean = graph.add_op("ReduceMean").input(a, 0, 0).finish().unwrap();
        let rest = graph.add_op("Sub").input(a, 0, 0).input(mean, 0, 1).finish().unwrap();
        let out = graph.output_of(rest, 0).unwrap();
        graph.add_output("centred", out);
    } else {
        let a = graph.add_input("a", Type::tensor(DType::F32, [rows()])).unwrap();
        let b = graph.add_input("b", Type::tensor(DType::F32, [rows()])).unwrap();
        for (op, out) in [("Add", "plus"), ("Sub", "minus")] {
            if name == "sum" && op == "Sub" || name == "minus" && op == "Add" {
                continue;
            }
            let node = graph.add_op(op).input(a, 0, 0).input(b, 0, 1).finish().unwrap();
            let value = graph.output_of(node, 0).unwrap();
            graph.add_output(out, value);
        }
    }
    let config = CompilerConfig { columns, ..CompilerConfig::default() };
    Compiler::new(config).compile_graph(graph).unwrap()
}

/// A model of a and b that asks whether a is at most 50, and gives 1 or 2.
pub(crate) fn stump() -> Arc<Model> {
    let mut graph = Graph::new("stump");
    let x = graph.add_input("x", Type::tensor(DType::F32, [Dim::symbol("rows"), Dim::Known(2)])).unwrap();
    let node = graph
        .add_op("TreeEnsembleRegressor")
        .domain("ai.onnx.ml", 1)
        .input(x, 0, 0)
        .attribute("n_targets", Attribute::Int(1))
        .attribute("nodes_treeids", Attribute::Ints(vec![0; 3]))
        .attribute("nodes_nodeids", Attribute::Ints(vec![0, 1, 2]))
        .attribute("nodes_featureids", Attribute::Ints(vec![0; 3]))
        .attribute("nodes_truenodeids", Attribute::Ints(vec![1, 0, 0]))
        .attribute("nodes_falsenodeids", Attribute::Ints(vec![2, 0, 0]))
        .attribute("nodes_modes", Attribute::Strings(["BRANCH_LEQ", "LEAF", "LEAF"].map(String::from).into()))
        .attribute("nodes_values", Attribute::Floats(vec![50.0, 0.0, 0.0]))
        .attribute("target_treeids", Attribute::Ints(vec![0; 2]))
        .attribute("target_nodeids", Attribute::Ints(vec![1, 2]))
        .attribute("target_ids", Attribute::Ints(vec![0; 2]))
        .attribute("target_weights", Attribute::Floats(vec![1.0, 2.0]))
        .finish()
        .unwrap();
    let y = graph.output_of(node, 0).unwrap();
    graph.add_output("y", y);
    let config = CompilerConfig { columns: vec!["a".into(), "b".into()], ..CompilerConfig::default() };
    let bytes = Compiler::new(config).compile_graph(graph).unwrap().to_bytes().unwrap();
    Model::open(Archive::from_buffer(bytes.into()).unwrap(), &ModelOptions::default()).unwrap()
}

/// A model of a and b: the sum of 12 complete trees of depth 5 that ask either column for numbers spread over it.
pub(crate) fn trees() -> Arc<Model> {
    let mut parts = ForestParts::empty(2, 1);
    (parts.compare, parts.accumulate) = (Precision::F32, Precision::F32);
    for tree in 0..12_u32 {
        let mut next = 0;
        let read = |number: i64, parts: &mut ForestParts| -> Result<SourceNode, ForestError> {
            if number >= 31 {
                let first_weight = parts.weights.len() as u32;
                parts.weights.push(LeafWeight { target: 0, weight: f64::from(tree * 32 + number as u32 - 31) });
                return Ok(SourceNode::Leaf(Leaf { first_weight, n_weights: 1, linear: None }));
            }
            next += 2;
            let draw = (tree * 31 + number as u32).wrapping_mul(0x9E37_79B9) >> 8;
            let feature = u32::from(draw.is_multiple_of(4));
            let threshold = f64::from(draw / 4 % if feature == 0 { 99 } else { 6 }) + 0.5;
            let (yes, no) = (2 * number + 1, 2 * number + 2);
            Ok(SourceNode::Split {
                feature,
                threshold,
                mode: Mode::LessEq,
                missing: Missing::nan((draw / 16).is_multiple_of(2)),
                yes,
                no,
            })
        };
        parts.push_tree(0, 63, read, |error| error).unwrap();
    }
    let bytes = Forest::new(parts).unwrap().to_bytes();
    let mut graph = Graph::new("trees");
    let x = graph.add_input("x", Type::tensor(DType::F32, [Dim::symbol("rows"), Dim::Known(2)])).unwrap();
    let forest = graph.add_constant("forest", Tensor::from_vec([bytes.len()], bytes).unwrap()).unwrap();
    let node = graph.add_op("Forest").domain("ai.hologram", 1).input(x, 0, 0).input(forest, 0, 1).finish().unwrap();
    let y = graph.output_of(node, 0).unwrap();
    graph.add_output("y", y);
    let tables = TableOptions { mode: TablesMode::Exact, ..TableOptions::default() };
    let config = CompilerConfig { columns: vec!["a".into(), "b".into()], tables, ..CompilerConfig::default() };
    let bytes = Compiler::new(config).compile_graph(graph).unwrap().to_bytes().unwrap();
    Model::open(Archive::from_buffer(bytes.into()).unwrap(), &ModelOptions::default()).unwrap()
}

/// An engine with the models and the table `t`: 20,000 rows of id, a = id % 100 and b = id % 7 in 20 batches, and `n`, a
/// few rows with NULLs.
pub(crate) fn engine(options: EngineOptions) -> Engine {
    let engine = Engine::new(options).unwrap();
    {
        // What pays is measured: tests that count runs decide for themselves.
        let state = engine.context().state_ref();
        let mut state = state.write();
        let extensions = &mut state.config_mut().options_mut().extensions;
        extensions.get_mut::<HologramOptions>().unwrap().memo = MemoPolicy::Off;
    }
    for name in MODELS {
        let bytes = compiled(name).to_bytes().unwrap();
        let archive = Archive::from_buffer(bytes.into()).unwrap();
        let model = Model::open(archive, &ModelOptions::default()).unwrap();
        engine.model_catalog().register_model(name, model).unwrap();
    }
    let batches: Vec<RecordBatch> = (0..20).map(|i| batch(i * 1_000, 1_000)).collect();
    engine.context().register_table("t", Arc::new(MemTable::try_new(schema(), vec![batches]).unwrap())).unwrap();
    let nulls = Schema::new(vec![
        Field::new("a", DataType::Float64, true),
        Field::new("b", DataType::Float64, true),
        Field::new("k", DataType::Int64, true),
    ]);
    let rows = RecordBatch::try_new(
        Arc::new(nulls.clone()),
        vec![
            Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)])),
            Arc::new(Float64Array::from(vec![Some(10.0), Some(20.0), None])),
            Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(3)])),
        ],
    )
    .unwrap();
    let table = MemTable::try_new(Arc::new(nulls), vec![vec![rows]]).unwrap();
    engine.context().register_table("n", Arc::new(table)).unwrap();
    engine
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("a", DataType::Float64, false),
        Field::new("b", DataType::Float64, false),
    ]))
}

fn batch(first: i64, rows: i64) -> RecordBatch {
    let ids = first..first + rows;
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(Float64Array::from_iter_values(ids.clone().map(|i| (i % 100) as f64))),
            Arc::new(Float64Array::from_iter_values(ids.map(|i| (i % 7) as f64))),
        ],
    )
    .unwrap()
}

/// The table `pq`: a Parquet file of 1,000,000 rows like those of `t`, whose scan takes filters.
pub(crate) async fn register_large(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap().keep();
    let path = folder.join("pq.parquet");
    let sql = format!(
        "COPY (SELECT value AS id, CAST(value % 100 AS DOUBLE) a, CAST(value % 7 AS DOUBLE) b \
         FROM generate_series(0, 999999)) TO '{}' STORED AS PARQUET",
        path.display()
    );
    engine.sql(&sql).await.unwrap().collect().await.unwrap();
    engine.sql("SET datafusion.execution.parquet.pushdown_filters = true").await.unwrap();
    engine.context().register_parquet("pq", path.to_str().unwrap(), Default::default()).await.unwrap();
}
