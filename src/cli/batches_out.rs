//! Rows to files and to stdout: tables for people, CSV, JSON lines, Parquet and Arrow for programs.

use super::{Failure, Result, batches_in::parquet_failure, console};
use arrow::{compute::take, util::display::ArrayFormatter};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt64Array, cast::AsArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Rows of a table for people; more are counted and not drawn.
const TABLE_ROWS_MAX: usize = 1_000;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A drawn table, for reading.
    Table,
    /// Comma-separated values with a header; structs become columns, lists text.
    Csv,
    /// One JSON object a line.
    Json,
    /// Parquet.
    Parquet,
    /// An Arrow IPC file.
    Arrow,
}

impl Format {
    /// The format that a file's ending stands for.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "feather" | "ipc" => Some(Self::Arrow),
            "txt" => Some(Self::Table),
            _ => None,
        }
    }

    /// What is asked for, else what the file's ending stands for, else the default of stdout.
    pub(super) fn choose(asked: Option<Self>, path: Option<&Path>, otherwise: Self) -> Result<Self> {
        match (asked, path) {
            (Some(format), _) => Ok(format),
            (None, Some(path)) => Self::of_path(path).ok_or_else(|| {
                Failure::invalid(format!("{}: its ending does not say how to write it", path.display()))
                    .hint("name it .csv, .json, .parquet or .arrow, or give --format")
            }),
            (None, None) => Ok(otherwise),
        }
    }
}

type Sink = Box<dyn Write + Send>;

enum Kind {
    Table { batches: Vec<RecordBatch>, rows: usize, sink: Sink },
    Csv(Box<arrow::csv::Writer<Sink>>),
    Json(arrow::json::LineDelimitedWriter<Sink>),
    Parquet(Box<parquet::arrow::ArrowWriter<Sink>>),
    Arrow(Box<arrow::ipc::writer::FileWriter<Sink>>),
}

/// Writes batches of one schema. What goes to a file is written beside it and moved there by [`finish`](Self::finish), so
/// that a failure leaves what was there before.
pub(super) struct Writer {
    kind: Kind,
    schema: SchemaRef,
    file: Option<Partial>,
    rows: usize,
}

/// A file that is not yet in its place; it is removed unless it gets there.
struct Partial {
    partial: PathBuf,
    path: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is not there when it was moved; that it cannot be removed changes nothing for the caller.
        let _ = std::fs::remove_file(&self.partial);
    }
}

