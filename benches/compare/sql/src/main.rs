//! Predictions in SQL over Parquet, beside the bare scan of the same columns and the same rows in memory.
//!
//! Each round reads a file of rows that the process has not seen, once for each statement, and the one that goes first
//! changes from round to round. One thread does everything.

mod cases;
mod measure;
mod rows;

use anyhow::{Context as _, Result};
use clap::Parser;
use std::path::{Path, PathBuf};

/// Measures predictions in SQL over Parquet beside the bare scan of the same columns and the same rows in memory.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Only cases whose name starts so; may be given again.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds; each has a file of its own.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Rows of a file; a tenth of them for models that compute each.
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// Where the models are that `python/models.py` makes.
    #[arg(long, default_value_os_t = root().join("target/models"))]
    models: PathBuf,
    /// Prints a Markdown table.
    #[arg(long)]
    markdown: bool,
}

/// The repository's root.
fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.ancestors().nth(3).unwrap_or(folder).to_path_buf()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut lines = Vec::new();
    for case in cases::all(&arguments.models, arguments.rows) {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| case.name.starts_with(name)) {
            continue;
        }
        eprintln!("{}: {} rows", case.name, case.rows);
        let measured = runtime.block_on(measure::measure(&case, arguments.rounds));
        lines.push(measured.with_context(|| case.name)?);
    }
    measure::print(&lines, arguments.markdown);
    Ok(())
}
