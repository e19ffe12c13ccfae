//! `hologram store`: batches in a folder, under coordinates.

use super::{
    Failure, Result, batches_in,
    batches_out::{Format, Writer},
    console::{columns, grouped, say},
};
use crate::{
    ErrorKind,
    store::{
        Coordinate, Durability, Hint, Put, Store,
        tier::sd::{Sd, SdOptions},
    },
};
use arrow::compute::concat_batches;
use arrow_array::RecordBatchReader;
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
  hologram store compact kept                          gives the space of what was replaced back";

/// Keep, read and look after batches in a folder.
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
    /// Show what the folder holds.
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

/// The folder of a store.
#[derive(Debug, clap::Args)]
struct Folder {
    /// The folder; `put` makes it.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
    /// Open a damaged folder without what is lost, in place of an error.
    #[arg(long)]
    salvage: bool,
}

impl Folder {
    fn options(&self) -> SdOptions {
        SdOptions { salvage: self.salvage, ..SdOptions::default() }
    }

    /// The log, where there is one.
    fn open(&self) -> Result<Sd> {
        check_exists(&self.path)?;
        Ok(Sd::open(&self.path, self.options()).map_err(crate::Error::from)?)
    }
}

fn check_exists(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    Err(Failure::new(ErrorKind::Missing, format!("{}: there is no such folder", path.display()))
        .hint("`hologram store put` makes one"))
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Commands::Put { folder, at, input, ttl, expect } => put(folder, at, input, *ttl, *expect),
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

fn put(folder: &Folder, at: &Coordinate, input: &Path, ttl: Option<u64>, expect: Option<u64>) -> Result<()> {
    let batches = batches_in::open(input, 65_536)?;
    let schema = batches.schema();
    let all = batches.collect::<Result<Vec<_>, _>>().map_err(|e| Failure::from(e).at(input.display()))?;
    let records = concat_batches(&schema, &all)?;
    let store = Store::builder().disk(folder.options()).open(&folder.path).map_err(crate::Error::from)?;
    let put = Put {
        durability: Durability::Local,
        hint: Hint::Scan,
        ttl: ttl.map(Duration::from_secs),
        expected: expect.map(|version| Some(version).filter(|v| *v != 0)),
    };
    let rows = records.num_rows();
    let version = store.put_with(at, records, put).map_err(crate::Error::from)?;
    say(format_args!("{at}: {} rows, version {version}", grouped(rows)))
}

fn get(folder: &Folder, at: &Coordinate, output: Option<&Path>, format: Option<Format>) -> Result<()> {
    let log = folder.open()?;
    let Some((batch, _)) = log.find(at).map_err(crate::Error::from)? else {
        return Err(Failure::new(ErrorKind::Missing, format!("{}: nothing is kept at {at}", folder.path.display()))
            .hint("`hologram store scan` lists what is there"));
    };
    let format = Format::choose(format, output, Format::Csv)?;
    let mut writer = Writer::open(output, format, batch.records().schema())?;
    writer.write(batch.records())?;
    writer.finish().map(drop)
}

fn remove(folder: &Folder, at: &Coordinate) -> Result<()> {
    let log = folder.open()?;
    let durable = crate::store::tier::sd::PutOptions { durable: true, ..Default::default() };
    match log.delete(at, durable).map_err(crate::Error::from)? {
        true => say(format_args!("{at}: removed")),
        false => Err(Failure::new(ErrorKind::Missing, format!("{}: nothing is kept at {at}", folder.path.display()))),
    }
}

fn scan(folder: &Folder, range: (Bound<Coordinate>, Bound<Coordinate>), json: bool) -> Result<()> {
    let log = folder.open()?;
    let mut rows = vec![["coordinate", "version", "rows", "columns", "bytes"].map(str::to_owned).to_vec()];
    let mut list = Vec::new();
    for (at, version, read) in log.scan(range) {
        let batch = read.map_err(crate::Error::from)?;
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
    }
    if json { say(format_args!("{:#}", serde_json::Value::Array(list))) } else { say(columns(&rows)) }
}

fn stats(folder: &Folder, json: bool) -> Result<()> {
    use crate::store::Tier;
    let log = folder.open()?;
    let (tier, disk) = (log.stats(), log.log_stats());
    if json {
        return say(format_args!(
            "{:#}",
            serde_json::json!({
                "batches": tier.entries, "bytes": tier.bytes, "budget_bytes": tier.budget_bytes,
                "segments": disk.segments, "disk_bytes": disk.disk_bytes,
            })
        ));
    }
    let rows = [
        ("batches", grouped(tier.entries)),
        ("bytes", grouped(tier.bytes)),
        ("budget in bytes", grouped(tier.budget_bytes)),
        ("segments", grouped(disk.segments)),
        ("bytes with what was replaced", grouped(disk.disk_bytes)),
    ];
    say(columns(&rows.map(|(name, value)| vec![name.to_owned(), value])))
}

fn verify(folder: &Folder) -> Result<()> {
    let log = folder.open()?;
    let damaged = log.verify();
    if damaged.is_empty() {
        return say(format_args!("{}: every batch matches its digest", folder.path.display()));
    }
    let names: Vec<String> = damaged.iter().take(8).map(ToString::to_string).collect();
    let (folder, count) = (folder.path.display(), damaged.len());
    Err(Failure::new(
        ErrorKind::Corrupt,
        format!("{folder}: {count} batches are damaged, {} among them", names.join(", ")),
    )
    .hint("put them anew, or restore the folder from a copy"))
}

fn compact(folder: &Folder) -> Result<()> {
    let log = folder.open()?;
    let before = log.log_stats().disk_bytes;
    log.compact().map_err(crate::Error::from)?;
    let after = log.log_stats().disk_bytes;
    say(format_args!("{}: {} bytes, {} before", folder.path.display(), grouped(after), grouped(before)))
}
