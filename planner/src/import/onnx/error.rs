//! What can be wrong with an ONNX file.

use hologram_resolver::ErrorKind;
use std::{io, path::PathBuf};

/// Why an ONNX file was not read. Every message names the file and the place in it.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The operating system refused to open or read a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is something else than an ONNX model.
    #[error("{file}: this is no ONNX model but {found}")]
    NotOnnx {
        /// The file.
        file: String,
        /// What it is instead, and what to do.
        found: String,
    },
    /// A field says that it is longer than what is left of the message around it.
    #[error(
        "{file}: cut short or damaged at byte {offset}: {field} needs {needed} bytes and {found} are left; fetch the file again"
    )]
    Truncated {
        /// The file.
        file: String,
        /// Where the field's content would start, in bytes from the start of the file.
        offset: u64,
        /// The message and field.
        field: String,
        /// Bytes that the field asks for.
        needed: u64,
        /// Bytes that are left.
        found: u64,
    },
    /// The file breaks a rule of the format.
    #[error("{file}: {place}: {message}")]
    Invalid {
        /// The file.
        file: String,
        /// The byte, tensor, node, input or value.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The file is right, and asks for something that this reader does not do.
    #[error("{file}: {place}: {message}")]
    Unsupported {
        /// The file.
        file: String,
        /// The byte, tensor, node, input or value.
        place: String,
        /// What is asked for, and what is supported.
        message: String,
    },
    /// The file asks for more than the limits allow.
    #[error("{file}: {what}: {found} is over the limit of {limit}; raise it if the file is trusted")]
    TooLarge {
        /// The file.
        file: String,
        /// What is too large, and where.
        what: String,
        /// How much the file asks for.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
}

/// The result of reading ONNX.
pub(super) type Result<T, E = OnnxError> = std::result::Result<T, E>;

impl OnnxError {
    pub(super) fn invalid(file: &str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { file: file.to_owned(), place: place.into(), message: message.into() }
    }

    pub(super) fn unsupported(file: &str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Unsupported { file: file.to_owned(), place: place.into(), message: message.into() }
    }

    pub(super) fn too_large(file: &str, what: impl Into<String>, found: u64, limit: u64) -> Self {
        Self::TooLarge { file: file.to_owned(), what: what.into(), found, limit }
    }
}

impl From<OnnxError> for crate::Error {
    fn from(error: OnnxError) -> Self {
        let text = error.to_string();
        let (file, kind) = match error {
            OnnxError::Io { path, source } => return Self::Io { path, source },
            OnnxError::NotOnnx { file, .. } | OnnxError::Invalid { file, .. } => (file, ErrorKind::Invalid),
            OnnxError::Truncated { file, .. } => (file, ErrorKind::Corrupt),
            OnnxError::Unsupported { file, .. } => (file, ErrorKind::Unsupported),
            OnnxError::TooLarge { file, .. } => (file, ErrorKind::Exhausted),
        };
        // The file stands in front of both texts.
        let message = text.strip_prefix(&format!("{file}: ")).unwrap_or(&text).to_owned();
        Self::Import { file: file.into(), kind, message }
    }
}
