//! Rounds, and what they took.

use crate::{
    cases::Case,
    rows::{self, Column},
};
use anyhow::{Context as _, Result, ensure};
use arrow_array::{Array as _, RecordBatch};
use futures::StreamExt as _;
use hologram::{
    Archive, Compiler, CompilerConfig, Model, ModelOptions,
    ops::control::Control,
    planner::TableOptions,
    resolver::rows::{BindOptions, Binding, RowSession},
    sql::{Engine, EngineOptions},
};
use std::time::Instant;

/// Nanoseconds a row of each round.
#[derive(Debug)]
pub(crate) struct Measured {
    name: &'static str,
    rows: usize,
    /// Seconds to compile the model, its table among it.
    compile_seconds: f64,
    scan: Vec<f64>,
    memory: Vec<f64>,
    sql: Vec<f64>,
    /// Where a condition chooses rows of other columns.
    chosen: Option<Chosen>,
}

/// Nanoseconds a row of each round.
#[derive(Debug, Default)]
struct Chosen {
    /// Reading the model's columns and those that are selected.
    scan: Vec<f64>,
    /// By the condition.
    filtered: Vec<f64>,
    /// By the condition, with `datafusion.execution.parquet.pushdown_filters`.
    pushed: Vec<f64>,
    /// Share of the rows that is chosen.
    share: f64,
}

/// Runs a statement and lets its batches go; rows, and nanoseconds from planning to the last batch.
async fn run(engine: &Engine, sql: &str, mut each: impl FnMut(RecordBatch)) -> Result<(usize, f64)> {
    let begin = Instant::now();
    let mut stream = engine.sql(sql).await?.execute_stream().await?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        each(batch);
    }
    Ok((rows, begin.elapsed().as_nanos() as f64))
}

/// Measures a case.
///
/// # Errors
/// A model that is missing, and what its compilation and the statements say.
pub(crate) async fn measure(case: &Case, rounds: u32) -> Result<Measured> {
    ensure!(
        case.model.is_file(),
        "{} is missing: .venv/bin/python benches/compare/python/models.py target/models",
        case.model.display()
    );
    let tables = TableOptions { mode: case.mode, ..TableOptions::default() };
    let begin = Instant::now();
    let compiled = Compiler::new(CompilerConfig { tables, ..CompilerConfig::default() }).compile(&case.model)?;
    let compile_seconds = begin.elapsed().as_secs_f64();
    let model = Model::open(Archive::from_buffer(compiled.to_bytes()?.into())?, &ModelOptions::default())?;
    let engine = Engine::new(EngineOptions { partitions: Some(1), ..EngineOptions::default() })?;
    engine.model_catalog().register_model("m", model.clone())?;
    // No row repeats here, so nothing is remembered, in memory neither.
    engine.sql("SET hologram.memo = off").await?;
    let folder = tempfile::tempdir()?;
    let names: Vec<&str> = case.columns.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(", ");
    let mut measured = Measured {
        name: case.name,
        rows: case.rows,
        compile_seconds,
        scan: Vec::new(),
        memory: Vec::new(),
        sql: Vec::new(),
        chosen: case.condition.map(|_| Chosen::default()),
    };
    let more: Vec<String> = (0..if case.condition.is_some() { 8 } else { 0 }).map(|i| format!("w{i}")).collect();
    let columns = case.columns.iter().cloned().chain(more.iter().map(|name| (name.clone(), Column::Floats(0.0, 1.0))));
    let (columns, more): (Vec<_>, _) = (columns.collect(), more.join(", "));
    // The first file warms.
    for round in 0..=rounds {
        let path = folder.path().join(format!("{round}.parquet"));
        rows::write(&path, &columns, case.rows, u64::from(round))?;
        let file = format!("'{}'", path.display());
        let predict = format!("predict('m', {names})");
        let scan = format!("SELECT {names} FROM {file}");
        let wide = format!("SELECT {names}, {more} FROM {file}");
        let sql = format!("SELECT {predict} AS p FROM {file}");
        let condition = case.condition.unwrap_or_default();
        let filtered = format!("SELECT {more} FROM (SELECT *, {predict} AS p FROM {file}) WHERE {condition}");
        let mut batches = Vec::new();
        run(&engine, &scan, |batch| batches.push(batch)).await?;
        let kinds = if measured.chosen.is_some() { 6 } else { 3 };
        let mut taken = [0.0; 6];
        let mut share = 0.0;
        for turn in 0..kinds {
            let which = (turn + round as usize) % kinds;
            taken[which] = match which {
                0 => run(&engine, &scan, drop).await?.1,
                1 => in_memory(&model, &batches)?,
                2 => {
                    let (rows, taken) = run(&engine, &sql, drop).await?;
                    ensure!(rows == case.rows, "{rows} rows came out of {}", case.rows);
                    taken
                }
                3 => run(&engine, &wide, drop).await?.1,
                _ => {
                    let set = format!("SET datafusion.execution.parquet.pushdown_filters = {}", which == 5);
                    engine.sql(&set).await?;
                    let (rows, taken) = run(&engine, &filtered, drop).await?;
                    engine.sql("RESET datafusion.execution.parquet.pushdown_filters").await?;
                    share = rows as f64 / case.rows as f64;
                    taken
                }
            } / case.rows as f64;
        }
        std::fs::remove_file(&path)?;
        if round > 0 {
            measured.scan.push(taken[0]);
            measured.memory.push(taken[1]);
            measured.sql.push(taken[2]);
            if let Some(chosen) = &mut measured.chosen {
                chosen.scan.push(taken[3]);
                chosen.filtered.push(taken[4]);
                chosen.pushed.push(taken[5]);
                chosen.share = share;
            }
        }
    }
    Ok(measured)
}

