//! The models that a session knows: by name when they are registered, by path when they are not.

use super::HologramOptions;
use crate::{Error, ErrorKind, Result};
use arrow_schema::FieldRef;
use hologram_resolver::{
    Model, ModelOptions,
    rows::{Binding, MemoMode, MemoPool, MemoStats, RowSession},
};
use hologram_store::Archive;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Bindings kept at most.
const KEPT_MAX: usize = 256;

/// Bytes that remembered answers take at most, unless someone says another number.
const MEMO_BYTES: usize = 64 << 20;

/// The models of one or many sessions, and the answers that are remembered of them.
///
/// A reference is a registered name or a path, each with `:entry` after it for another entry point than the default one.
/// A `.holo` file is opened; anything else is compiled in memory once for each version of the file (feature `compile`).
#[derive(Debug)]
pub struct ModelCatalog {
    options: ModelOptions,
    memos: MemoPool,
    state: Mutex<State>,
}

/// A model under its name.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// The name that queries call it by.
    pub name: String,
    /// Where it came from; `None` for one that was made in the process.
    pub path: Option<PathBuf>,
    /// The model.
    pub model: Arc<Model>,
}

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<String, ModelInfo>,
    files: HashMap<PathBuf, OpenFile>,
    bound: HashMap<BoundKey, RowSession>,
    said: HashSet<String>,
}

/// A file's version and what it holds.
#[derive(Debug)]
struct OpenFile {
    modified: Option<SystemTime>,
    size_bytes: u64,
    model: Arc<Model>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BoundKey {
    model: usize,
    entry: Option<String>,
    fields: Vec<FieldRef>,
    named: bool,
    options: String,
}

impl Default for ModelCatalog {
    fn default() -> Self {
        Self::new(ModelOptions::default())
    }
}

/// The time since this was called first.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

impl ModelCatalog {
    /// An empty catalog whose models are opened in this way. It remembers answers in 64 MiB.
    pub fn new(options: ModelOptions) -> Self {
        Self { options, memos: MemoPool::new(MEMO_BYTES, Some(clock)), state: Mutex::default() }
    }

    /// The same, remembering answers in so many bytes.
    #[must_use]
    pub fn with_memo_bytes(mut self, bytes: usize) -> Self {
        self.memos = MemoPool::new(bytes, Some(clock));
        self
    }

    /// What is remembered, and how often it was asked.
    pub fn memo_stats(&self) -> Vec<MemoStats> {
        self.memos.stats()
    }

    /// Forgets the answers of a namespace.
    pub fn forget(&self, namespace: &str) {
        self.memos.clear(namespace);
    }

    /// Opens or compiles a file under a name; a name that is taken is replaced, and running queries keep what they have.
    ///
    /// # Errors
    /// `Missing` for a file that is not there, `Invalid` for an empty name, and those of opening and compiling.
    pub fn register(&self, name: &str, path: impl AsRef<Path>) -> Result<Arc<Model>> {
        let path = path.as_ref();
        let model = self.open(path)?;
        self.insert(name, Some(path.to_owned()), model.clone())?;
        Ok(model)
    }

    /// Puts an open model under a name.
    ///
    /// # Errors
    /// `Invalid` for an empty name.
    pub fn register_model(&self, name: &str, model: Arc<Model>) -> Result<()> {
        self.insert(name, None, model)
    }

    /// Takes a name away; whether it was there.
    pub fn deregister(&self, name: &str) -> bool {
        self.state().models.remove(name).is_some()
    }

    /// The registered models in the order of their names.
    pub fn list(&self) -> Vec<ModelInfo> {
        self.state().models.values().cloned().collect()
    }

    /// The model and entry point that a reference names.
    ///
    /// # Errors
    /// `Missing` for a name that is neither registered nor a file; the message lists the names that are.
    pub fn resolve(&self, reference: &str) -> Result<(Arc<Model>, Option<String>)> {
        if let Some(model) = self.find(reference)? {
            return Ok((model, None));
        }
        if let Some((name, entry)) = reference.rsplit_once(':')
            && !entry.is_empty()
            && let Some(model) = self.find(name)?
        {
            return Ok((model, Some(entry.to_owned())));
        }
        let names: Vec<String> = self.state().models.keys().take(20).cloned().collect();
        let known = match names.as_slice() {
            [] => "no model is registered".to_owned(),
            names => format!("registered are {}", names.join(", ")),
        };
        Err(Error::new(ErrorKind::Missing, format!("'{reference}' is no registered model and no file; {known}")))
    }

