//! `hologram compile`: a model file becomes an archive.

use super::{
    Context, Failure, Result,
    console::{counted, duration_text, grouped, say},
    model_file,
};
use crate::{
    CompiledModel, CompilerConfig,
    planner::{self, DomainSpec, TableOptions, TableReport},
    settings::bytes,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

const AFTER_HELP: &str = "\
Examples:
  hologram compile churn.onnx                          writes churn.holo beside the working folder's files
  hologram compile forest.txt -o models/risk.holo --name risk
  hologram compile net.onnx --columns age,income,plan  names the columns of the model's one [rows, 3] input
  hologram compile net.onnx --report json              what was done, for programs
  hologram compile plans.onnx --mode table --domain age=0..120 --domain plan=basic,plus,pro
                                                       every answer worked out beforehand";

/// Compile a model file into a .holo archive.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The model: ONNX, LightGBM text, XGBoost JSON or UBJSON, CatBoost JSON; its bytes tell which.
    #[arg(value_name = "MODEL", value_hint = clap::ValueHint::FilePath)]
    model: PathBuf,
    /// The archive to write; the model's file name with .holo, in the working folder, without this.
    #[arg(short, long, value_name = "OUT.holo", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// The name that the model gets; the file's stem without this.
    #[arg(long)]
    name: Option<String>,
    /// Names for the columns of a single [rows, columns] input, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "A,B,C")]
    columns: Vec<String>,
    /// What is worked out beforehand: see docs/concepts/tables.
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// Bytes that the tables of the archive may take together.
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "64MiB")]
    memory_budget: usize,
    /// The values that a column has: a,b,c or 0..9 (both ends are in); may be repeated. Other values are computed.
    #[arg(long, value_name = "COLUMN=VALUES")]
    domain: Vec<DomainSpec>,
    /// What to write to stdout about it.
    #[arg(long, value_enum, default_value_t = Report::Text)]
    report: Report,
}

impl Arguments {
    /// The arguments of a plain `compile MODEL -o OUTPUT`.
    pub(super) fn new(model: PathBuf, output: PathBuf) -> Self {
        Self {
            model,
            output: Some(output),
            name: None,
            columns: Vec::new(),
            mode: Mode::Auto,
            memory_budget: TableOptions::default().memory_budget as usize,
            domain: Vec::new(),
            report: Report::Text,
        }
    }

    fn tables(&self) -> TableOptions {
        let mode = match self.mode {
            Mode::Auto => planner::Mode::Auto,
            Mode::Exact => planner::Mode::Exact,
            Mode::Table => planner::Mode::Table,
        };
        let (memory_budget, domains) = (self.memory_budget as u64, self.domain.clone());
        TableOptions { mode, memory_budget, domains, ..TableOptions::default() }
    }
}

/// What is worked out beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Tables where the model's rows are few, or where --domain makes them so and the budget holds them.
    Auto,
    /// Nothing: each row is computed.
    Exact,
    /// A table, or an error that says what stands in its way.
    Table,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Report {
    /// A few lines.
    Text,
    /// One JSON object.
    Json,
    /// Nothing.
    None,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    model_file::check_exists(&arguments.model)?;
    if model_file::is_archive(&arguments.model).unwrap_or(false) {
        return Err(Failure::invalid(format!("{}: this is an archive already", arguments.model.display()))
            .hint("compile the model file that it was made from"));
    }
    let output = match &arguments.output {
        Some(path) => path.clone(),
        None => PathBuf::from(arguments.model.file_stem().unwrap_or_default()).with_extension("holo"),
    };
    let start = Instant::now();
    let config = CompilerConfig {
        name: arguments.name.clone(),
        columns: arguments.columns.clone(),
        tables: arguments.tables(),
        ..CompilerConfig::default()
    };
    let model = model_file::compile(context, &arguments.model, config)?;
    model.write_file(&output)?;
    let elapsed = start.elapsed();
    let bytes = std::fs::metadata(&output).map_err(|e| Failure::from(e).at(output.display()))?.len();
    match arguments.report {
        Report::None => Ok(()),
        Report::Json => {
            let report = json(&model, &output.display().to_string(), bytes, elapsed.as_secs_f64());
            say(format_args!("{report:#}"))
        }
        Report::Text => say(text(&model, &output.display().to_string(), bytes, &duration_text(elapsed))),
    }
}

fn text(model: &CompiledModel, output: &str, bytes: u64, elapsed: &str) -> String {
    let mut lines = vec![format!("{output}: {} bytes, compiled in {elapsed}", grouped(bytes))];
    for entry in &model.entries {
        let rows = if entry.rows.independent { "independent" } else { "dependent" };
        lines.push(format!(
            "  {} ({}): {}, {}, rows {rows}: {}",
            entry.name,
            counted(entry.graph.node_count(), "node"),
            counted(entry.inputs.len(), "input"),
            counted(entry.outputs.len(), "output"),
            entry.rows.reason
        ));
        lines.extend(entry.decisions.iter().map(|decision| format!("    {decision}")));
        lines.extend(entry.table.iter().map(|table| format!("    {}", filled(&table.report))));
    }
    for pass in &model.passes {
        lines.push(format!("  pass {}: {} to {} nodes", pass.name, pass.nodes_before, pass.nodes_after));
    }
    lines.join("\n")
}

/// How long the filling of a table took.
fn filled(report: &TableReport) -> String {
    let [thought, took] = [report.seconds_estimated, report.seconds].map(|s| duration_text(Duration::from_secs_f64(s)));
    format!("filled in {took}, {thought} were expected")
}

fn json(model: &CompiledModel, output: &str, bytes: u64, seconds: f64) -> serde_json::Value {
    let entries: Vec<serde_json::Value> = model
        .entries
        .iter()
        .map(|e| {
            serde_json::json!({
                "name": e.name,
                "nodes": e.graph.node_count(),
                "inputs": e.inputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
                "outputs": e.outputs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
                "rows": { "independent": e.rows.independent, "fixed": e.rows.fixed, "reason": e.rows.reason },
                "decisions": e.decisions,
                "table": e.table.as_ref().map(|table| table_json(&table.report)),
            })
        })
        .collect();
    let passes: Vec<serde_json::Value> = model.passes.iter().map(pass_json).collect();
    serde_json::json!({
        "archive": output, "name": model.name, "bytes": bytes, "seconds": seconds,
        "entry_points": entries, "passes": passes,
    })
}

/// What a table took, as JSON.
fn table_json(report: &TableReport) -> serde_json::Value {
    serde_json::json!({
        "entries": report.entries, "bytes": report.bytes, "checked": report.checked,
        "seconds_estimated": report.seconds_estimated, "seconds": report.seconds,
    })
}

/// What a pass did, as JSON.
fn pass_json(pass: &crate::plan::PassRecord) -> serde_json::Value {
    serde_json::json!({
        "name": pass.name, "nodes_before": pass.nodes_before, "nodes_after": pass.nodes_after, "note": pass.note,
    })
}
