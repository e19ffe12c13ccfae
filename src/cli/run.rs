//! `hologram run`: a model over a file of rows, or over tensors.

use super::{
    Context, Failure, Result, batches_in,
    batches_out::{Format, Writer},
    console::{self, duration_text, grouped, say},
    model_file, tensor_files,
};
use crate::{
    ErrorKind, Session,
    ops::{
        Tensor, Value,
        control::{Budget, Control},
    },
    rows::{BindOptions, Binding, RowSession},
    settings::nearest,
};
use arrow::compute::concat_batches;
use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

const AFTER_HELP: &str = "\
Rows: columns are found by the names of the model's inputs or of its features; predictions are added behind the columns \
of the input, each under the name of its output. The format of a file is told by its ending: .parquet, .csv, .tsv, \
.json, .jsonl, .arrow.

Examples:
  hologram run churn.holo --input customers.parquet --output scored.parquet
  hologram run churn.onnx --input customers.csv --select id,label   CSV to stdout
  hologram run net.onnx --tensors set_0                   reads set_0/input_0.pb, prints the outputs
  hologram run net.onnx --tensors set_0 --output answers  writes answers/output_0.pb";

/// Run a model over rows of a file, or over tensors.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["input", "tensors"]))]
pub(super) struct Arguments {
    /// A .holo archive or a model file.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    model: PathBuf,
    /// A file of rows: Parquet, CSV, JSON lines or Arrow.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    input: Option<PathBuf>,
    /// A folder with input_0.pb, input_1.pb, ...: ONNX tensors, sequences, maps or optionals, as the model takes them.
    #[arg(short, long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    tensors: Option<PathBuf>,
    /// Where to write: a file for rows, a folder for tensors; stdout without this.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
    output: Option<PathBuf>,
    /// How rows are written; the output's ending says it without this, and stdout gets CSV.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The columns to write, of the input and of the predictions, separated by commas; all of them without this.
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS", conflicts_with = "tensors")]
    select: Vec<String>,
    /// The entry point; the default one without this.
    #[arg(long, value_name = "NAME")]
    entry: Option<String>,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let session = model_file::open(context, &arguments.model)?.session(arguments.entry.as_deref())?;
    match (&arguments.input, &arguments.tensors) {
        (Some(input), _) => rows(context, session, input, arguments),
        (None, Some(folder)) => tensors(context, &session, folder, arguments.output.as_deref()),
        (None, None) => Err(Failure::invalid("neither --input nor --tensors is given")),
    }
}

fn control(context: &Context) -> Control {
    match context.settings.values().memory_limit_bytes {
        Some(bytes) => Control { account: Arc::new(Budget::new(bytes)), ..Control::default() },
        None => Control::default(),
    }
}

fn tensors(context: &Context, session: &Session, folder: &Path, output: Option<&Path>) -> Result<()> {
    let signature = session.signature();
    let inputs = tensor_files::read(folder, &signature.inputs)?;
    let outputs = session.run_values(inputs, &control(context)).map_err(|e| exhausted(e.into()))?;
    if let Some(folder) = output {
        return tensor_files::write(folder, &signature.outputs, &outputs);
    }
    for (port, value) in signature.outputs.iter().zip(&outputs) {
        say(format_args!("{}: {}", port.name, value_text(value)?))?;
    }
    Ok(())
}

/// Elements of a tensor that are printed; files hold them all.
const ELEMENTS_SHOWN: usize = 16;

/// A value with its first elements.
fn value_text(value: &Value) -> Result<String> {
    let Value::Tensor(tensor) = value else { return Ok(format!("{value:?}")) };
    if tensor.len() <= ELEMENTS_SHOWN {
        return Ok(format!("{tensor:?}"));
    }
    let start = match tensor.buffer() {
        Ok(buffer) => {
            let bytes = buffer.slice_with_length(0, ELEMENTS_SHOWN * tensor.dtype().size());
            Tensor::from_buffer(tensor.dtype(), [ELEMENTS_SHOWN], bytes)?
        }
        Err(_) => {
            let strings = tensor.as_strings()?.slice(0, ELEMENTS_SHOWN);
            Tensor::from_strings([ELEMENTS_SHOWN], strings)?
        }
    };
    let start = format!("{start:?}");
    let elements = start.split_once(" [").map_or("", |(_, elements)| elements.trim_end_matches(']'));
    Ok(format!("{}{:?} [{elements}, ...]", tensor.dtype(), tensor.shape()))
}

fn exhausted(failure: Failure) -> Failure {
    match failure.kind() {
        ErrorKind::Exhausted => failure.hint("raise --memory-limit, or lower --batch-rows"),
        _ => failure,
    }
}

