//! The command line.

use clap::Parser;
use std::path::{Path, PathBuf};

/// Measures Hologram beside onnxruntime and libraries of trees, and compares their answers.
///
/// Fails when answers differ by more than 1e-3 or Hologram cannot run a model.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Only the case of this name, or those whose names start so; may be given again.
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Timed rounds a case. Each round times both engines; quick models run several times in a round.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) runs: u32,
    /// Threads of a run; may be a list. Hologram takes more than one where rows are many and independent.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) threads: Vec<u32>,
    /// Python with onnxruntime and the libraries.
    #[arg(long, default_value_os_t = root().join(".venv/bin/python"))]
    pub(crate) python: PathBuf,
    /// Where the models are, or are made when missing.
    #[arg(long, default_value_os_t = root().join("target/models"))]
    pub(crate) models: PathBuf,
    /// Where `light-random/*/model.onnx` lie, as tests/python/light_models.py writes them; left out when there are none.
    #[arg(long, default_value_os_t = root().join("target/cases"))]
    pub(crate) cases: PathBuf,
    /// Prints JSON.
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Prints a Markdown table.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Prints how Hologram runs each call, then runs Hologram alone, for use under a profiler.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    pub(crate) profile: bool,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.ancestors().nth(2).unwrap_or(folder).to_path_buf()
}
