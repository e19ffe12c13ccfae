//! What can be wrong with a forest.

use thiserror::Error;

/// Why a forest was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForestError {
    /// The columns contradict each other or point outside themselves.
    #[error("forest: {place}: {reason}")]
    Invalid {
        /// The column and position, for example `node 12`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The bytes are not an encoded forest, are cut short, or carry more than a forest.
    #[error("forest bytes: at offset {offset}: {reason}; compile the model again")]
    Corrupt {
        /// Bytes from the start.
        offset: usize,
        /// What was expected.
        reason: String,
    },
    /// A row or an output slice has the wrong length.
    #[error("forest: {what} has length {found}, expected {expected}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the forest needs.
        expected: usize,
    },
}

impl ForestError {
    /// An [`ForestError::Invalid`] from a place and a reason.
    pub(crate) fn invalid(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), reason: reason.into() }
    }
}
