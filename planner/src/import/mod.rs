//! Import: files of others become plain structures, and those become graphs.
//!
//! Each format has a folder. A reader checks everything that it hands on: sizes against what is really there, names,
//! order and bounds; what it cannot represent is an error that names file and place.

pub mod onnx;
pub mod trees;

use crate::Result;
use hologram_ops::{Limits, Registry, graph::Graph};
use hologram_resolver::plan::RepairRecord;
use std::{io::Read, path::Path};

/// A model that was read.
#[derive(Debug)]
pub struct Imported {
    /// The ways in; the first is the default.
    pub entries: Vec<ImportedEntry>,
    /// What the model says of itself, in order.
    pub metadata: Vec<(String, String)>,
    /// What was mended so that the model could be read.
    pub repairs: Vec<RepairRecord>,
}

/// One way into a model that was read.
#[derive(Debug)]
pub struct ImportedEntry {
    /// The name.
    pub name: String,
    /// The graph.
    pub graph: Graph,
    /// What is known of each input beyond its type; may be shorter than the list of inputs.
    pub inputs: Vec<InputHint>,
}

/// What a model knows of an input beyond its type.
#[derive(Debug, Clone, Default)]
pub struct InputHint {
    /// The names of the columns.
    pub features: Vec<String>,
    /// Feature index and its categories: text whose code is its position in the list.
    pub categories: Vec<(u32, Vec<String>)>,
}

impl Imported {
    /// A graph that was built in the process.
    pub(crate) fn of_graph(graph: Graph) -> Self {
        let entry = ImportedEntry { name: "main".to_owned(), graph, inputs: Vec::new() };
        Self { entries: vec![entry], metadata: Vec::new(), repairs: Vec::new() }
    }
}

/// Reads a model file; what it is, its bytes tell.
///
/// # Errors
/// See [`crate::Compiler::compile`].
pub(crate) fn open(path: &Path, limits: &Limits, registry: &Registry) -> Result<Imported> {
    let mut start = Vec::new();
    // A file that cannot be opened is reported by the reader that is asked next.
    if let Ok(file) = std::fs::File::open(path) {
        file.take(64).read_to_end(&mut start).map_err(|source| crate::Error::Io { path: path.to_owned(), source })?;
    }
    if trees::is_tree_file(&start) {
        return Ok(trees::to_imported(&trees::import(path)?, registry)?);
    }
    Ok(onnx::open(path, limits, registry)?)
}
