//! The facade's error: a kind that says what the caller can do next, and a message that names the thing.

pub use hologram_resolver::ErrorKind;

/// What went wrong in Hologram.
///
/// ```
/// use hologram::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Missing, "no model is named 'churn'");
/// assert_eq!(error.kind(), ErrorKind::Missing);
/// assert_eq!(error.to_string(), "no model is named 'churn'");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The result of what can fail in Hologram.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error of kind `Invalid`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error with the place that it happened in before its message.
    #[must_use]
    pub fn at(self, place: impl std::fmt::Display) -> Self {
        Self { kind: self.kind, message: format!("{place}: {}", self.message) }
    }
}

impl From<hologram_resolver::Error> for Error {
    fn from(e: hologram_resolver::Error) -> Self {
        Self::new(e.kind(), e.to_string())
    }
}

impl From<hologram_ops::Error> for Error {
    fn from(e: hologram_ops::Error) -> Self {
        hologram_resolver::Error::from(e).into()
    }
}

impl From<hologram_store::Error> for Error {
    fn from(e: hologram_store::Error) -> Self {
        hologram_resolver::Error::from(e).into()
    }
}

impl From<arrow_schema::ArrowError> for Error {
    fn from(e: arrow_schema::ArrowError) -> Self {
        hologram_resolver::Error::from(e).into()
    }
}

#[cfg(feature = "compile")]
impl From<hologram_planner::Error> for Error {
    fn from(e: hologram_planner::Error) -> Self {
        Self::new(e.kind(), e.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Missing,
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => ErrorKind::Invalid,
            std::io::ErrorKind::TimedOut => ErrorKind::Timeout,
            std::io::ErrorKind::OutOfMemory | std::io::ErrorKind::StorageFull => ErrorKind::Exhausted,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, e.to_string())
    }
}

#[cfg(feature = "sql")]
mod datafusion_errors {
    use super::{Error, ErrorKind};
    use datafusion::{arrow::error::ArrowError, error::DataFusionError};

    impl From<Error> for DataFusionError {
        fn from(e: Error) -> Self {
            Self::External(Box::new(e))
        }
    }

    impl From<DataFusionError> for Error {
        /// Our own errors come out as they went in, whatever DataFusion has wrapped around them.
        fn from(e: DataFusionError) -> Self {
            let root = e.find_root();
            let kind = match root {
                DataFusionError::External(inner) => {
                    if let Some(ours) = inner.downcast_ref::<Error>() {
                        return ours.clone();
                    }
                    ErrorKind::Invalid
                }
                DataFusionError::ArrowError(inner, _) => {
                    if let ArrowError::ExternalError(source) = &**inner
                        && let Some(ours) = source.downcast_ref::<Error>()
                    {
                        return ours.clone();
                    }
                    ErrorKind::Invalid
                }
                DataFusionError::NotImplemented(_) => ErrorKind::Unsupported,
                DataFusionError::ResourcesExhausted(_) => ErrorKind::Exhausted,
                DataFusionError::Internal(_) => ErrorKind::Internal,
                DataFusionError::IoError(inner) => Error::from(std::io::Error::from(inner.kind())).kind,
                DataFusionError::ObjectStore(inner) => match **inner {
                    object_store::Error::NotFound { .. } => ErrorKind::Missing,
                    _ => ErrorKind::Unavailable,
                },
                _ => ErrorKind::Invalid,
            };
            Self::new(kind, root.strip_backtrace())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_survive_the_layers() {
        let cases: Vec<(Error, ErrorKind)> = vec![
            (hologram_ops::Error::Cancelled.into(), ErrorKind::Cancelled),
            (hologram_ops::Error::Exhausted("x".into()).into(), ErrorKind::Exhausted),
            (std::io::Error::from(std::io::ErrorKind::NotFound).into(), ErrorKind::Missing),
            (std::io::Error::from(std::io::ErrorKind::PermissionDenied).into(), ErrorKind::Unavailable),
        ];
        for (error, kind) in cases {
            assert_eq!(error.kind(), kind, "{error}");
        }
    }

    #[cfg(feature = "sql")]
    #[test]
    fn an_error_of_ours_comes_back_out_of_datafusion_unchanged() {
        use datafusion::error::DataFusionError;
        let ours = Error::new(ErrorKind::Missing, "no model is named 'm'");
        let wrapped = DataFusionError::from(ours.clone()).context("planning").context("query");
        assert_eq!(Error::from(wrapped), ours);
        let full = DataFusionError::ResourcesExhausted("pool".into());
        assert_eq!(Error::from(full).kind(), ErrorKind::Exhausted);
    }
}
