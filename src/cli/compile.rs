//! `hologram compile`: a model file becomes an archive.

use super::{
    Context, Failure, Result, batches_in,
    console::{counted, duration_text, grouped, say},
    model_file,
};
use crate::{
    CompiledModel, CompilerConfig,
    planner::{
        self, CalibrationRows, CompiledTable, DomainSpec, OccurringValues, QuantizeOptions, QuantizeReport, Scheme,
        TableAnswers, TableOptions,
    },
    rows::BindOptions,
    settings::bytes,
};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const AFTER_HELP: &str = "\
Examples:
  hologram compile churn.onnx                          writes churn.holo beside the working folder's files
  hologram compile forest.txt -o models/risk.holo --name risk
  hologram compile net.onnx --columns age,income,plan  names the columns of the model's one [rows, 3] input
  hologram compile net.onnx --report json              what was done, for programs
  hologram compile plans.onnx --mode table --domain age=0..120 --domain plan=basic,plus,pro
                                                       every answer worked out beforehand
  hologram compile churn.onnx --domains-of customers.parquet
                                                       the same, of the values that occur in a table
  hologram compile places.onnx --mode table --fill-on-demand --memory-budget 1GiB
                                                       answers worked out when rows ask for them
  hologram compile net.onnx --mode quantized --calibrate rows.parquet --accuracy 0.995
                                                       layers in eight bits, as far as the answers stay the same";

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
    /// How answers come about: see docs/concepts/tables and docs/concepts/quantized.
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    mode: Mode,
    /// Bytes that the tables of the archive may take together.
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "64MiB")]
    memory_budget: usize,
    /// Tables hold no answers: rows fill the blocks that they ask for, in memory, up to --memory-budget.
    #[arg(long)]
    fill_on_demand: bool,
    /// The values that a column has: a,b,c or 0..9 (both ends are in); may be repeated. Other values are computed.
    #[arg(long, value_name = "COLUMN=VALUES")]
    domain: Vec<DomainSpec>,
    /// A file of rows: columns whose values are not known otherwise have those that occur in it. Other values are computed.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    domains_of: Option<PathBuf>,
    /// Rows to choose eight bits by and to measure the answers on, with the columns that the model reads.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    calibrate: Option<PathBuf>,
    /// How much the answers of --mode quantized and pq agree with the exact ones, at least: a share of labels, of variance
    /// (R²); 0.99 without this.
    #[arg(long, value_name = "SHARE")]
    accuracy: Option<f64>,
    /// Allows --mode pq.
    #[arg(long)]
    experimental: bool,
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
            fill_on_demand: false,
            domain: Vec::new(),
            domains_of: None,
            calibrate: None,
            accuracy: None,
            experimental: false,
            report: Report::Text,
        }
    }

    fn tables(&self, context: &Context) -> Result<TableOptions> {
        let mode = match self.mode {
            Mode::Auto | Mode::Quantized | Mode::Pq => planner::Mode::Auto,
            Mode::Exact => planner::Mode::Exact,
            Mode::Table => planner::Mode::Table,
        };
        let mut occurring = OccurringValues::new();
        if let Some(path) = &self.domains_of {
            for batch in batches_in::open(path, context.settings.values().batch_rows)? {
                occurring.push(&batch.map_err(|e| Failure::from(e).at(path.display()))?)?;
            }
        }
        if self.fill_on_demand && mode == planner::Mode::Exact {
            return Err(Failure::invalid("--fill-on-demand is for tables, and --mode exact makes none"));
        }
        Ok(TableOptions {
            mode,
            memory_budget: self.memory_budget as u64,
            on_demand: self.fill_on_demand,
            domains: self.domain.clone(),
            occurring,
            ..TableOptions::default()
        })
    }

    fn quantize(&self, context: &Context) -> Result<Option<QuantizeOptions>> {
        let (mode, scheme) = match self.mode {
            Mode::Quantized => ("--mode quantized", Scheme::Int8),
            Mode::Pq => ("--mode pq", Scheme::Codebooks),
            _ => {
                let given = [("--calibrate", self.calibrate.is_some()), ("--accuracy", self.accuracy.is_some())];
                let given = given.into_iter().chain([("--experimental", self.experimental)]).find(|(_, given)| *given);
                return match given {
                    Some((name, _)) => Err(Failure::invalid(format!("{name} is for --mode quantized and --mode pq"))),
                    None => Ok(None),
                };
            }
        };
        if scheme == Scheme::Codebooks && !self.experimental {
            return Err(Failure::invalid("--mode pq is an experiment, which keeps less of the answers than int8 does")
                .hint("allow it with --experimental, or take --mode quantized"));
        }
        let Some(path) = &self.calibrate else {
            return Err(Failure::invalid(format!("{mode} has no calibration data"))
                .hint("give rows like those it will be asked about: --calibrate rows.parquet"));
        };
        let values = context.settings.values();
        let bind = BindOptions { nulls: values.nulls, casts: values.casts, rows_max: None };
        let calibration = calibration(path, values.batch_rows)?;
        let accuracy = self.accuracy.unwrap_or(QuantizeOptions::default().accuracy);
        Ok(Some(QuantizeOptions { scheme, accuracy, calibration, bind, ..QuantizeOptions::default() }))
    }
}

