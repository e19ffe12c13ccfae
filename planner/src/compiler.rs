//! The compiler: one call from a file to an archive.

use crate::{
    Error, QuantizeOptions, QuantizeReport, Result, emit, import, passes, ports, quantize, rows,
    tables::{self, CompiledTable, TableOptions},
    unread,
};
use hologram_ops::{
    Attribute, Dim, Limits, Registry, Tensor, Type,
    graph::{Graph, Patch},
};
use hologram_resolver::plan::{CategoriesData, EntryPoint, Pair, PassRecord, PortData, RepairRecord, RowProofData};
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How models are compiled.
#[derive(Debug, Clone)]
pub struct CompilerConfig {
    /// Bounds on what comes from outside.
    pub limits: Limits,
    /// The operators.
    pub registry: Arc<Registry>,
    /// The model's name; the file's stem without this.
    pub name: Option<String>,
    /// Names for the columns of a single `[rows, f]` input, in place of what the model says.
    pub columns: Vec<String>,
    /// Whether layers are computed in eight bits, and how much the answers must agree then.
    pub quantize: Option<QuantizeOptions>,
    /// What is worked out beforehand.
    pub tables: TableOptions,
}

impl Default for CompilerConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            registry: Arc::new(Registry::standard()),
            name: None,
            columns: Vec::new(),
            quantize: None,
            tables: TableOptions::default(),
        }
    }
}

/// Compiles models.
///
/// ```no_run
/// use hologram_planner::{Compiler, CompilerConfig};
/// let model = Compiler::new(CompilerConfig::default()).compile("model.onnx")?;
/// model.write_file("model.holo")?;
/// # Ok::<(), hologram_planner::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Compiler {
    config: CompilerConfig,
}

impl Compiler {
    /// A compiler with these settings.
    pub fn new(config: CompilerConfig) -> Self {
        Self { config }
    }

    /// Compiles a model file; what it is, its bytes tell.
    ///
    /// # Errors
    /// `Missing` or `Unavailable` for a file that cannot be read, `Invalid` for one that is wrong, `Unsupported` for what
    /// this version cannot run; every message names the file and, inside it, the node and input.
    pub fn compile(&self, path: impl AsRef<Path>) -> Result<CompiledModel> {
        let path = path.as_ref();
        let imported = import::open(path, &self.config.limits, &self.config.registry)?;
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("model");
        let name = self.config.name.clone().unwrap_or_else(|| stem.to_owned());
        self.compile_imported(name, imported).map_err(|e| match e {
            Error::Ops(inner) => Error::Import {
                file: PathBuf::from(path),
                kind: hologram_resolver::Error::Ops(inner.clone()).kind(),
                message: inner.to_string(),
            },
            other => other,
        })
    }

    /// Compiles a graph that was built in the process.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), for what the graph holds.
    pub fn compile_graph(&self, graph: Graph) -> Result<CompiledModel> {
        let name = self.config.name.clone().unwrap_or_else(|| graph.name.clone());
        self.compile_imported(name, import::Imported::of_graph(graph))
    }

    fn compile_imported(&self, name: String, imported: import::Imported) -> Result<CompiledModel> {
        let mut records = Vec::new();
        let mut entries = Vec::with_capacity(imported.entries.len());
        for entry in imported.entries {
            let (compiled, done) = self.compile_entry(entry)?;
            if records.is_empty() {
                records = done;
            }
            entries.push(compiled);
        }
        let metadata = imported.metadata.into_iter().map(|(key, value)| Pair { key, value }).collect();
        let mut model = CompiledModel { name, entries, metadata, passes: records, repairs: imported.repairs };
        if let Some(options) = &self.config.quantize {
            quantize::add(&mut model, &self.config.registry, options)?;
        }
        tables::add(&mut model, &self.config.registry, &self.config.tables)?;
        Ok(model)
    }

    fn compile_entry(&self, entry: import::ImportedEntry) -> Result<(CompiledEntry, Vec<PassRecord>)> {
        let registry = &self.config.registry;
        let mut graph = entry.graph;
        let zipped = lift_zip_maps(&mut graph, registry)?;
        let records = passes::run_all(&mut graph, registry, &self.config.limits)?;
        let proof = rows::prove(&graph, &self.config.limits);
        let graph = proof.graph.unwrap_or(graph);
        let unread = unread::columns(&graph)?;
        let mut inputs = Vec::with_capacity(graph.inputs().len());
        for (i, id) in graph.inputs().iter().enumerate() {
            let value = graph.value(*id);
            let hint = entry.inputs.get(i).cloned().unwrap_or_default();
            let features = if !self.config.columns.is_empty() && graph.inputs().len() == 1 {
                check_columns(&self.config.columns, &value.fact.ty)?;
                self.config.columns.clone()
            } else {
                hint.features
            };
            let categories =
                hint.categories.into_iter().map(|(feature, values)| CategoriesData { feature, values }).collect();
            inputs.push(PortData {
                name: value.name.clone(),
                ty: Some((&value.fact.ty).into()),
                features,
                categories,
                missing: ports::accepts_missing(&graph, *id),
                unread: unread[i].clone(),
                ..PortData::default()
            });
        }
        let mut outputs = Vec::with_capacity(graph.outputs().len());
        for (i, (output, id)) in graph.outputs().iter().enumerate() {
            let (labels, int_labels) = match &zipped[i] {
                Some(Labels::Strings(s)) => (s.clone(), Vec::new()),
                Some(Labels::Ints(n)) => (n.iter().map(ToString::to_string).collect(), n.clone()),
                None => (ports::class_labels(&graph, *id), Vec::new()),
            };
            outputs.push(PortData {
                name: output.clone(),
                ty: Some((&graph.value(*id).fact.ty).into()),
                labels,
                int_labels,
                zipped: zipped[i].is_some(),
                ..PortData::default()
            });
        }
        let rows = RowProofData {
            independent: proof.independent,
            fixed: proof.fixed.unwrap_or(0) as u64,
            reason: proof.reason,
        };
        let (name, quantized, table, decisions) = (entry.name, None, None, Vec::new());
        Ok((CompiledEntry { name, graph, inputs, outputs, rows, quantized, table, decisions }, records))
    }
}

