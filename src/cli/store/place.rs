//! Where batches are kept: a folder of this host, or a folder of an object store.

use super::super::{Failure, Result};
use crate::{
    Error, ErrorKind,
    store::{
        Batch, Coordinate, Durability, Hint, Put, Store, Tier,
        tier::{
            ld::{Format, Ld, LdOptions},
            sd::{PutOptions, Sd, SdOptions},
        },
    },
};
use arrow_array::RecordBatch;
use std::{ops::Bound, path::PathBuf, sync::Arc, time::Duration};
use tokio::runtime::Runtime;

/// What is younger stays when a remote store is compacted: it may be part of a put that is under way.
const COLLECT_AGE: Duration = Duration::from_secs(3_600);

/// What the environment says of object stores begins with one of these.
const SETTINGS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Where a store is.
#[derive(Debug, clap::Args)]
pub(super) struct Folder {
    /// The folder, which `put` makes; or the URL of one in an object store, as s3://bucket/folder.
    #[arg(value_name = "DIR|URL", value_hint = clap::ValueHint::DirPath)]
    path: PathBuf,
    /// Open a damaged folder without what is lost, in place of an error.
    #[arg(long)]
    salvage: bool,
}

/// A store that is open.
pub(super) enum Place {
    Local(Box<Sd>),
    Remote(Runtime, Ld),
}

impl Folder {
    pub(super) fn url(&self) -> Option<&str> {
        self.path.to_str().filter(|path| path.contains("://"))
    }

    fn options(&self) -> SdOptions {
        SdOptions { salvage: self.salvage, ..SdOptions::default() }
    }

    pub(super) fn nothing_at(&self, at: &Coordinate) -> Failure {
        Failure::new(ErrorKind::Missing, format!("{}: nothing is kept at {at}", self.path.display()))
            .hint("`hologram store scan` lists what is there")
    }

    pub(super) fn name(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// What is there.
    pub(super) fn open(&self) -> Result<Place> {
        if let Some(url) = self.url() {
            return connect(url, Format::Arrow);
        }
        if !self.path.is_dir() {
            return Err(Failure::new(ErrorKind::Missing, format!("{}: there is no such folder", self.path.display()))
                .hint("`hologram store put` makes one"));
        }
        Ok(Place::Local(Box::new(Sd::open(&self.path, self.options()).map_err(Error::from)?)))
    }

    /// Keeps rows, durably; their version.
    pub(super) fn put(
        &self,
        at: &Coordinate,
        records: RecordBatch,
        ttl: Option<Duration>,
        expected: Option<Option<u64>>,
        format: Format,
    ) -> Result<u64> {
        let durability = if self.url().is_some() { Durability::Remote } else { Durability::Local };
        let put = Put { durability, hint: Hint::Scan, ttl, expected };
        let version = match self.url().map(|url| connect(url, format)).transpose()? {
            Some(Place::Remote(runtime, ld)) => {
                let store = Store::builder().remote(ld).build();
                runtime.block_on(store.put_durable(at, records, put))
            }
            _ => Store::builder()
                .disk(self.options())
                .open(&self.path)
                .and_then(|store| store.put_with(at, records, put)),
        };
        Ok(version.map_err(Error::from)?)
    }
}

fn connect(url: &str, format: Format) -> Result<Place> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ErrorKind::Unavailable, format!("a thread for {url}: {error}")))?;
    let variables = std::env::vars_os();
    let settings = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = settings.filter(|(name, _)| SETTINGS.iter().any(|prefix| name.starts_with(prefix)));
    let settings = settings.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let options = LdOptions { format, ..LdOptions::default() };
    let ld = runtime.block_on(Ld::connect(url, settings, options)).map_err(Error::from)?;
    Ok(Place::Remote(runtime, ld))
}

impl Place {
    pub(super) fn find(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        let found = match self {
            Self::Local(log) => log.find(at),
            Self::Remote(runtime, ld) => runtime.block_on(ld.fetch(at)),
        };
        Ok(found.map_err(Error::from)?.map(|(batch, _)| batch))
    }

    /// Takes rows out, durably; whether there were any.
    pub(super) fn remove(&self, at: &Coordinate) -> Result<bool> {
        let removed = match self {
            Self::Local(log) => log.delete(at, PutOptions { durable: true, ..PutOptions::default() }),
            Self::Remote(runtime, ld) => runtime.block_on(ld.delete(at, None)),
        };
        Ok(removed.map_err(Error::from)?)
    }

    /// Calls for every batch of a range, in order, with its version.
    pub(super) fn each(
        &self,
        range: (Bound<Coordinate>, Bound<Coordinate>),
        mut each: impl FnMut(Coordinate, u64, &Batch),
    ) -> Result<()> {
        match self {
            Self::Local(log) => {
                for (at, version, read) in log.scan(range) {
                    each(at, version, &*read.map_err(Error::from)?);
                }
            }
            Self::Remote(runtime, ld) => {
                for (at, named) in ld.entries(range) {
                    if let Some(batch) = runtime.block_on(ld.read(&at, named)).map_err(Error::from)? {
                        each(at, named.version, &batch);
                    }
                }
            }
        }
        Ok(())
    }

    /// What it holds, as rows of key, words and number.
    pub(super) fn stats(&self) -> Vec<(&'static str, &'static str, usize)> {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        match self {
            Self::Local(log) => {
                let (tier, disk) = (log.stats(), log.log_stats());
                vec![
                    ("batches", "batches", tier.entries),
                    ("bytes", "bytes", tier.bytes),
                    ("budget_bytes", "budget in bytes", tier.budget_bytes),
                    ("streams", "batches on disk, equal ones once", disk.streams),
                    ("segments", "segments", disk.segments),
                    ("disk_bytes", "bytes with what was replaced", count(disk.disk_bytes)),
                ]
            }
            Self::Remote(_, ld) => {
                let (tier, remote) = (ld.stats(), ld.remote_stats());
                vec![
                    ("batches", "batches", tier.entries),
                    ("bytes", "bytes", tier.bytes),
                    ("objects", "objects, equal ones once", remote.objects),
                    ("number", "changes so far", count(remote.number)),
                ]
            }
        }
    }

    /// Checks every batch; the coordinates of those that are damaged.
    pub(super) fn verify(&self) -> Result<Vec<Coordinate>> {
        match self {
            Self::Local(log) => Ok(log.verify()),
            Self::Remote(runtime, ld) => Ok(runtime.block_on(ld.verify()).map_err(Error::from)?),
        }
    }

    /// Gives the space of what was replaced back; in words, how much.
    pub(super) fn compact(&self) -> Result<String> {
        match self {
            Self::Local(log) => {
                let before = count(log.log_stats().disk_bytes);
                log.compact().map_err(Error::from)?;
                let after = count(log.log_stats().disk_bytes);
                Ok(format!("{after} bytes, {before} before"))
            }
            Self::Remote(runtime, ld) => {
                let gone = runtime.block_on(ld.collect(COLLECT_AGE)).map_err(Error::from)?;
                Ok(format!("{} objects deleted; what is younger than an hour stays", count(gone)))
            }
        }
    }
}

fn count(number: u64) -> String {
    super::super::console::grouped(usize::try_from(number).unwrap_or(usize::MAX))
}
