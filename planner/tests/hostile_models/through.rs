//! A file from a stranger on its whole way: read, inferred, rewritten, written as an archive, opened.

use hologram_ops::{Limits, Registry};
use hologram_planner::{
    Compiler, CompilerConfig,
    import::onnx::{OnnxModel, lower},
};
use hologram_resolver::{Model, ModelOptions};
use hologram_store::Archive;
use std::sync::{Arc, OnceLock};

/// Bounds as a service would set them for models that it does not know.
pub(crate) const LIMITS: Limits =
    Limits { nesting: 32, nodes: 200, steps: 2_000, elements: 1 << 12, bytes: 1 << 20, pixels: 1 << 12 };

/// Whether the bytes are a model that compiles.
///
/// # Errors
/// What must not be: a model that compiles and cannot be written or opened, or is not the same archive twice.
pub(crate) fn through(bytes: &[u8]) -> Result<bool, String> {
    let Some(first) = compiled(bytes)? else { return Ok(false) };
    if compiled(bytes)?.as_ref() != Some(&first) {
        return Err("compiling twice gives two archives".to_owned());
    }
    let archive = Archive::from_buffer(first.into()).map_err(|e| format!("the archive cannot be read: {e}"))?;
    let model = Model::open(archive, &ModelOptions::default()).map_err(|e| format!("it cannot be opened: {e}"))?;
    model.session(None).map_err(|e| format!("there is no session: {e}"))?;
    Ok(true)
}

/// The archive, if the bytes are a model that can be compiled.
fn compiled(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| Arc::new(Registry::standard()));
    let Ok(model) = OnnxModel::parse("m.onnx", bytes.to_vec().into(), None, &LIMITS) else { return Ok(None) };
    let Ok(graph) = lower(&model, registry) else { return Ok(None) };
    let config = CompilerConfig { limits: LIMITS, registry: registry.clone(), ..CompilerConfig::default() };
    match Compiler::new(config).compile_graph(graph) {
        Ok(compiled) => compiled.to_bytes().map(Some).map_err(|e| format!("it cannot be written: {e}")),
        Err(_) => Ok(None),
    }
}
