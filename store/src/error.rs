//! What can go wrong in the store, by what the caller can do about it.

use std::io;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store operation failed. Each variant is a different thing to do next; each message names the coordinate,
/// section or file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is kept there: compute it, or compile the archive that should hold it.
    #[error("missing: {0}")]
    Missing(String),
    /// Bytes do not match their checksum or break the format: restore the file, or compile it again.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// The caller's value is outside what the function takes: correct the call.
    #[error("invalid: {0}")]
    Invalid(String),
    /// Another version is there than the one that was expected: read it again, and decide anew.
    #[error("conflict: {0}")]
    Conflict(String),
    /// A budget or a limit is used up: raise it, or hold less.
    #[error("exhausted: {0}")]
    Exhausted(String),
    /// The file or device did not answer: try again, or mend it.
    #[error("unavailable: {what}: {source}")]
    Unavailable {
        /// The file, and what was being done with it.
        what: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Error {
    /// An [`Error::Unavailable`] that names what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Unavailable { what: what.into(), source }
    }

    /// The same error for another one who waited for the same thing.
    #[cfg(feature = "remote")]
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Missing(what) => Self::Missing(what.clone()),
            Self::Corrupt(what) => Self::Corrupt(what.clone()),
            Self::Invalid(what) => Self::Invalid(what.clone()),
            Self::Conflict(what) => Self::Conflict(what.clone()),
            Self::Exhausted(what) => Self::Exhausted(what.clone()),
            Self::Unavailable { what, source } => {
                Self::Unavailable { what: what.clone(), source: io::Error::new(source.kind(), source.to_string()) }
            }
        }
    }
}
