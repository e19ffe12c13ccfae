//! Errors of compiling.

use std::path::PathBuf;

/// What can go wrong while a model is compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model cannot be read or is not understood.
    #[error("{file}: {message}")]
    Import {
        /// The file.
        file: PathBuf,
        /// Whether it is wrong, unsupported, or not there.
        kind: hologram_resolver::ErrorKind,
        /// What is wrong, with the node and input.
        message: String,
    },
    /// An operator, a shape or a type does not fit.
    #[error("{0}")]
    Ops(#[from] hologram_ops::Error),
    /// The compiled plan does not open or run, which filling a table needs.
    #[error("{0}")]
    Resolver(#[from] hologram_resolver::Error),
    /// The archive cannot be written.
    #[error("{0}")]
    Store(#[from] hologram_store::Error),
    /// The file system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The result of compiling.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What the caller can do.
    pub fn kind(&self) -> hologram_resolver::ErrorKind {
        use hologram_resolver::ErrorKind;
        match self {
            Self::Import { kind, .. } => *kind,
            Self::Ops(e) => hologram_resolver::Error::Ops(e.clone()).kind(),
            Self::Resolver(e) => e.kind(),
            Self::Store(hologram_store::Error::Exhausted(_)) => ErrorKind::Exhausted,
            Self::Store(_) | Self::Io { .. } => ErrorKind::Unavailable,
        }
    }
}