impl Writer {
    /// A writer of this format to a file, or to stdout.
    pub(super) fn open(path: Option<&Path>, format: Format, schema: SchemaRef) -> Result<Self> {
        let (sink, file): (Sink, _) = match path {
            None if matches!(format, Format::Parquet | Format::Arrow) && console::is_terminal() => {
                return Err(Failure::invalid("bytes of a file are nothing for a terminal").hint("give -o FILE"));
            }
            None => (Box::new(BufWriter::new(console::Stdout::new())), None),
            Some(path) => {
                let mut partial = path.as_os_str().to_owned();
                partial.push(format!(".{}.partial", std::process::id()));
                let partial = PathBuf::from(partial);
                let file = File::create(&partial).map_err(|e| Failure::from(e).at(path.display()))?;
                (Box::new(BufWriter::new(file)), Some(Partial { partial, path: path.to_owned() }))
            }
        };
        let kind = match format {
            Format::Table => Kind::Table { batches: Vec::new(), rows: 0, sink },
            Format::Csv => {
                let mut writer = arrow::csv::Writer::new(sink);
                // The header is there even when no row is.
                writer.write(&flat(&RecordBatch::new_empty(schema.clone()))?)?;
                Kind::Csv(Box::new(writer))
            }
            Format::Json => Kind::Json(arrow::json::LineDelimitedWriter::new(sink)),
            Format::Parquet => {
                let properties = parquet::file::properties::WriterProperties::builder()
                    .set_compression(parquet::basic::Compression::SNAPPY)
                    .build();
                let writer = parquet::arrow::ArrowWriter::try_new(sink, schema.clone(), Some(properties));
                Kind::Parquet(Box::new(writer.map_err(parquet_failure)?))
            }
            Format::Arrow => Kind::Arrow(Box::new(arrow::ipc::writer::FileWriter::try_new(sink, &schema)?)),
        };
        Ok(Self { kind, schema, file, rows: 0 })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        match &mut self.kind {
            Kind::Table { batches, rows, .. } => {
                let kept = batch.num_rows().min(TABLE_ROWS_MAX.saturating_sub(*rows));
                *rows += kept;
                if kept > 0 {
                    batches.push(batch.slice(0, kept));
                }
            }
            Kind::Csv(writer) if batch.num_rows() > 0 => writer.write(&flat(batch)?)?,
            Kind::Csv(_) => {}
            Kind::Json(writer) => writer.write(batch)?,
            Kind::Parquet(writer) => writer.write(batch).map_err(parquet_failure)?,
            Kind::Arrow(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Ends the file and puts it into its place; gives the number of rows.
    pub(super) fn finish(self) -> Result<usize> {
        let mut sink = match self.kind {
            Kind::Table { mut batches, rows, mut sink } => {
                if is_plan(&self.schema) {
                    write_plan(&mut sink, &batches)?;
                } else {
                    if batches.is_empty() {
                        batches.push(RecordBatch::new_empty(self.schema));
                    }
                    let options = arrow::util::display::FormatOptions::default().with_null("NULL");
                    writeln!(sink, "{}", arrow::util::pretty::pretty_format_batches_with_options(&batches, &options)?)?;
                }
                if self.rows > rows {
                    let (all, more) = (console::grouped(self.rows), console::grouped(self.rows - rows));
                    writeln!(sink, "... {more} more of {all} rows; write a file with -o FILE to have them all")?;
                }
                sink
            }
            Kind::Csv(writer) => writer.into_inner(),
            Kind::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Kind::Parquet(writer) => writer.into_inner().map_err(parquet_failure)?,
            Kind::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
        };
        sink.flush()?;
        drop(sink);
        if let Some(file) = &self.file {
            std::fs::rename(&file.partial, &file.path).map_err(|e| Failure::from(e).at(file.path.display()))?;
        }
        Ok(self.rows)
    }
}

/// Whether these are the rows of an EXPLAIN, whose cells are texts of many lines.
fn is_plan(schema: &Schema) -> bool {
    schema.fields().iter().map(|f| f.name().as_str()).eq(["plan_type", "plan"])
}

/// The plans of an EXPLAIN as text: a table would be as wide as its longest line.
fn write_plan(sink: &mut Sink, batches: &[RecordBatch]) -> Result<()> {
    for batch in batches {
        let options = arrow::util::display::FormatOptions::default();
        let [kinds, plans] = [0, 1].map(|c| ArrayFormatter::try_new(batch.column(c), &options));
        let (kinds, plans) = (kinds?, plans?);
        for row in 0..batch.num_rows() {
            writeln!(sink, "{}:", kinds.value(row))?;
            for line in plans.value(row).to_string().lines() {
                writeln!(sink, "  {line}")?;
            }
        }
    }
    Ok(())
}

/// The batch without nesting, as CSV needs it: structs become columns named `outer.inner`, lists text.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        flatten(field.name(), array, &mut fields, &mut arrays)?;
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?)
}

fn flatten(name: &str, array: &ArrayRef, fields: &mut Vec<Field>, arrays: &mut Vec<ArrayRef>) -> Result<()> {
    let (ty, array): (DataType, ArrayRef) = match array.data_type() {
        DataType::Struct(children) => {
            let whole = array.as_struct();
            // A row without the struct is without its fields.
            let rows: UInt64Array =
                (0u64..).zip(0..array.len()).map(|(at, row)| array.is_valid(row).then_some(at)).collect();
            for (child, column) in children.iter().zip(whole.columns()) {
                let column = if array.null_count() > 0 { take(column, &rows, None)? } else { column.clone() };
                flatten(&format!("{name}.{}", child.name()), &column, fields, arrays)?;
            }
            return Ok(());
        }
        ty if ty.is_nested() && !matches!(ty, DataType::Dictionary(_, values) if !values.is_nested()) => {
            let options = arrow::util::display::FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options)?;
            let texts: StringArray =
                (0..array.len()).map(|row| array.is_valid(row).then(|| formatter.value(row).to_string())).collect();
            (DataType::Utf8, Arc::new(texts))
        }
        ty => (ty.clone(), array.clone()),
    };
    fields.push(Field::new(name, ty, true));
    arrays.push(array);
    Ok(())
}