fn rows(context: &Context, session: Session, input: &Path, arguments: &Arguments) -> Result<()> {
    let values = context.settings.values();
    let start = Instant::now();
    let mut batches = batches_in::open(input, values.batch_rows)?;
    let schema = batches.schema();
    let options = BindOptions { nulls: values.nulls, casts: values.casts, rows_max: None };
    let binding = Binding::named(session.signature(), schema.fields(), &options)
        .map_err(|e| Failure::from(e).at(input.display()))?;
    binding.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    binding.casts().iter().for_each(|cast| tracing::info!("{cast}"));
    let columns = Columns::new(&schema, &binding, session.signature().outputs.len(), &arguments.select)?;
    let runner = RowSession::new(session, binding)?;
    let format = Format::choose(arguments.format, arguments.output.as_deref(), Format::Csv)?;
    let mut writer = Writer::open(arguments.output.as_deref(), format, columns.schema.clone())?;
    let progress = console::progress(context, format!("reading {}", input.display()));
    let control = control(context);
    let mut done = 0usize;
    let mut score = |batch: &RecordBatch| -> Result<()> {
        let given: Vec<ArrayRef> = runner.binding().columns().iter().map(|c| batch.column(*c).clone()).collect();
        let (answer, stats) = runner
            .run(&given, batch.num_rows(), &control)
            .map_err(|e| exhausted(e.into()).at(format_args!("{}, rows from {done} on", input.display())))?;
        if stats.null_rows > 0 {
            tracing::info!(rows = stats.null_rows, "answered with NULL because a column was NULL");
        }
        writer.write(&columns.batch(batch, &answer)?)?;
        done += batch.num_rows();
        progress.set(|| format!("{} rows, {}", grouped(done), duration_text(start.elapsed())));
        Ok(())
    };
    let read = |e: arrow_schema::ArrowError| Failure::from(e).at(input.display());
    if runner.rows_best() == usize::MAX {
        // Rows that touch each other run together.
        let all = batches.by_ref().collect::<Result<Vec<_>, _>>().map_err(read)?;
        score(&concat_batches(&schema, &all)?)?;
    } else {
        for batch in batches {
            score(&batch.map_err(read)?)?;
        }
    }
    drop(progress);
    let rows = writer.finish()?;
    if console::is_watched() {
        console::note(format_args!("{} in {}", console::counted(rows, "row"), duration_text(start.elapsed())));
    }
    Ok(())
}

/// The columns that are written: of the input, and of the predictions.
struct Columns {
    schema: SchemaRef,
    /// Which column of the input's columns followed by the predictions.
    picked: Vec<usize>,
    split: bool,
}

impl Columns {
    fn new(input: &Schema, binding: &Binding, outputs: usize, select: &[String]) -> Result<Self> {
        let answer = binding.output();
        let (split, predictions): (bool, Vec<FieldRef>) = match answer.data_type() {
            // Several outputs come in one struct, and become columns of their own.
            DataType::Struct(fields) if outputs > 1 => (true, fields.iter().cloned().collect()),
            _ => (false, vec![answer.clone()]),
        };
        let mut fields: Vec<FieldRef> = input.fields().iter().cloned().collect();
        for field in predictions {
            let mut name = field.name().clone();
            while fields.iter().any(|f| *f.name() == name) {
                name = format!("predicted_{name}");
            }
            fields.push(Arc::new(Field::clone(&field).with_name(name)));
        }
        let mut picked: Vec<usize> = (0..fields.len()).collect();
        if !select.is_empty() {
            let find = |name: &String| {
                fields.iter().position(|f| f.name() == name).ok_or_else(|| {
                    let failure = Failure::new(ErrorKind::Missing, format!("--select: no column is named '{name}'"));
                    match nearest(name, fields.iter().map(|f| f.name().as_str())) {
                        Some(near) => failure.hint(format!("did you mean '{near}'?")),
                        None => failure.hint("columns of the input and outputs of the model can be selected"),
                    }
                })
            };
            picked = select.iter().map(find).collect::<Result<_>>()?;
        }
        let schema = Schema::new(picked.iter().map(|i| fields[*i].clone()).collect::<Vec<_>>());
        Ok(Self { schema: Arc::new(schema), picked, split })
    }

    fn batch(&self, input: &RecordBatch, answer: &ArrayRef) -> Result<RecordBatch> {
        let mut all = input.columns().to_vec();
        if self.split {
            all.extend(answer.as_struct().columns().iter().map(|c| masked(c, answer)).collect::<Result<Vec<_>>>()?);
        } else {
            all.push(answer.clone());
        }
        let columns = self.picked.iter().map(|i| all[*i].clone()).collect();
        Ok(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// A field of the answer, NULL where the answer is.
fn masked(column: &ArrayRef, answer: &ArrayRef) -> Result<ArrayRef> {
    if answer.null_count() == 0 {
        return Ok(column.clone());
    }
    let rows: arrow_array::UInt64Array =
        (0u64..).zip(0..answer.len()).map(|(at, row)| answer.is_valid(row).then_some(at)).collect();
    Ok(arrow::compute::take(column, &rows, None)?)
}
