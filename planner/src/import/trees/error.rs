//! What can be wrong with a model file.

use std::fmt::Display;

use hologram_ops::forest::ForestError;
use thiserror::Error;

/// Why a model file was refused; each message names the file and the place inside it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{file}: {cause}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        cause: String,
    },
    /// The file is damaged or is not what it seems to be.
    #[error("{file}: {place}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// The line, byte or path inside it.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The file is well formed, but its meaning cannot be reproduced bit for bit.
    #[error("{file}: {place}: not supported: {reason}")]
    Unsupported {
        /// The file.
        file: String,
        /// The line, byte or path inside it.
        place: String,
        /// What it asks for, and what to do instead.
        reason: String,
    },
}

/// The file that is being read, for error messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// Its name.
    pub(super) file: &'a str,
}

impl Source<'_> {
    pub(super) fn malformed(self, place: impl Display, reason: impl Display) -> ImportError {
        ImportError::Malformed { file: self.file.to_owned(), place: place.to_string(), reason: reason.to_string() }
    }

    pub(super) fn unsupported(self, place: impl Display, reason: impl Display) -> ImportError {
        ImportError::Unsupported { file: self.file.to_owned(), place: place.to_string(), reason: reason.to_string() }
    }

    /// The file's trees made a forest that the border check refuses.
    pub(super) fn forest(self, error: &ForestError) -> ImportError {
        self.malformed("model", error)
    }
}
