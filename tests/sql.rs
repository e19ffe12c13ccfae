//! SQL over models: the files of `tests/sql`, and how many rows each query makes a model score.
//!
//! Each `.slt` file runs on an engine of its own with the models and tables of [`fixture`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at what they do not expect")]

#[path = "sql/fixture.rs"]
mod fixture;
#[path = "sql/texts.rs"]
mod texts;

use datafusion::{
    arrow::{
        array::{AsArray, RecordBatch},
        datatypes::{Float32Type, Int64Type},
        util::display::{ArrayFormatter, FormatOptions},
    },
    physical_plan::{ExecutionPlan, collect, displayable},
};
use hologram::{
    Error, ErrorKind,
    sql::{Engine, EngineOptions},
};
use sqllogictest::{DBOutput, DefaultColumnType};
use std::{path::Path, sync::Arc};

/// The engine under test as a database of the runner.
struct Database(Engine);

#[async_trait::async_trait]
impl sqllogictest::AsyncDB for Database {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let frame = self.0.sql(sql).await?;
        let columns = frame.schema().fields().len();
        let batches = frame.collect().await?;
        if columns == 0 {
            return Ok(DBOutput::StatementComplete(0));
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows: cells(&batches)? })
    }

    async fn shutdown(&mut self) {}
}

fn cells(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>, Error> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect());
        }
    }
    Ok(rows)
}

/// Runs a test on a thread whose stack holds DataFusion's planner as developer builds compile it.
fn with_stack<F: Future<Output = ()> + 'static>(test: fn() -> F) {
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    };
    let thread = std::thread::Builder::new().stack_size(32 << 20).spawn(body).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_files() {
    with_stack(run_files);
}