enum Labels {
    Strings(Vec<String>),
    Ints(Vec<i64>),
}

/// Takes ZipMap nodes at the outputs away: their input becomes the output, with the labels beside it.
fn lift_zip_maps(graph: &mut Graph, registry: &Registry) -> Result<Vec<Option<Labels>>> {
    let mut patch = Patch::new();
    let mut found = Vec::new();
    for (_, id) in graph.outputs() {
        let node = graph.value(*id).producer.and_then(|(n, _)| graph.node(n));
        found.push(match node {
            Some(node) if node.op == "ZipMap" && node.domain == "ai.onnx.ml" => {
                let Some(Some(input)) = node.inputs.first() else {
                    return Err(hologram_ops::Error::invalid(format!(
                        "node '{}' (ZipMap): input 0 is missing",
                        node.name
                    ))
                    .into());
                };
                patch.replace(*id, *input);
                match (node.attributes.get("classlabels_strings"), node.attributes.get("classlabels_int64s")) {
                    (Some(Attribute::Strings(s)), _) if !s.is_empty() => Some(Labels::Strings(s.clone())),
                    (_, Some(Attribute::Ints(n))) => Some(Labels::Ints(n.clone())),
                    _ => None,
                }
            }
            _ => None,
        });
    }
    graph.apply(patch, registry)?;
    Ok(found)
}

fn check_columns(columns: &[String], ty: &Type) -> Result<()> {
    let width = match ty {
        Type::Tensor { shape: Some(shape), .. } => match shape.as_slice() {
            [_, Dim::Known(f)] => Some(*f),
            [_] => Some(1),
            _ => None,
        },
        _ => None,
    };
    match width {
        Some(f) if f != columns.len() => {
            Err(hologram_ops::Error::invalid(format!("{} column names for an input of {f} columns", columns.len()))
                .into())
        }
        _ => Ok(()),
    }
}

/// A model that is compiled and not yet written.
#[derive(Debug)]
pub struct CompiledModel {
    /// The name.
    pub name: String,
    /// The ways in; the first is the default.
    pub entries: Vec<CompiledEntry>,
    /// What the model says of itself.
    pub metadata: Vec<Pair>,
    /// What each pass did to the default entry point.
    pub passes: Vec<PassRecord>,
    /// What the importer mended so that the model could be read.
    pub repairs: Vec<RepairRecord>,
}

/// One way into a compiled model.
#[derive(Debug)]
pub struct CompiledEntry {
    /// The name.
    pub name: String,
    /// The graph after every pass.
    pub graph: Graph,
    /// What a caller gives.
    pub inputs: Vec<PortData>,
    /// What a caller gets.
    pub outputs: Vec<PortData>,
    /// What was proven of the rows.
    pub rows: RowProofData,
    /// What became of its layers, where they were to be quantized.
    pub quantized: Option<QuantizeReport>,
    /// The answers of every row, where rows are finite.
    pub table: Option<CompiledTable>,
    /// What was decided, and why, in words.
    pub decisions: Vec<String>,
}

impl CompiledEntry {
    /// The entry point as an archive has it, without slots and steps.
    pub(crate) fn point(&self) -> EntryPoint {
        EntryPoint {
            name: self.name.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            rows: Some(self.rows.clone()),
            decisions: self.decisions.clone(),
            ..EntryPoint::default()
        }
    }
}

impl CompiledModel {
    /// The graph of the default entry point.
    pub fn graph(&self) -> Option<&Graph> {
        self.entries.first().map(|e| &e.graph)
    }

    /// The constants of all entry points by name.
    pub fn weights(&self) -> BTreeMap<&str, &Tensor> {
        self.entries
            .iter()
            .flat_map(|e| e.graph.values())
            .filter_map(|(_, v)| Some((v.name.as_str(), v.constant.as_ref()?)))
            .collect()
    }

    /// Writes the archive; the same model gives the same bytes.
    ///
    /// # Errors
    /// What the sink says.
    pub fn write<W: Write>(&self, sink: W) -> Result<W> {
        emit::write(self, sink)
    }

    /// The archive's bytes.
    ///
    /// # Errors
    /// More constants than an archive can address.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.write(Vec::new())
    }

    /// Writes the archive beside its place and moves it there when it is whole and on disk, so that a reader never sees
    /// half of one and a failure leaves what was there before.
    ///
    /// # Errors
    /// [`Error::Io`] that names the path.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let io = |source| Error::Io { path: path.to_owned(), source };
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(partial);
        let attempt = || -> Result<()> {
            let file = std::fs::File::create(&partial).map_err(io)?;
            let buffered = std::io::BufWriter::with_capacity(1 << 20, file);
            let file = self.write(buffered)?.into_inner().map_err(|e| io(e.into_error()))?;
            file.sync_all().map_err(io)?;
            std::fs::rename(&partial, path).map_err(io)
        };
        attempt().inspect_err(|_| {
            // The partial file is of no use; that it cannot be removed either changes nothing for the caller.
            let _ = std::fs::remove_file(&partial);
        })
    }
}
