//! `hologram store`: batches in a folder or an object store, under coordinates.

mod place;

use super::{
    Failure, Result, batches_in,
    batches_out::{Format, Writer},
    console::{columns, grouped, say},
};
use crate::{
    ErrorKind,
    store::{Coordinate, tier::ld::Format as ObjectFormat},
};
use arrow::compute::concat_batches;
use arrow_array::RecordBatchReader;
use place::Folder;
use std::{
    ops::Bound,
    path::{Path, PathBuf},
    time::Duration,
};

const AFTER_HELP: &str = "\
A coordinate is a path of strata, each class.page.byte.lane, as 3.0.17.0 or 3.0.17.0/0.0.0.5.

Examples:
  hologram store put kept 3.0.17.0 scored.parquet      durable when the command returns
  hologram store get kept 3.0.17.0 -o scored.csv
  hologram store scan kept --under 3.0.17.0            what lies below a coordinate, in order
  hologram store stats kept --json
  hologram store verify kept                           checks every byte
  hologram store compact kept                          gives the space of what was replaced back

In place of a folder, the URL of one in an object store: s3://bucket/folder (in builds with the feature `s3`) or
file:///folder. Any number of processes may share it. AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and the like are read
from the environment.
  hologram store put s3://bucket/kept 3.0.17.0 scored.parquet --parquet";

