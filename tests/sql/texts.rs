//! Texts that only models read stay behind the dictionaries that Parquet keeps, and no answer changes by it.

use super::{cells, fixture, with_stack};
use datafusion::{
    arrow::{
        array::{ArrayRef, Int64Array, RecordBatch, StringArray},
        datatypes::DataType,
    },
    parquet::{
        arrow::ArrowWriter,
        basic::Encoding,
        file::properties::{WriterProperties, WriterPropertiesBuilder},
    },
    physical_plan::{collect, displayable},
};
use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions,
    ops::{
        Attribute, DType, Dim, Type,
        graph::{Graph, ValueId},
    },
    planner::{Mode, TableOptions},
    sql::{Engine, EngineOptions},
};
use std::{fs::File, path::Path, sync::Arc};

const WORDS: [&str; 5] = ["red", "green", "", "a colour that is longer than a view", "grün"];

/// A model of texts a and b: a number for each word of a plus a tenth of that of b, and -1 and -0.1 for others.
fn model(mode: Mode) -> Arc<Model> {
    let mut graph = Graph::new("colours");
    let mut part = |input: &str, scale: f32| -> ValueId {
        let x = graph.add_input(input, Type::tensor(DType::String, [Dim::symbol("rows")])).unwrap();
        let keys = WORDS.iter().map(|word| (*word).into()).collect();
        let values = (0..WORDS.len()).map(|i| i as f32 * scale).collect();
        let node = graph
            .add_op("LabelEncoder")
            .domain("ai.onnx.ml", 2)
            .attribute("keys_strings", Attribute::Strings(keys))
            .attribute("values_floats", Attribute::Floats(values))
            .attribute("default_float", Attribute::Float(-scale))
            .input(x, 0, 0)
            .finish()
            .unwrap();
        graph.output_of(node, 0).unwrap()
    };
    let (a, b) = (part("a", 1.0), part("b", 0.125));
    let sum = graph.add_op("Add").input(a, 0, 0).input(b, 0, 1).finish().unwrap();
    let out = graph.output_of(sum, 0).unwrap();
    graph.add_output("y", out);
    let tables = TableOptions { mode, ..TableOptions::default() };
    let compiled = Compiler::new(CompilerConfig { tables, ..CompilerConfig::default() }).compile_graph(graph).unwrap();
    let archive = Archive::from_buffer(compiled.to_bytes().unwrap().into()).unwrap();
    Model::open(archive, &ModelOptions::default()).unwrap()
}

/// Rows of id, a, b, and a text of its own each; some of a and b are NULL or no word of the model's.
fn rows(first: usize, count: usize) -> RecordBatch {
    let text = |row: usize, by: usize| match row * by % 11 {
        10 => None,
        9 => Some("of no model"),
        n => Some(WORDS[n % WORDS.len()]),
    };
    let of =
        |by: usize| -> ArrayRef { Arc::new((first..first + count).map(|row| text(row, by)).collect::<StringArray>()) };
    let ids = Int64Array::from_iter_values((first..first + count).map(|row| row as i64));
    let own: StringArray = (first..first + count).map(|row| Some(format!("a text of row {row} alone"))).collect();
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("a", of(3)), ("b", of(7)), ("own", Arc::new(own))])
        .unwrap()
}

