//! Tree ensembles in their libraries' own files, with their libraries' own meaning.
//!
//! | library | files | told by |
//! |---|---|---|
//! | LightGBM | text of `save_model` | the first line, `tree` |
//! | XGBoost | JSON and UBJSON of `save_model` (`.json`, `.ubj`, `.model`) | the key `learner` |
//! | CatBoost | JSON of `save_model(format="json")` | the keys `oblivious_trees` or `trees` with `features_info` |
//!
//! Raw scores of an imported model equal the library's own raw scores bit for bit; what cannot be held to that is refused
//! with [`ImportError::Unsupported`]. Files are untrusted: nesting is bounded, memory is bounded by the file's size, and an
//! error names the file and the line, byte or path inside it.
//!
//! Start at [`import`].

mod catboost;
mod error;
mod graph;
mod json;
mod lightgbm;
mod link;
mod model;
mod ubjson;
mod value;
mod xgboost;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use error::ImportError;
pub use model::{Category, FeatureCategories, ImportOptions, Library, TreeModel};

pub(crate) use graph::to_imported;

use error::Source;

/// Reads a model file, whatever its library and extension, with all its trees.
///
/// # Errors
/// [`ImportError::Io`] when it cannot be read; otherwise as [`import_bytes`].
pub fn import(path: &Path) -> Result<TreeModel, ImportError> {
    let file = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|cause| ImportError::Io { file: file.clone(), cause: cause.to_string() })?;
    import_bytes(&file, &bytes, &ImportOptions::default())
}

/// Reads a model from bytes; `file` is the name for errors. The content alone decides what it is.
///
/// # Errors
/// [`ImportError::Malformed`] when the bytes are no model of a known library or contradict themselves,
/// [`ImportError::Unsupported`] when their meaning cannot be reproduced exactly.
pub fn import_bytes(file: &str, bytes: &[u8], options: &ImportOptions) -> Result<TreeModel, ImportError> {
    let source = Source { file };
    match sniff(bytes) {
        Sniffed::LightGbm => {
            let text = std::str::from_utf8(bytes)
                .map_err(|cause| source.malformed(format!("byte {}", cause.valid_up_to()), "the text is not UTF-8"))?;
            lightgbm::import(source, text, options)
        }
        Sniffed::Json => import_document(source, &json::parse(source, bytes)?, options),
        Sniffed::Ubjson => import_document(source, &ubjson::parse(source, bytes)?, options),
        Sniffed::Binary(what, instead) => Err(source.unsupported("byte 0", format!("{what}; save it {instead}"))),
        Sniffed::Unknown => {
            Err(source
                .malformed("byte 0", "neither LightGBM text, XGBoost JSON or UBJSON, nor CatBoost JSON begins here"))
        }
    }
}

/// Tells JSON-like documents apart by their top-level keys.
fn import_document(source: Source<'_>, root: &value::Value, options: &ImportOptions) -> Result<TreeModel, ImportError> {
    let root = value::At::root(source, root);
    if root.find("learner")?.is_some() {
        xgboost::import(&root, options)
    } else if root.find("features_info")?.is_some() {
        catboost::import(&root, options)
    } else if root.find("tree_info")?.is_some() {
        Err(root.unsupported("this is LightGBM's dump_model; save the model with save_model instead"))
    } else {
        Err(root.malformed("neither `learner` (XGBoost) nor `features_info` (CatBoost) is here"))
    }
}

enum Sniffed {
    LightGbm,
    Json,
    Ubjson,
    /// A known binary format: what it is, and how to save the model instead.
    Binary(&'static str, &'static str),
    Unknown,
}

/// Whether the first bytes of a file are those of a tree ensemble, of a kind that is read or one that is refused by name.
pub(crate) fn is_tree_file(start: &[u8]) -> bool {
    !matches!(sniff(start), Sniffed::Unknown)
}

fn sniff(bytes: &[u8]) -> Sniffed {
    if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
        return Sniffed::LightGbm;
    }
    if bytes.starts_with(b"CBM1") {
        return Sniffed::Binary("this is CatBoost's binary format", "with save_model(path, format=\"json\")");
    }
    if bytes.starts_with(b"binf") || bytes.starts_with(b"CONFIG-offset:") {
        return Sniffed::Binary("this is XGBoost's old binary format", "as .json or .ubj");
    }
    let trimmed = bytes.trim_ascii_start();
    match trimmed {
        [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'$' | b'#' | b'N', ..] => Sniffed::Ubjson,
        [b'{', ..] => Sniffed::Json,
        _ => Sniffed::Unknown,
    }
}
