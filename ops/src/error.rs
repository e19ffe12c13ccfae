//! Errors of operator semantics: what is wrong with a node, a value or a type.

/// What can be wrong with an operator, its attributes, its inputs or a graph of them.
///
/// An operator speaks of its own inputs by index; whoever walks a graph adds the node's name with [`Error::at`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The node, attribute, type or shape breaks the operator's specification.
    #[error("{0}")]
    Invalid(String),
    /// The specification allows it, this version does not run it.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// Something that the node names is not there.
    #[error("missing: {0}")]
    Missing(String),
    /// A bound of [`crate::Limits`] or of memory is passed.
    #[error("limit passed: {0}")]
    Exhausted(String),
    /// The run was cancelled through its token.
    #[error("cancelled")]
    Cancelled,
}

/// The result of operator semantics.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Invalid`] with this message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// An [`Error::Unsupported`] with this message.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// The same error with the place where it happened in front of its message.
    #[must_use]
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        match self {
            Self::Invalid(m) => Self::Invalid(format!("{place}: {m}")),
            Self::Unsupported(m) => Self::Unsupported(format!("{place}: {m}")),
            Self::Missing(m) => Self::Missing(format!("{place}: {m}")),
            Self::Exhausted(m) => Self::Exhausted(format!("{place}: {m}")),
            Self::Cancelled => Self::Cancelled,
        }
    }
}