    /// A session of a model for columns of these fields, bound by name or by position.
    pub(crate) fn bind(
        &self,
        reference: &str,
        fields: &[FieldRef],
        named: bool,
        options: &HologramOptions,
    ) -> Result<RowSession> {
        let (model, entry) = self.resolve(reference)?;
        let key = BoundKey {
            model: Arc::as_ptr(&model) as usize,
            entry: entry.clone(),
            fields: fields.to_vec(),
            named,
            options: format!("{options:?}"),
        };
        // The kept session holds its model, so an address is not used twice while it is in the map.
        if let Some(kept) = self.state().bound.get(&key) {
            return Ok(kept.clone());
        }
        let session = model.session(entry.as_deref())?;
        let bind = options.bind();
        let binding = match named {
            true => Binding::named(session.signature(), fields, &bind),
            false => Binding::positional(session.signature(), fields, &bind),
        };
        let place = |e: hologram_resolver::Error| Error::from(e).at(format_args!("model '{reference}'"));
        let mut rows = RowSession::new(session, binding.map_err(place)?).map_err(place)?;
        let mode = options.memo();
        if mode == MemoMode::On || rows.session().signature().rows.independent && rows.session().is_pure() {
            rows = rows.with_memo(&self.memos, &options.memo_namespace, mode).map_err(place)?;
        }
        let mut state = self.state();
        if state.bound.len() >= KEPT_MAX {
            state.bound.clear();
        }
        state.bound.insert(key, rows.clone());
        Ok(rows)
    }

    /// Says once what someone should notice about a binding: casts that may round, and warnings.
    pub(crate) fn notice(&self, reference: &str, rows: &RowSession) {
        let new = |line: &str| {
            let text = format!("model '{reference}': {line}");
            let mut state = self.state();
            (state.said.len() < KEPT_MAX && state.said.insert(text.clone())).then_some(text)
        };
        rows.binding().warnings().iter().filter_map(|line| new(line)).for_each(|text| tracing::warn!("{text}"));
        // Most tables hold f64 and most models take f32: EXPLAIN shows it, and the log says it once to those who ask.
        let lossy: Vec<String> = rows.binding().casts().iter().filter(|c| c.lossy).map(ToString::to_string).collect();
        if !lossy.is_empty()
            && let Some(text) = new(&format!("casts that may round: {}", lossy.join(", ")))
        {
            tracing::info!("{text}");
        }
    }

    fn insert(&self, name: &str, path: Option<PathBuf>, model: Arc<Model>) -> Result<()> {
        if name.is_empty() {
            return Err(Error::invalid("a model needs a name that is not empty"));
        }
        self.state().models.insert(name.to_owned(), ModelInfo { name: name.to_owned(), path, model });
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Option<Arc<Model>>> {
        if let Some(info) = self.state().models.get(name) {
            return Ok(Some(info.model.clone()));
        }
        let path = Path::new(name);
        if path.is_file() { self.open(path).map(Some) } else { Ok(None) }
    }

    /// The model of a file, opened or compiled unless this version of it is open.
    fn open(&self, path: &Path) -> Result<Arc<Model>> {
        let place = |e: std::io::Error| Error::from(e).at(path.display());
        let full = path.canonicalize().map_err(place)?;
        let facts = full.metadata().map_err(place)?;
        if !facts.is_file() {
            return Err(Error::invalid(format!("{}: not a file", path.display())));
        }
        let (modified, size_bytes) = (facts.modified().ok(), facts.len());
        if let Some(file) = self.state().files.get(&full)
            && file.modified == modified
            && file.size_bytes == size_bytes
        {
            return Ok(file.model.clone());
        }
        let is_archive = full.extension().is_some_and(|e| e.eq_ignore_ascii_case("holo"));
        let archive = if is_archive {
            Archive::open(&full).map_err(|e| Error::from(e).at(path.display()))?
        } else {
            compile(&full)?
        };
        let model = Model::open(archive, &self.options).map_err(|e| Error::from(e).at(path.display()))?;
        self.state().files.insert(full, OpenFile { modified, size_bytes, model: model.clone() });
        Ok(model)
    }

    /// The state. Every change to it is one whole insertion or removal, so that a panic elsewhere leaves it well-formed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "compile")]
fn compile(path: &Path) -> Result<Archive> {
    let compiler = hologram_planner::Compiler::new(hologram_planner::CompilerConfig::default());
    let bytes = compiler.compile(path)?.to_bytes()?;
    Ok(Archive::from_buffer(bytes.into())?)
}

#[cfg(not(feature = "compile"))]
fn compile(path: &Path) -> Result<Archive> {
    let message = format!("{}: only .holo archives can be opened, this build has no compiler", path.display());
    Err(Error::new(ErrorKind::Unsupported, message))
}