/// The rows of a file, or as many of them as are kept.
fn calibration(path: &Path, batch_rows: usize) -> Result<CalibrationRows> {
    let mut rows = CalibrationRows::new();
    for batch in batches_in::open(path, batch_rows)? {
        rows.push(&batch.map_err(|e| Failure::from(e).at(path.display()))?)?;
    }
    match rows.is_empty() {
        true => Err(Failure::invalid(format!("{}: no rows to calibrate with", path.display()))),
        false => Ok(rows),
    }
}

/// How answers come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// Tables where the model's rows are few, or where --domain or --domains-of makes them so and the budget holds them.
    Auto,
    /// Nothing: each row is computed.
    Exact,
    /// A table, or an error that says what stands in its way.
    Table,
    /// Products and convolutions in eight bits, as far as the answers on the rows of --calibrate agree by --accuracy.
    Quantized,
    /// The same of wide products by codebooks of their inputs (product quantization); needs --experimental.
    Pq,
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
        quantize: arguments.quantize(context)?,
        tables: arguments.tables(context)?,
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
        lines.extend(entry.table.iter().map(|table| format!("    {}", filled(table))));
    }
    for pass in &model.passes {
        lines.push(format!("  pass {}: {} to {} nodes", pass.name, pass.nodes_before, pass.nodes_after));
    }
    lines.join("\n")
}

/// How long the filling of a table took, or would take.
fn filled(table: &CompiledTable) -> String {
    let [thought, took] =
        [table.report.seconds_estimated, table.report.seconds].map(|s| duration_text(Duration::from_secs_f64(s)));
    match table.answers {
        TableAnswers::Filled(_) => format!("filled in {took}, {thought} were expected"),
        TableAnswers::OnDemand { .. } => format!("all of it would take about {thought} on one core"),
    }
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
                "quantized": e.quantized.as_ref().map(quantized_json),
                "table": e.table.as_ref().map(table_json),
            })
        })
        .collect();
    let passes: Vec<serde_json::Value> = model.passes.iter().map(pass_json).collect();
    serde_json::json!({
        "archive": output, "name": model.name, "bytes": bytes, "seconds": seconds,
        "entry_points": entries, "passes": passes,
    })
}

/// What became of the layers, as JSON.
fn quantized_json(report: &QuantizeReport) -> serde_json::Value {
    let layers = report.layers.iter().map(|layer| {
        serde_json::json!({
            "name": layer.name, "computes": layer.about, "weights": layer.weights, "quantized": layer.is_quantized,
            "error": layer.error, "loss": layer.loss,
        })
    });
    serde_json::json!({
        "scheme": report.scheme.to_string(), "agreement": report.agreement, "asked": report.asked, "rows": report.rows,
        "layers": layers.collect::<Vec<_>>(),
    })
}

/// What a table took, as JSON.
fn table_json(table: &CompiledTable) -> serde_json::Value {
    let report = &table.report;
    serde_json::json!({
        "entries": report.entries, "bytes": report.bytes, "checked": report.checked,
        "seconds_estimated": report.seconds_estimated, "seconds": report.seconds,
        "on_demand": matches!(table.answers, TableAnswers::OnDemand { .. }),
    })
}

/// What a pass did, as JSON.
fn pass_json(pass: &crate::plan::PassRecord) -> serde_json::Value {
    serde_json::json!({
        "name": pass.name, "nodes_before": pass.nodes_before, "nodes_after": pass.nodes_after, "note": pass.note,
    })
}