/// Nanoseconds of answering batches that a scan gave.
fn in_memory(model: &std::sync::Arc<Model>, batches: &[RecordBatch]) -> Result<f64> {
    let fields = batches.first().context("no batches")?.schema().fields().to_vec();
    let session = model.session(None)?;
    let binding = Binding::positional(session.signature(), &fields, &BindOptions::default())?;
    let rows = RowSession::new(session, binding)?;
    let begin = Instant::now();
    for batch in batches {
        let (answers, _) = rows.run(batch.columns(), batch.num_rows(), &Control::default())?;
        ensure!(answers.len() == batch.num_rows(), "an answer is missing");
        std::hint::black_box(answers);
    }
    Ok(begin.elapsed().as_nanos() as f64)
}

fn least(list: &[f64]) -> f64 {
    list.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a line for each case.
pub(crate) fn print(lines: &[Measured], markdown: bool) {
    let header = [
        "model",
        "rows",
        "compiled in s",
        "scan ns a row",
        "in memory ns a row",
        "SQL ns a row",
        "SQL / scan",
        "SQL / (scan + memory)",
        "12 columns ns a row",
        "WHERE ns a row",
        "WHERE in the scan ns a row",
        "rows chosen",
    ];
    let pair = |list: &[f64]| format!("{:.1} / {:.1}", least(list), median(list.to_vec()));
    let ratio = |a: &[f64], b: &dyn Fn(usize) -> f64| {
        format!("{:.2}", median(a.iter().enumerate().map(|(i, a)| a / b(i)).collect()))
    };
    let mut table = vec![header.map(String::from).to_vec()];
    for m in lines {
        let [wide, filtered, pushed, share] = match &m.chosen {
            Some(c) => [pair(&c.scan), pair(&c.filtered), pair(&c.pushed), format!("{:.2} %", 100.0 * c.share)],
            None => Default::default(),
        };
        table.push(vec![
            m.name.to_owned(),
            m.rows.to_string(),
            format!("{:.2}", m.compile_seconds),
            pair(&m.scan),
            pair(&m.memory),
            pair(&m.sql),
            ratio(&m.sql, &|i| m.scan[i]),
            ratio(&m.sql, &|i| m.scan[i] + m.memory[i]),
            wide,
            filtered,
            pushed,
            share,
        ]);
    }
    if markdown {
        for (i, row) in table.iter().enumerate() {
            println!("| {} |", row.join(" | "));
            if i == 0 {
                println!("|{}", "---|".repeat(row.len()));
            }
        }
        return;
    }
    let widths: Vec<usize> =
        (0..header.len()).map(|c| table.iter().map(|row| row[c].len()).max().unwrap_or(0)).collect();
    for row in &table {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        println!("{}", cells.join("  "));
    }
    println!("times are the least and the median of all rounds; ratios are medians of each round's own");
}