fn write(path: &Path, batch: &RecordBatch, properties: WriterPropertiesBuilder) {
    let properties = properties.set_max_row_group_row_count(Some(3_000)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// An engine with the model as `table` and `computed`, and the rows in memory as `m` and in a Parquet file as `f`.
async fn engine(folder: &Path, partitions: usize) -> Engine {
    let engine = fixture::engine(EngineOptions { partitions: Some(partitions), ..EngineOptions::default() });
    engine.model_catalog().register_model("table", model(Mode::Table)).unwrap();
    engine.model_catalog().register_model("computed", model(Mode::Exact)).unwrap();
    let batch = rows(0, 10_000);
    engine.context().register_batch("m", batch.clone()).unwrap();
    let path = folder.join("f.parquet");
    write(&path, &batch, WriterProperties::builder());
    engine.context().register_parquet("f", path.to_str().unwrap(), Default::default()).await.unwrap();
    engine
}

/// A query's rows, and the columns that its models take by codes.
async fn answer(engine: &Engine, sql: &str) -> (Vec<Vec<String>>, String) {
    let frame = engine.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    assert!(plan.schema().fields().iter().all(|f| !matches!(f.data_type(), DataType::Dictionary(_, _))), "{sql}");
    let text = displayable(plan.as_ref()).indent(false).to_string();
    let lists = text.split("dictionaries=[").skip(1).filter_map(|rest| rest.split(']').next());
    // Columns as plans print them: a name, and a place.
    let names: Vec<&str> = lists.flat_map(|list| list.split("; ")).filter_map(|c| c.split('@').next()).collect();
    let batches = collect(plan, context).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let mut rows = cells(&batches).unwrap();
    rows.sort();
    (rows, names.join(" "))
}

/// A query, and the columns that its model takes by codes.
const QUERIES: &[(&str, &str)] = &[
    ("SELECT predict('M', a, b) FROM f", "a b"),
    ("SELECT id, predict('M', a, b) FROM f WHERE id % 3 = 1", "a b"),
    ("SELECT id, predict('M', a, b) FROM f LIMIT 20000", "a b"),
    ("SELECT p, count(*) FROM (SELECT predict('M', a, b) p FROM f) GROUP BY p", "a b"),
    ("SELECT avg(predict('M', a, b)), max(id) FROM f", "a b"),
    ("SELECT predict('M', x) FROM f x", "a b"),
    ("SELECT CASE WHEN id < 700 THEN predict('M', a, b) ELSE 0 END FROM f", "a b"),
    ("SELECT id FROM f WHERE predict('M', a, b) = 3.25", "a b"),
    ("SELECT id, p FROM (SELECT id, predict('M', a, b) p FROM f) WHERE p IN (0, 3.25)", "a b"),
    ("SELECT id FROM f WHERE predict('M', a, b) = 3.25 AND predict('sum', id, id) > 3", "a b"),
    // Who else reads a text gets it as ever.
    ("SELECT a, predict('M', a, b) FROM f", "b"),
    ("SELECT a, predict('M', a, b) FROM f WHERE b <> 'red'", ""),
    ("SELECT predict('M', a, b) FROM f WHERE a = 'red' AND id > 3", "b"),
    ("SELECT predict('M', a, b) FROM f WHERE b IS NOT NULL", "a"),
    ("SELECT a, p FROM (SELECT a, predict('M', a, b) p FROM f) WHERE p = 3.25", "b"),
    ("SELECT a, count(predict('M', a, b)) FROM f GROUP BY a", "b"),
    ("SELECT predict('M', a, b) p FROM f ORDER BY a, id LIMIT 20000", ""),
    ("SELECT predict('M', upper(a), b) FROM f", "b"),
    ("SELECT CASE WHEN a = 'red' THEN predict('M', a, b) ELSE 0 END FROM f", "b"),
    ("SELECT predict('M', x.a, y.b) FROM f x JOIN f y ON x.id = y.id", ""),
    ("SELECT predict('M', a, b) FROM (SELECT a, b FROM f UNION ALL SELECT b, a FROM f)", ""),
    // Texts of their own are no dictionary.
    ("SELECT predict('M', own, b) FROM f", "b"),
];

#[test]
fn texts_that_models_read_stay_dictionaries() {
    with_stack(queries);
}

async fn queries() {
    let folder = tempfile::tempdir().unwrap();
    for partitions in [1, 3] {
        let engine = engine(folder.path(), partitions).await;
        for pushed in [false, true] {
            let set = format!("SET datafusion.execution.parquet.pushdown_filters = {pushed}");
            engine.sql(&set).await.unwrap();
            for (sql, expected) in QUERIES {
                for model in ["table", "computed"] {
                    let sql = sql.replace("'M'", &format!("'{model}'"));
                    let (rows, codes) = answer(&engine, &sql).await;
                    assert_eq!(codes, *expected, "{sql}, {partitions} partitions, pushed: {pushed}");
                    let (in_memory, codes) = answer(&engine, &sql.replace(" f", " m")).await;
                    assert_eq!(codes, "", "{sql}");
                    assert!(!rows.is_empty() && rows == in_memory, "{sql}, {partitions} partitions, pushed: {pushed}");
                }
            }
        }
    }
}

#[test]
fn files_decide_how_their_texts_are_read() {
    with_stack(files);
}

async fn files() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), 2).await;
    let sql = "SELECT id, predict('table', a, b) FROM f";
    let batch = rows(0, 10_000);
    let without = |column: &str| {
        let kept: Vec<usize> = (0..4).filter(|i| batch.schema().field(*i).name() != column).collect();
        batch.project(&kept).unwrap()
    };
    let plain = || WriterProperties::builder().set_dictionary_enabled(false);
    let one = |count: usize| {
        let all: ArrayRef = Arc::new(StringArray::from(vec!["red"; count]));
        let columns = vec![batch.column(0).slice(0, count), all.clone(), all, batch.column(3).slice(0, count)];
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    };
    let mixed = || {
        let path = parquet::schema::types::ColumnPath::from("a");
        WriterProperties::builder()
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY)
    };
    type Files<'a> = Vec<(RecordBatch, WriterPropertiesBuilder)>;
    let cases: Vec<(&str, Files<'_>, &str)> = vec![
        ("none", vec![(batch.clone(), plain())], ""),
        ("mixed", vec![(batch.clone(), mixed())], "b"),
        ("two", vec![(batch.slice(0, 4_000), WriterProperties::builder()), (batch.slice(4_000, 6_000), plain())], ""),
        (
            "same",
            vec![
                (batch.slice(0, 1), WriterProperties::builder()),
                (batch.slice(1, 9_999), WriterProperties::builder()),
            ],
            "a b",
        ),
        // A file that lacks a column has NULL for it, and one of a single text may be answered from its statistics.
        (
            "less",
            vec![(batch.slice(0, 4_000), WriterProperties::builder()), (without("b"), WriterProperties::builder())],
            "a b",
        ),
        ("one", vec![(one(3_000), WriterProperties::builder())], "a b"),
    ];
    for (name, files, expected) in cases {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).unwrap();
        for (i, (batch, properties)) in files.iter().enumerate() {
            write(&place.join(format!("{i}.parquet")), batch, properties.clone());
        }
        engine.context().register_parquet(name, place.to_str().unwrap(), Default::default()).await.unwrap();
        let query = sql.replace(" f", &format!(" {name}"));
        let (rows, codes) = answer(&engine, &query).await;
        assert_eq!(codes, expected, "{name}");
        assert_eq!(rows.len(), files.iter().map(|(batch, _)| batch.num_rows()).sum::<usize>(), "{name}");
        // The same rows without the codes: texts that the query reads too.
        let (mut read, codes) = answer(&engine, &query.replace("SELECT id", "SELECT a, b, id")).await;
        assert_eq!(codes, "", "{name}");
        read.iter_mut().for_each(|row| drop(row.drain(..2)));
        read.sort();
        assert!(rows == read, "{name}");
    }
    // Columns of folders stay what they are.
    let place = folder.path().join("parts");
    for (kind, first) in [("x", 0), ("y", 5_000)] {
        std::fs::create_dir_all(place.join(format!("kind={kind}"))).unwrap();
        write(&place.join(format!("kind={kind}/0.parquet")), &batch.slice(first, 5_000), WriterProperties::builder());
    }
    let create =
        format!("CREATE EXTERNAL TABLE parts STORED AS PARQUET PARTITIONED BY (kind) LOCATION '{}'", place.display());
    engine.sql(&create).await.unwrap();
    let (parts, codes) =
        answer(&engine, "SELECT id, predict('table', a, b), concat(kind, '!') FROM parts WHERE kind = 'y'").await;
    assert_eq!((parts.len(), codes.as_str()), (5_000, "a b"));
    let (whole, _) = answer(&engine, "SELECT id, predict('table', a, b), 'y!' FROM m WHERE id >= 5000").await;
    assert!(parts == whole);
    // Without metadata at hand nothing is read to find out.
    let engine = self::engine(folder.path(), 1).await;
    engine.sql("SET datafusion.runtime.metadata_cache_limit = '0M'").await.unwrap();
    assert_eq!(answer(&engine, sql).await.1, "");
}
