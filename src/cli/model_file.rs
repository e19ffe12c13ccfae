//! Model arguments: an archive is opened, any other model file is compiled in memory.

use super::{Context, Failure, Result, console};
use crate::{
    Archive, Compiler, CompilerConfig, ErrorKind, Model, ModelOptions,
    planner::{FillProgress, Observer, QuantizeProgress},
    settings::nearest,
};
use std::{io::Read, path::Path, sync::Arc, time::Duration};

/// What an archive begins with, as every Arrow file.
const ARCHIVE_MAGIC: &[u8] = b"ARROW1";

/// Fails with a hint where there is no such file.
pub(super) fn check_exists(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
        Err(e) => Err(Failure::from(e).at(path.display())),
    }
}

fn missing(path: &Path) -> Failure {
    let failure = Failure::new(ErrorKind::Missing, format!("{}: no such file", path.display()));
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return failure.hint(format!("there is no folder {} either", folder.display()));
    };
    let names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    let wanted = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    match nearest(wanted, names.iter().map(String::as_str)) {
        Some(name) => failure.hint(format!("did you mean {}?", path.with_file_name(name).display())),
        None => failure.hint("paths are relative to the working folder"),
    }
}

/// Whether a file is an archive, by its first bytes.
pub(super) fn is_archive(path: &Path) -> Result<bool> {
    let mut start = [0; ARCHIVE_MAGIC.len()];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut start));
    match read {
        Ok(()) => Ok(start == ARCHIVE_MAGIC),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(Failure::from(e).at(path.display())),
    }
}

/// Opens an archive; with a context any other model file is compiled in memory instead.
pub(super) fn open_archive(context: Option<&Context>, path: &Path) -> Result<Archive> {
    check_exists(path)?;
    match context {
        _ if is_archive(path)? => Ok(Archive::open(path)?),
        Some(context) => {
            let model = compile(context, path, CompilerConfig::default())?;
            Ok(Archive::from_buffer(model.to_bytes()?.into())?)
        }
        None => Err(Failure::invalid(format!("{}: this is no .holo archive", path.display()))
            .hint(format!("compile it first: hologram compile {}", path.display()))),
    }
}

/// Compiles a model file, with progress on a terminal.
pub(super) fn compile(context: &Context, path: &Path, mut config: CompilerConfig) -> Result<crate::CompiledModel> {
    check_exists(path)?;
    if path.is_dir() {
        return Err(Failure::invalid(format!("{}: this is a folder", path.display())).hint("name the model file in it"));
    }
    let progress = Arc::new(console::progress(context, format!("compiling {}", path.display())));
    let shown = progress.clone();
    config.tables.observer = Observer::new(move |fill| shown.set(|| fill_text(&fill)));
    if let Some(quantize) = &mut config.quantize {
        let shown = progress.clone();
        quantize.observer = Observer::new(move |quantizing| shown.set(|| quantize_text(&quantizing)));
    }
    let compiled = Compiler::new(config).compile(path).map_err(|e| {
        let failure = Failure::from(e);
        match failure.kind() {
            ErrorKind::Unsupported => {
                failure.hint(format!("`hologram ops --missing {}` lists operators that are not there", path.display()))
            }
            _ => failure,
        }
    });
    drop(progress);
    compiled
}

/// How far quantizing is.
fn quantize_text(quantizing: &QuantizeProgress) -> String {
    let QuantizeProgress { done, most } = quantizing;
    format!("quantizing: the calibration data went through {done} times of at most {most}")
}

/// How far the filling of a table is.
fn fill_text(fill: &FillProgress) -> String {
    let left = console::duration_text(Duration::from_secs_f64(fill.seconds_left));
    let [entries, bytes] = [fill.entries, fill.bytes].map(console::grouped);
    let percent = fill.done.saturating_mul(100) / fill.entries.max(1);
    format!("table of {entries} entries, {bytes} bytes: {percent} %, {left} left")
}

/// Opens a model: an archive, or any model file.
pub(super) fn open(context: &Context, path: &Path) -> Result<Arc<Model>> {
    let archive = open_archive(Some(context), path)?;
    Model::open(archive, &ModelOptions::default()).map_err(|e| Failure::from(e).at(path.display()))
}
