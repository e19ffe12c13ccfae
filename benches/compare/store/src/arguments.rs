//! The command line.

use clap::Parser;
use std::path::{Path, PathBuf};

/// Measures Hologram's store beside caches and durable stores, in turn, on the same keys and traces.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// A smoke run: few keys and rounds, so that every line of the bench has run. Its numbers mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only measurements whose name starts so: slots, hot, evict, ratio, read, durable. May be given again.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Rounds; every contestant has its turn in each. 7 without it, 2 with --quick.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: Option<u32>,
    /// Where the durable stores put their files: a disk, not a file system in memory.
    #[arg(long, value_name = "FOLDER", default_value_os_t = std::env::temp_dir())]
    pub(crate) folder: PathBuf,
    /// The redis-server to start; without it .venv/bin/redis-server, then the one in PATH.
    #[arg(long, value_name = "PATH")]
    pub(crate) redis: Option<PathBuf>,
    /// Prints Markdown tables.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Runs one contestant's part of a measurement alone, for use under a profiler: `--only hot --alone hologram`.
    #[arg(long, value_name = "NAME")]
    pub(crate) alone: Option<String>,
}

impl Arguments {
    /// How often each contestant has its turn.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 7 })
    }

    /// One of two sizes: that of a run that counts, or that of a smoke run.
    pub(crate) fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether a measurement was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only.as_str()))
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.ancestors().nth(3).unwrap_or(folder).to_path_buf()
}
