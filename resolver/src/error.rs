//! Errors by what the caller can do about them.

/// What kind of error it is: what the caller can do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong: correct it.
    Invalid,
    /// What is asked for is not there.
    Missing,
    /// It is right and this version cannot do it.
    Unsupported,
    /// A file, device or server does not answer: try again.
    Unavailable,
    /// Bytes are damaged: restore them or compile again.
    Corrupt,
    /// A budget or limit is used up.
    Exhausted,
    /// The caller cancelled.
    Cancelled,
    /// The deadline passed.
    Timeout,
    /// A defect of this library: report it.
    Internal,
}

impl ErrorKind {
    /// The kind's name in lower case, as logs and the command line print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Unsupported => "unsupported",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

/// An error of opening or running a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operator semantics or a run.
    #[error("{0}")]
    Ops(#[from] hologram_ops::Error),
    /// The store or the archive.
    #[error("{0}")]
    Store(#[from] hologram_store::Error),
    /// Arrow data that does not convert.
    #[error("{0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// The plan, or what was given to it, does not fit.
    #[error("{message}")]
    Plan {
        /// What the caller can do.
        kind: ErrorKind,
        /// What is wrong.
        message: String,
    },
}

/// The result of opening or running a plan.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Plan { kind, message: message.into() }
    }

    /// An error of kind `Invalid`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        use hologram_ops::Error as Ops;
        use hologram_store::Error as Store;
        match self {
            Self::Plan { kind, .. } => *kind,
            Self::Arrow(_) => ErrorKind::Invalid,
            Self::Ops(e) => match e {
                Ops::Invalid(_) => ErrorKind::Invalid,
                Ops::Unsupported(_) => ErrorKind::Unsupported,
                Ops::Missing(_) => ErrorKind::Missing,
                Ops::Exhausted(_) => ErrorKind::Exhausted,
                Ops::Cancelled => ErrorKind::Cancelled,
                _ => ErrorKind::Internal,
            },
            Self::Store(e) => match e {
                Store::Missing(_) => ErrorKind::Missing,
                Store::Corrupt(_) => ErrorKind::Corrupt,
                Store::Invalid(_) | Store::Conflict(_) => ErrorKind::Invalid,
                Store::Exhausted(_) => ErrorKind::Exhausted,
                Store::Unavailable { .. } => ErrorKind::Unavailable,
                _ => ErrorKind::Internal,
            },
        }
    }
}