/// Keep, read and look after batches in a folder or an object store.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, clap::Subcommand)]
enum Commands {
    /// Keep the rows of a file under a coordinate.
    Put {
        #[command(flatten)]
        folder: Folder,
        /// The coordinate.
        at: Coordinate,
        /// A file of rows: Parquet, CSV, JSON lines or Arrow.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        input: PathBuf,
        /// After how many seconds the rows are as if they were not there.
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
        /// Change nothing unless this version is there now; 0 is nothing.
        #[arg(long, value_name = "VERSION")]
        expect: Option<u64>,
        /// In an object store, keep them as a Parquet file in place of an Arrow stream: smaller, and slower to read.
        #[arg(long)]
        parquet: bool,
    },
    /// Write the rows under a coordinate.
    Get {
        #[command(flatten)]
        folder: Folder,
        /// The coordinate.
        at: Coordinate,
        /// Where to write; stdout without this.
        #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::AnyPath)]
        output: Option<PathBuf>,
        /// How rows are written; the output's ending says it without this, and stdout gets CSV.
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// Take the rows under a coordinate out.
    Remove {
        #[command(flatten)]
        folder: Folder,
        /// The coordinate.
        at: Coordinate,
    },
    /// List coordinates in order, with version, rows, columns and bytes.
    Scan {
        #[command(flatten)]
        folder: Folder,
        /// The first coordinate.
        #[arg(long, value_name = "AT")]
        from: Option<Coordinate>,
        /// The coordinate to stop before.
        #[arg(long, value_name = "AT")]
        to: Option<Coordinate>,
        /// Only this coordinate and what lies below it.
        #[arg(long, value_name = "AT", conflicts_with_all = ["from", "to"])]
        under: Option<Coordinate>,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what is held.
    Stats {
        #[command(flatten)]
        folder: Folder,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check every batch against its digest.
    Verify {
        #[command(flatten)]
        folder: Folder,
    },
    /// Copy what is live together and give the rest of the disk back.
    Compact {
        #[command(flatten)]
        folder: Folder,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Commands::Put { folder, at, input, ttl, expect, parquet } => {
            let expected = expect.map(|version| Some(version).filter(|v| *v != 0));
            put(folder, at, input, *ttl, expected, *parquet)
        }
        Commands::Get { folder, at, output, format } => get(folder, at, output.as_deref(), *format),
        Commands::Remove { folder, at } => remove(folder, at),
        Commands::Scan { folder, from, to, under, json } => {
            let range = match under {
                Some(under) => under.range(),
                None => (
                    from.clone().map_or(Bound::Unbounded, Bound::Included),
                    to.clone().map_or(Bound::Unbounded, Bound::Excluded),
                ),
            };
            scan(folder, range, *json)
        }
        Commands::Stats { folder, json } => stats(folder, *json),
        Commands::Verify { folder } => verify(folder),
        Commands::Compact { folder } => compact(folder),
    }
}

fn put(
    folder: &Folder,
    at: &Coordinate,
    input: &Path,
    ttl: Option<u64>,
    expected: Option<Option<u64>>,
    parquet: bool,
) -> Result<()> {
    if parquet && folder.url().is_none() {
        return Err(Failure::new(ErrorKind::Invalid, "--parquet is for the URL of an object store".to_owned())
            .hint("a folder of this host keeps Arrow streams, which are read in place"));
    }
    let format = if parquet { ObjectFormat::Parquet } else { ObjectFormat::Arrow };
    let batches = batches_in::open(input, 65_536)?;
    let schema = batches.schema();
    let all = batches.collect::<Result<Vec<_>, _>>().map_err(|e| Failure::from(e).at(input.display()))?;
    let records = concat_batches(&schema, &all)?;
    let rows = records.num_rows();
    let version = folder.put(at, records, ttl.map(Duration::from_secs), expected, format)?;
    say(format_args!("{at}: {} rows, version {version}", grouped(rows)))
}

fn get(folder: &Folder, at: &Coordinate, output: Option<&Path>, format: Option<Format>) -> Result<()> {
    let batch = folder.open()?.find(at)?.ok_or_else(|| folder.nothing_at(at))?;
    let format = Format::choose(format, output, Format::Csv)?;
    let mut writer = Writer::open(output, format, batch.records().schema())?;
    writer.write(batch.records())?;
    writer.finish().map(drop)
}

fn remove(folder: &Folder, at: &Coordinate) -> Result<()> {
    if folder.open()?.remove(at)? { say(format_args!("{at}: removed")) } else { Err(folder.nothing_at(at)) }
}

fn scan(folder: &Folder, range: (Bound<Coordinate>, Bound<Coordinate>), json: bool) -> Result<()> {
    let mut rows = vec![["coordinate", "version", "rows", "columns", "bytes"].map(str::to_owned).to_vec()];
    let mut list = Vec::new();
    folder.open()?.each(range, |at, version, batch| {
        let (records, bytes) = (batch.records(), batch.size_bytes());
        list.push(serde_json::json!({
            "coordinate": at.to_string(), "version": version, "rows": records.num_rows(),
            "columns": records.num_columns(), "bytes": bytes,
        }));
        rows.push(vec![
            at.to_string(),
            version.to_string(),
            grouped(records.num_rows()),
            records.num_columns().to_string(),
            grouped(bytes),
        ]);
    })?;
    if json { say(format_args!("{:#}", serde_json::Value::Array(list))) } else { say(columns(&rows)) }
}

fn stats(folder: &Folder, json: bool) -> Result<()> {
    let stats = folder.open()?.stats();
    if json {
        let object = stats.into_iter().map(|(key, _, number)| (key.to_owned(), number.into())).collect();
        return say(format_args!("{:#}", serde_json::Value::Object(object)));
    }
    let rows: Vec<_> = stats.into_iter().map(|(_, words, number)| vec![words.to_owned(), grouped(number)]).collect();
    say(columns(&rows))
}

fn verify(folder: &Folder) -> Result<()> {
    let damaged = folder.open()?.verify()?;
    if damaged.is_empty() {
        return say(format_args!("{}: every batch matches its digest", folder.name()));
    }
    let names: Vec<String> = damaged.iter().take(8).map(ToString::to_string).collect();
    let (folder, count) = (folder.name(), damaged.len());
    Err(Failure::new(
        ErrorKind::Corrupt,
        format!("{folder}: {count} batches are damaged, {} among them", names.join(", ")),
    )
    .hint("put them anew, or restore the folder from a copy"))
}

fn compact(folder: &Folder) -> Result<()> {
    let outcome = folder.open()?.compact()?;
    say(format_args!("{}: {outcome}", folder.name()))
}