async fn run_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    files.sort();
    assert!(files.len() >= 4, "{} has {} files", folder.display(), files.len());
    let mut problems = Vec::new();
    for file in files {
        let mut runner =
            sqllogictest::Runner::new(|| async { Ok(Database(fixture::engine(EngineOptions::default()))) });
        // Every record, so that one run shows all that differs.
        for record in sqllogictest::parse_file::<DefaultColumnType>(&file).unwrap() {
            if let Err(problem) = runner.run_async(record).await {
                problems.push(problem.display(false).to_string());
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// What running a query took.
struct Ran {
    rows: usize,
    scored: usize,
    runs: usize,
    plan: String,
}

fn metric(plan: &Arc<dyn ExecutionPlan>, name: &str) -> usize {
    let own = match plan.name() {
        "PredictExec" => plan.metrics().and_then(|m| m.sum_by_name(name)).map_or(0, |v| v.as_usize()),
        _ => 0,
    };
    own + plan.children().into_iter().map(|child| metric(child, name)).sum::<usize>()
}

async fn run(engine: &Engine, sql: &str) -> Ran {
    let frame = engine.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let context = frame.task_ctx();
    let plan = frame.create_physical_plan().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let batches = collect(plan.clone(), Arc::new(context)).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    Ran {
        rows: batches.iter().map(RecordBatch::num_rows).sum(),
        scored: metric(&plan, "rows_scored"),
        runs: metric(&plan, "batches"),
        plan: displayable(plan.as_ref()).indent(false).to_string(),
    }
}

/// A query, the rows that come out, the rows that models score. `t` has 20,000 rows in batches of 1,000, `pq` is a
/// Parquet file of 1,000,000 rows of the same columns.
const SCORED: &[(&str, usize, usize)] = &[
    // Filters on other columns go below, whatever the scan takes.
    ("SELECT id, predict('sum', a, b) FROM pq WHERE id % 1000 = 7", 1_000, 1_000),
    ("SELECT id, predict('sum', a, b) FROM (SELECT * FROM pq ORDER BY id DESC LIMIT 10)", 10, 10),
    ("SELECT id, predict('sum', a, b) p FROM t ORDER BY id DESC LIMIT 10", 10, 10),
    ("SELECT id, predict('sum', a, b) p FROM t ORDER BY p DESC LIMIT 10", 10, 20_000),
    ("SELECT id, predict('sum', a, b) p FROM t LIMIT 10", 10, 10),
    ("SELECT predict('both', a, b)['plus'] x, predict('both', a, b)['minus'] y FROM t", 20_000, 20_000),
    (
        "WITH s AS (SELECT id, predict('both', a, b) p FROM t) SELECT id, p['plus'], p['minus'] FROM s WHERE p['plus'] >= 0",
        20_000,
        20_000,
    ),
    ("SELECT id, predict('sum', a, b) p FROM t WHERE predict('sum', a, b) > 90", 2_400, 20_000),
    (
        "SELECT id, predict('sum', a, b) p FROM t WHERE predict('sum', a, b) > 90 ORDER BY predict('sum', a, b)",
        2_400,
        20_000,
    ),
    ("SELECT id FROM t WHERE b < 3 AND predict('sum', a, b) > 90", 858, 8_572),
    ("SELECT id FROM t WHERE predict('sum', a, b) > 90 AND b < 3", 858, 8_572),
    // The second model sees what the first lets through.
    ("SELECT id FROM t WHERE predict('sum', a, b) > 90 AND predict('minus', a, b) > 90", 1_203, 20_000 + 2_400),
    ("SELECT * FROM (SELECT id, a, predict('sum', a, b) p FROM t) WHERE a < 10", 2_000, 2_000),
    ("SELECT id FROM (SELECT id, predict('sum', a, b) p FROM t)", 20_000, 0),
    ("SELECT count(*) FROM (SELECT id, predict('sum', a, b) p FROM t)", 1, 0),
    ("SELECT x.id FROM (SELECT id, predict('sum', a, b) p FROM t) x JOIN t y ON x.id = y.id", 20_000, 0),
    // Branches.
    ("SELECT CASE WHEN a < 10 THEN predict('sum', a, b) ELSE 0 END FROM t", 20_000, 2_000),
    (
        "SELECT CASE WHEN a < 10 THEN 0 WHEN a < 20 THEN predict('sum', a, b) ELSE predict('minus', a, b) END FROM t",
        20_000,
        18_000,
    ),
    ("SELECT CASE WHEN a < 10 THEN predict('sum', a, b) ELSE -predict('sum', a, b) END FROM t", 20_000, 20_000),
    ("SELECT coalesce(CASE WHEN a < 90 THEN a END, predict('sum', a, b)) FROM t", 20_000, 2_000),
    ("SELECT a < 10 AND predict('sum', a, b) > 3 FROM t", 20_000, 2_000),
    ("SELECT a < 10 OR predict('sum', a, b) > 3 FROM t", 20_000, 18_000),
    ("SELECT id FROM t WHERE a < 10 OR predict('sum', a, b) > 103", 2_086, 18_000),
    ("SELECT sum(predict('sum', a, b)) FILTER (WHERE a < 10) FROM t", 1, 2_000),
    // One call, many places.
    ("SELECT predict('sum', a, b) + 1, predict('sum', a, b) * 2 FROM t", 20_000, 20_000),
    ("SELECT predict('sum', a, b) > 50 k, count(*) FROM t GROUP BY predict('sum', a, b) > 50", 2, 20_000),
    ("SELECT avg(predict('sum', a, b)), max(predict('sum', a, b)) FROM t", 1, 20_000),
    ("SELECT row_number() OVER (ORDER BY predict('sum', a, b)) FROM t", 20_000, 20_000),
    ("SELECT predict('sum', predict('sum', a, b), b) FROM t", 20_000, 40_000),
    ("SELECT count(*) FROM t x JOIN t y ON x.id = y.id AND predict('sum', x.a, x.b) > 90", 1, 20_000),
    ("SELECT count(*) FROM t x JOIN t y ON x.id = y.id WHERE predict('sum', x.a, y.b) > 90", 1, 20_000),
    ("SELECT id FROM t WHERE id IN (SELECT id FROM t WHERE predict('sum', a, b) > 100)", 428, 20_000),
    ("SELECT predict('sum', t) FROM t", 20_000, 20_000),
    ("SELECT * FROM predict('sum', t) WHERE id < 100", 100, 100),
    ("SELECT predict('sum', 1.0, 2.0)", 1, 1),
    // What a condition says of a table's entries is asked first; the 18,000 rows outside of the table are computed.
    ("SELECT id FROM t WHERE predict('finite', a, b) = 35", 29, 18_029),
    ("SELECT id FROM t WHERE predict('finite', a, b) IN (35, 41) AND id % 2 = 0", 29, 9_029),
    ("SELECT id, p FROM (SELECT id, a, predict('finite', a, b) p FROM t) WHERE p = 35 AND a < 10", 29, 29),
    ("SELECT id FROM pq WHERE predict('finite', a, b) < 6 AND a < 10", 8_571, 8_571),
    // Of all entries most are above 14, of those with this a two of seven.
    ("SELECT id FROM t WHERE a = 1 AND predict('finite', a, b) > 14", 57, 57),
    ("SELECT id FROM t WHERE a IN (1) AND b < 3 AND predict('finite', a, b) = 12", 28, 28),
    // A value outside of the table.
    ("SELECT id FROM t WHERE a = 11 AND predict('finite', a, b) > 14", 200, 200),
    ("SELECT id FROM t WHERE a = 0 AND predict('finite', a, b) > 4", 57, 57),
    ("SELECT x.id FROM t x JOIN t y ON x.id = y.id WHERE predict('finite', x.a, x.b) = 35", 29, 18_029),
    ("SELECT id FROM t WHERE predict('finite', a, b) > 1000", 15_428, 18_000),
    // It is not, where most entries are kept, where arguments may fail, and where the condition may.
    ("SELECT id FROM t WHERE predict('finite', a, b) <> 35", 19_971, 20_000),
    ("SELECT id FROM t WHERE predict('finite', CAST(a AS BIGINT), b) = 35", 29, 20_000),
    (
        "SELECT id FROM (SELECT id, a, 12 / CAST(b AS BIGINT) q FROM t WHERE b <> 0) WHERE predict('finite', a, q) = 32",
        57,
        17_142,
    ),
    ("SELECT id FROM t WHERE 35 / CAST(predict('finite', a, b) AS INT) = 1 AND a > 0", 372, 19_800),
    // NULL is no entry.
    ("SELECT k FROM n WHERE predict('finite', a, b) IS NULL", 2, 1),
    ("SELECT k FROM n WHERE predict('finite', a, b) = 110", 1, 1),
];

#[test]
fn models_score_the_rows_that_are_asked_for() {
    with_stack(count_rows);
}

async fn count_rows() {
    let engine = fixture::engine(EngineOptions { partitions: Some(1), ..EngineOptions::default() });
    fixture::register_large(&engine).await;
    let mut problems = Vec::new();
    for (sql, rows, scored) in SCORED {
        let ran = run(&engine, sql).await;
        if (ran.rows, ran.scored) != (*rows, *scored) {
            let found = (ran.rows, ran.scored);
            problems.push(format!("{sql}\n  rows, scored: {found:?}, not {:?}\n{}", (rows, scored), ran.plan));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn columns_that_no_answer_depends_on_are_not_read() {
    with_stack(read_columns);
}

async fn read_columns() {
    let engine = fixture::engine(EngineOptions { partitions: Some(1), ..EngineOptions::default() });
    fixture::register_large(&engine).await;
    engine.model_catalog().register_model("stump", fixture::stump()).unwrap();
    for sql in ["SELECT predict('stump', a, b) AS y FROM pq", "SELECT predict('stump', pq) AS y FROM pq"] {
        let ran = run(&engine, sql).await;
        assert!(ran.plan.contains("projection=[a]"), "{sql}\n{}", ran.plan);
        assert_eq!(ran.rows, 1_000_000);
        let counted = format!("SELECT y, count(*) FROM ({sql}) GROUP BY y ORDER BY y");
        let found = cells(&engine.sql(&counted).await.unwrap().collect().await.unwrap()).unwrap();
        assert_eq!(found, [["1.0", "510000"], ["2.0", "490000"]], "{sql}");
    }
    // What is in such a column does not matter, NULL neither; in another one NULL is a missing value to the tree.
    let sql = "SELECT k, predict('stump', a, b), predict('stump', b, a) FROM n ORDER BY k";
    let found = cells(&engine.sql(sql).await.unwrap().collect().await.unwrap()).unwrap();
    assert_eq!(found, [["1", "1.0", "1.0"], ["2", "2.0", "1.0"], ["3", "1.0", "2.0"]]);
}

#[test]
fn conditions_on_columns_leave_branches_of_trees_out() {
    with_stack(narrowed);
}

async fn narrowed() {
    let engine = fixture::engine(EngineOptions { partitions: Some(1), ..EngineOptions::default() });
    fixture::register_large(&engine).await;
    engine.model_catalog().register_model("trees", fixture::trees()).unwrap();
    let answers = async |sql: &str| -> (String, Vec<(i64, Option<f32>)>) {
        let frame = engine.sql(sql).await.unwrap();
        let context = frame.task_ctx();
        let plan = frame.create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let batches = collect(plan, Arc::new(context)).await.unwrap();
        let mut all = Vec::new();
        for batch in batches {
            let ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            all.extend(ids.into_iter().zip(batch.column(1).as_primitive::<Float32Type>()));
        }
        (text, all)
    };
    for create in [
        "CREATE TABLE some AS SELECT * FROM pq WHERE id < 60000",
        "CREATE TABLE nans AS SELECT id, CASE WHEN id % 3 = 0 THEN CAST('NaN' AS DOUBLE) ELSE a END a, b FROM some",
        "CREATE TABLE ints AS SELECT id, CAST(a AS INT) a, CAST(b AS SMALLINT) b FROM some",
    ] {
        engine.sql(create).await.unwrap().collect().await.unwrap();
    }
    let (_, whole) = answers("SELECT id, predict('trees', a, b) FROM some").await;
    assert_eq!(whole.len(), 60_000);
    let plain = "SELECT id, predict('trees', a, b) FROM some WHERE";
    let ints = "SELECT id, predict('trees', a, b) FROM ints WHERE";
    for (sql, is_narrowed) in [
        (format!("{plain} a > 60"), true),
        (format!("{plain} 60 < a AND id >= 0"), true),
        (format!("{plain} a BETWEEN 10 AND 40"), true),
        (format!("{plain} a > 12.5 AND CAST(a AS VARCHAR) <> ''"), true),
        (format!("{plain} a IN (1, 2, 3)"), true),
        (format!("{plain} a IN (1, 2, 3, 5, 8, 13, 21, 34)"), true),
        (format!("{plain} a > 60 OR a > 80"), true),
        (format!("{plain} a > 60 OR a < 20"), false),
        (format!("{ints} a > 60"), true),
        (format!("{ints} a < 12.5"), true),
        (format!("{ints} CAST(a AS BIGINT) < 13 AND CAST(b AS DOUBLE) >= 2.5"), true),
        (format!("{ints} abs(b) > 2"), false),
        (format!("{ints} b = 3"), true),
        (format!("{ints} b < 100000 AND a > -3000000000"), false),
        (format!("{plain} a < 12.5"), true),
        (format!("{plain} a >= 50 AND b <= 2 AND a <= 50"), true),
        (format!("{plain} a < 200"), false),
        (format!("{plain} a > 60 OR b < 2"), false),
        (format!("{plain} a <> 60 AND NOT (b = 2)"), false),
        (format!("{plain} a + 1 > 60"), false),
        (format!("{plain} id > 30000"), false),
        (format!("{plain} predict('trees', a, b) > 1000 AND a >= 30"), true),
        // Conditions above the predictions and below other names.
        ("SELECT id, p FROM (SELECT id, x, predict('trees', x, b) p FROM (SELECT id, a AS x, b FROM some)) WHERE x > 60".into(), true),
        ("SELECT l.id, predict('trees', l.a, r.b) FROM some l JOIN some r ON l.id = r.id WHERE r.a > 60 AND l.a > 60".into(), true),
        // A guard speaks for the rows that are answered.
        ("SELECT id, CASE WHEN a > 60 THEN predict('trees', a, b) END FROM some".into(), true),
        // NULLs that a join makes pass no condition of the other side.
        ("SELECT l.id, predict('trees', l.a, r.b) FROM some l LEFT JOIN (SELECT * FROM some WHERE b > 3) r ON l.id = r.id".into(), false),
    ] {
        let (plan, found) = answers(&sql).await;
        assert_eq!(plan.contains(" of 372 tree nodes"), is_narrowed, "{sql}\n{plan}");
        assert!(!found.is_empty(), "{sql}");
        for (id, answer) in found {
            match (sql.contains("CASE"), sql.contains("LEFT")) {
                (true, _) if id % 100 <= 60 => assert_eq!(answer, None, "{sql}, row {id}"),
                // A column that NULL stands in is a missing value to the trees.
                (_, true) if id % 7 <= 3 => assert!(answer.is_some(), "{sql}, row {id}"),
                _ => assert_eq!(answer, whole[id as usize].1, "{sql}, row {id}"),
            }
        }
    }
    // NaN is above all numbers to a comparison, and goes its own way in trees and tables.
    engine.model_catalog().register_model("stump", fixture::stump()).unwrap();
    for model in ["trees", "stump"] {
        let (_, whole) = answers(&format!("SELECT id, predict('{model}', a, b) FROM nans")).await;
        for condition in
            ["a NOT BETWEEN 3 AND 50", "a > 60", "a < 12.5", "a < 3 OR a > 50", "a <> 5", "a BETWEEN 1 AND 90"]
        {
            let passed = format!("SELECT id, b FROM nans WHERE {condition}");
            let passed = cells(&engine.sql(&passed).await.unwrap().collect().await.unwrap()).unwrap();
            for above in ["", "> 1.5", "> 1000", "<= 1.5"] {
                let own =
                    if above.is_empty() { String::new() } else { format!("AND predict('{model}', a, b) {above}") };
                let sql = format!("SELECT id, predict('{model}', a, b) FROM nans WHERE ({condition}) {own}");
                let (_, found) = answers(&sql).await;
                let is_above = |answer: Option<f32>| match above {
                    "> 1.5" => answer > Some(1.5),
                    "> 1000" => answer > Some(1_000.0),
                    "<= 1.5" => answer <= Some(1.5),
                    _ => true,
                };
                let all = passed.iter().map(|row| whole[row[0].parse::<usize>().unwrap()]);
                let wanted: Vec<_> = all.filter(|(_, answer)| is_above(*answer)).collect();
                assert!(found == wanted, "{sql}: {} rows, not {}", found.len(), wanted.len());
            }
        }
    }
}

#[tokio::test]
async fn partitions_change_no_answer() {
    let mut answers = Vec::new();
    for partitions in [1, 3] {
        let engine = fixture::engine(EngineOptions { partitions: Some(partitions), ..EngineOptions::default() });
        let sql = "SELECT id, predict('both', a, b), predict('centred', a) FROM t ORDER BY id";
        answers.push(cells(&engine.sql(sql).await.unwrap().collect().await.unwrap()).unwrap());
    }
    assert_eq!(answers[0].len(), 20_000);
    assert!(answers[0] == answers[1]);
}

#[tokio::test]
async fn small_batches_are_brought_together() {
    let engine = fixture::engine(EngineOptions { partitions: Some(1), ..EngineOptions::default() });
    let ran = run(&engine, "SELECT predict('sum', a, b) FROM t WHERE id % 10 = 0").await;
    assert_eq!((ran.rows, ran.scored), (2_000, 2_000));
    assert_eq!(ran.runs, 1, "20 batches of 100 rows");
    engine.sql("SET hologram.batch_rows = 500").await.unwrap();
    let ran = run(&engine, "SELECT predict('sum', a, b) FROM t").await;
    assert_eq!((ran.scored, ran.runs), (20_000, 40));
}

#[tokio::test]
async fn rows_that_repeat_are_computed_once_in_a_namespace() {
    let engine = fixture::engine(EngineOptions { partitions: Some(2), ..EngineOptions::default() });
    let set = async |setting: &str| {
        engine.sql(&format!("SET hologram.{setting}")).await.unwrap();
    };
    let sql = "SELECT id, predict('both', a, b) FROM t ORDER BY id";
    let answers = async || cells(&engine.sql(sql).await.unwrap().collect().await.unwrap()).unwrap();
    let plain = answers().await;
    // Entries of each namespace, and rows that were answered without a run.
    let held = || -> Vec<(String, usize, u64)> {
        let stats = engine.model_catalog().memo_stats().into_iter();
        stats.filter(|s| s.model == "both").map(|s| (s.namespace, s.entries, s.hits)).collect()
    };
    set("memo = 'on'").await;
    for (namespace, hits) in [("", [(0, 700), (700, 700)]), ("other", [(0, 700), (700, 700)])] {
        set(&format!("memo_namespace = '{namespace}'")).await;
        for (before, after) in hits {
            let entries = |held: Vec<(String, usize, u64)>| {
                held.iter().find(|(name, ..)| name == namespace).map_or(0, |(_, entries, _)| *entries)
            };
            assert_eq!(entries(held()), before, "{namespace}");
            assert!(answers().await == plain, "{namespace}");
            assert_eq!(entries(held()), after, "{namespace}: 700 distinct rows");
        }
    }
    assert!(held().iter().all(|(_, _, hits)| *hits >= 2 * 20_000 - 2 * 700), "{:?}", held());
    let analyzed =
        cells(&engine.sql(&format!("EXPLAIN ANALYZE {sql}")).await.unwrap().collect().await.unwrap()).unwrap();
    assert!(analyzed.concat().join("").contains("repeated=20.00 K"), "{analyzed:?}");
    let table = "SELECT namespace, entry, entries, hits >= 38600, bytes > 0 FROM hologram.memos WHERE model = 'both' ORDER BY 1";
    let memos = cells(&engine.sql(table).await.unwrap().collect().await.unwrap()).unwrap();
    assert_eq!(memos, [["", "main", "700", "true", "true"], ["other", "main", "700", "true", "true"]]);
    engine.model_catalog().forget("other");
    assert_eq!(held().iter().map(|(_, entries, _)| *entries).collect::<Vec<_>>(), [700, 0]);
    for memo in ["auto", "off"] {
        set(&format!("memo = '{memo}'")).await;
        assert!(answers().await == plain, "{memo}");
    }
}

#[tokio::test]
async fn explain_plans_and_runs_nothing() {
    let engine = fixture::engine(EngineOptions { partitions: Some(1), ..EngineOptions::default() });
    let text = |batches: Vec<RecordBatch>| cells(&batches).unwrap().concat().join("\n");
    let explain = |sql: &'static str| {
        let engine = engine.clone();
        async move { text(engine.sql(sql).await.unwrap().collect().await.unwrap()) }
    };
    let plain = explain("EXPLAIN FORMAT INDENT SELECT predict('sum', a, b) FROM t").await;
    for part in [
        "Predict: __predict_0 = sum(t.a, t.b)",
        "PredictExec: __predict_0 = sum(a@0, b@1), model=sum, entry=main, steps=1",
        "casts=[a: Float64 as f32 (rounds); b: Float64 as f32 (rounds)]",
    ] {
        assert!(plain.contains(part), "{part}\n{plain}");
    }
    let swapped = explain("EXPLAIN FORMAT INDENT SELECT predict('sum', b, a) FROM t").await;
    assert!(swapped.contains("warnings=[the columns are bound by position"), "{swapped}");
    let verbose = explain("EXPLAIN VERBOSE SELECT predict('weighted', a, b) FROM t").await;
    assert!(
        verbose.contains("| entry point main") && verbose.contains("Resolve ") && verbose.contains("class "),
        "{verbose}"
    );
    let analyzed = explain("EXPLAIN ANALYZE SELECT predict('sum', a, b) FROM t").await;
    for part in ["rows_scored=20", "null_rows=0", "batches=", "casts=", "elapsed_compute="] {
        assert!(analyzed.contains(part), "{part}\n{analyzed}");
    }
}

#[tokio::test]
async fn a_copy_streams_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { partitions: Some(2), memory_bytes_max: Some(48 << 20), ..EngineOptions::default() };
    let engine = fixture::engine(options);
    let out = folder.path().join("out/");
    let sql = format!(
        "COPY (SELECT v AS id, predict('sum', v, 1) p, CAST(CAST(v AS BIGINT) % 3 AS VARCHAR) part \
         FROM (SELECT CAST(value AS DOUBLE) v FROM generate_series(1, 200000))) \
         TO '{}' STORED AS PARQUET PARTITIONED BY (part)",
        out.display()
    );
    let ran = run(&engine, &sql).await;
    assert_eq!(ran.scored, 200_000);
    let mut parts: Vec<String> =
        std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    parts.sort();
    assert_eq!(parts, ["part=0", "part=1", "part=2"]);
    let sql = format!("SELECT count(*), sum(p) FROM '{}'", out.display());
    let total = cells(&engine.sql(&sql).await.unwrap().collect().await.unwrap()).unwrap();
    assert_eq!(total, [["200000", "20000300000.0"]]);
}

#[tokio::test]
async fn a_copy_takes_a_relation_as_a_select_does() {
    let folder = tempfile::tempdir().unwrap();
    let engine = fixture::engine(EngineOptions::default());
    let out = folder.path().join("out.parquet");
    let copy = format!("COPY (SELECT id, predict('sum', t) AS p FROM (SELECT * FROM t) t) TO '{}'", out.display());
    assert_eq!(run(&engine, &copy).await.scored, 20_000);
    let both = format!(
        "SELECT count(*) FROM '{}' c JOIN (SELECT id, predict('sum', a, b) AS q FROM t) d USING (id) WHERE p IS NOT DISTINCT FROM q",
        out.display()
    );
    assert_eq!(cells(&engine.sql(&both).await.unwrap().collect().await.unwrap()).unwrap(), [["20000"]]);
}

#[tokio::test]
async fn a_model_that_needs_all_rows_is_charged_for_them() {
    let options = EngineOptions { partitions: Some(2), memory_bytes_max: Some(1 << 20), ..EngineOptions::default() };
    let engine = fixture::engine(options);
    let sql = "SELECT predict('centred', CAST(value AS DOUBLE)) FROM generate_series(1, 1000000)";
    let error: Error = engine.sql(sql).await.unwrap().collect().await.unwrap_err().into();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    let sql = "SELECT count(predict('centred', CAST(value AS DOUBLE))) FROM generate_series(1, 1000)";
    engine.sql(sql).await.unwrap().collect().await.unwrap();
}

#[tokio::test]
async fn files_are_models_and_tables_by_their_paths() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("sum.holo");
    fixture::compiled("sum").write_file(&archive).unwrap();
    let engine = fixture::engine(EngineOptions::default());
    let sql = format!(
        "SELECT count(predict('{}', mean_radius, mean_texture)) FROM '{}'",
        archive.display(),
        root.join("examples/data/breast_cancer.parquet").display()
    );
    assert_eq!(cells(&engine.sql(&sql).await.unwrap().collect().await.unwrap()).unwrap(), [["569"]]);
    let entry = sql.replace("sum.holo", "sum.holo:main");
    assert_eq!(cells(&engine.sql(&entry).await.unwrap().collect().await.unwrap()).unwrap(), [["569"]]);
    let error = engine.sql(&sql.replace("sum.holo", "sum.holo:other")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.message().ends_with("has no entry point 'other'; it has main"), "{error}");
    // A file that changes is another model.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fixture::compiled("both").write_file(&archive).unwrap();
    let error = engine.sql(&sql.replace("count(", "abs(")).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

/// Examples that ship with the project, and what is known of them: rows, and how many answers are right.
#[test]
fn the_example_models_answer() {
    with_stack(run_examples);
}

async fn run_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let engine = fixture::engine(EngineOptions::default());
    let cases = [
        (
            "wine_pipeline.onnx",
            "wine",
            "SELECT count(*) FILTER (WHERE p['label'] = cultivar) FROM \
          (SELECT cultivar, predict('model', w) p FROM 'data' w WHERE split = 'test')",
            "45",
        ),
        (
            "breast_cancer.lgbm.txt",
            "breast_cancer",
            "SELECT count(*) FILTER (WHERE (p > 0.5) = (diagnosis = 'malignant')) FROM \
          (SELECT diagnosis, predict('model', w) p FROM 'data' w WHERE split = 'test')",
            "133",
        ),
        (
            "digits_cnn.onnx",
            "digits",
            "SELECT count(*) FILTER (WHERE p['label'] = digit) FROM \
          (SELECT digit, predict('model', image) p FROM 'data' w WHERE split = 'test')",
            "442",
        ),
    ];
    for (file, data, sql, right) in cases {
        engine.register_model("model", root.join("models").join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let path = root.join("data").join(format!("{data}.parquet"));
        let sql = sql.replace("'data'", &format!("'{}'", path.display()));
        let frame = engine.sql(&sql).await.unwrap_or_else(|e| panic!("{file}: {e}"));
        let rows = frame.collect().await.unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(cells(&rows).unwrap(), [[right]], "{file}");
    }
}
