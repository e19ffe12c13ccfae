//! Rows from files: Parquet, CSV, JSON lines and Arrow, a batch at a time.

use super::{Failure, Result, model_file};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    path::Path,
    sync::Arc,
};

/// A stream of batches of one schema.
pub(super) type Batches = Box<dyn RecordBatchReader>;

const ENDINGS: &str = ".parquet, .csv, .tsv, .json, .jsonl, .ndjson, .arrow, .feather or .ipc";

/// Opens a file of rows; its ending says what it is.
pub(super) fn open(path: &Path, batch_rows: usize) -> Result<Batches> {
    model_file::check_exists(path)?;
    let place = |failure: Failure| failure.at(path.display());
    let file = File::open(path).map_err(|e| place(e.into()))?;
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let opened = match ending.as_str() {
        "parquet" | "pq" => parquet(file, batch_rows),
        "csv" => csv(file, b',', batch_rows),
        "tsv" => csv(file, b'\t', batch_rows),
        "json" | "jsonl" | "ndjson" => json(file, batch_rows),
        "arrow" | "feather" | "ipc" => ipc(file),
        _ => Err(Failure::invalid(format!("{}: its ending does not say what it holds", path.display()))
            .hint(format!("name it {ENDINGS}"))),
    };
    opened.map_err(place)
}

fn parquet(file: File, batch_rows: usize) -> Result<Batches> {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_failure)?;
    Ok(Box::new(builder.with_batch_size(batch_rows).build().map_err(parquet_failure)?))
}

/// What Parquet says, by what the caller can do.
pub(super) fn parquet_failure(error: parquet::errors::ParquetError) -> Failure {
    use parquet::errors::ParquetError as E;
    let kind = match &error {
        E::NYI(_) => crate::ErrorKind::Unsupported,
        E::EOF(_) | E::General(_) | E::IndexOutOfBound(..) => crate::ErrorKind::Corrupt,
        _ => crate::ErrorKind::Invalid,
    };
    Failure::new(kind, error.to_string())
}

fn csv(mut file: File, delimiter: u8, batch_rows: usize) -> Result<Batches> {
    use arrow::csv::reader::{Format, ReaderBuilder};
    let format = Format::default().with_header(true).with_delimiter(delimiter);
    // Types are inferred from every row, so that a value far down changes the type instead of failing.
    let (schema, _) = format.infer_schema(BufReader::new(&mut file), None)?;
    file.rewind()?;
    let builder = ReaderBuilder::new(Arc::new(schema)).with_format(format).with_batch_size(batch_rows);
    Ok(Box::new(builder.build_buffered(BufReader::new(file))?))
}

fn json(file: File, batch_rows: usize) -> Result<Batches> {
    let mut reader = BufReader::new(file);
    if first_byte(&mut reader)? == Some(b'[') {
        return json_array(reader, batch_rows);
    }
    let (schema, _) = arrow::json::reader::infer_json_schema_from_seekable(&mut reader, None)?;
    let builder = arrow::json::ReaderBuilder::new(Arc::new(schema)).with_batch_size(batch_rows);
    Ok(Box::new(builder.build(reader)?))
}

/// The first byte that is no white space; the reader is left at the start.
fn first_byte(reader: &mut BufReader<File>) -> Result<Option<u8>> {
    let start = reader.fill_buf()?;
    Ok(start.iter().copied().find(|b| !b.is_ascii_whitespace()))
}

/// One array of objects instead of one object a line.
fn json_array(mut reader: BufReader<File>, batch_rows: usize) -> Result<Batches> {
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&text).map_err(|e| Failure::invalid(format!("no JSON: {e}")))?;
    let schema =
        arrow::json::reader::infer_json_schema_from_iterator(rows.iter().map(Ok::<_, arrow_schema::ArrowError>))?;
    let mut decoder = arrow::json::ReaderBuilder::new(Arc::new(schema)).with_batch_size(batch_rows).build_decoder()?;
    let mut batches = Vec::new();
    for chunk in rows.chunks(batch_rows) {
        decoder.serialize(chunk)?;
        batches.extend(decoder.flush()?);
    }
    let schema = batches.first().map_or_else(|| Arc::new(arrow_schema::Schema::empty()), RecordBatch::schema);
    Ok(Box::new(RecordBatchIterator::new(batches.into_iter().map(Ok), schema)))
}

fn ipc(file: File) -> Result<Batches> {
    let mut reader = BufReader::new(file);
    let start = reader.fill_buf()?;
    if start.starts_with(b"ARROW1") {
        Ok(Box::new(arrow::ipc::reader::FileReader::try_new(reader, None)?))
    } else {
        Ok(Box::new(arrow::ipc::reader::StreamReader::try_new(reader, None)?))
    }
}
