//! Errors of kernel schemas: where the source is wrong and what to write instead.

/// What can be wrong with a kernel's source, its JSON form or the inputs of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A place in a source that is outside the language, or breaks its rules.
    #[error("{file}:{line}:{column}: {message}")]
    Source {
        /// The file as it was named to [`parse`](crate::parse), or `kernel NAME` when it came as JSON.
        file: String,
        /// The line, from 1.
        line: u32,
        /// The column in characters, from 1.
        column: u32,
        /// What is wrong and what is supported.
        message: String,
    },
    /// Text that is not the JSON form of a kernel.
    #[error("kernel schema: {0}")]
    Json(String),
    /// A JSON form of another version.
    #[error("kernel schema version {found}; this library reads version {supported}: write it again from its source")]
    Version {
        /// The version that the text names.
        found: u64,
        /// The version that this library reads and writes.
        supported: u64,
    },
    /// Inputs that a kernel does not take, or a row that it has no answer for.
    #[error("kernel '{kernel}': {message}")]
    Run {
        /// The kernel.
        kernel: String,
        /// What is wrong.
        message: String,
    },
}

impl From<KernelError> for hologram_ops::Error {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Version { .. } => Self::Unsupported(error.to_string()),
            _ => Self::Invalid(error.to_string()),
        }
    }
}
