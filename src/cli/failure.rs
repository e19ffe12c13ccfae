//! Failures: one line on stderr with a hint, and an exit code for each kind of error.

use crate::{Error, ErrorKind};
use std::fmt;

/// The exit code of each kind of error, with what it means.
pub(super) const EXIT_CODES: &[(u8, Option<ErrorKind>, &str)] = &[
    (0, None, "done"),
    (1, Some(ErrorKind::Invalid), "the input is wrong: a file, a query, a value or a setting; correct it"),
    (2, None, "the command line is wrong; `--help` shows how it is used"),
    (3, Some(ErrorKind::Missing), "a file, model, column or section is not there"),
    (4, Some(ErrorKind::Unsupported), "it is right, and this version cannot do it"),
    (5, Some(ErrorKind::Corrupt), "bytes are damaged: restore the file, or compile the model again"),
    (6, Some(ErrorKind::Unavailable), "a file or device does not answer: try again, or mend it"),
    (7, Some(ErrorKind::Exhausted), "a limit or the memory is used up"),
    (8, Some(ErrorKind::Cancelled), "it was cancelled"),
    (9, Some(ErrorKind::Timeout), "it took longer than it may"),
    (10, Some(ErrorKind::Internal), "a defect of hologram: please report it"),
];

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(super) struct Failure {
    error: Error,
    hint: Option<String>,
}

/// The result of a command.
pub(super) type Result<T, E = Failure> = std::result::Result<T, E>;

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), hint: None }
    }
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error::new(kind, message).into()
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The same failure with what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure with the place that it happened in before its message, unless the message names it already.
    #[must_use]
    pub(super) fn at(self, place: impl fmt::Display) -> Self {
        let place = place.to_string();
        if self.error.message().contains(&place) {
            return self;
        }
        Self { error: self.error.at(place), hint: self.hint }
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    pub(super) fn exit_code(&self) -> u8 {
        EXIT_CODES.iter().find(|(_, kind, _)| *kind == Some(self.kind())).map_or(10, |(code, ..)| *code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The kind stands in front, so the message need not begin with it as well; and a line stays a line.
        let kind = self.kind().name();
        let lines: Vec<&str> = self.error.message().lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let message = lines.join("; ");
        write!(f, "error[{kind}]: {}", message.strip_prefix(&format!("{kind}: ")).unwrap_or(&message))?;
        let general = match self.kind() {
            ErrorKind::Corrupt if !message.contains("restore") => Some("restore the file, or compile the model again"),
            ErrorKind::Internal => Some("this is a defect of hologram; please report it with what you ran"),
            _ => None,
        };
        match self.hint.as_deref().or(general) {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_a_hint_and_a_code_of_its_own() {
        let failure = Failure::new(ErrorKind::Missing, "missing: a.onnx:\n  no such file").hint("look again");
        assert_eq!(failure.to_string(), "error[missing]: a.onnx:; no such file (hint: look again)");
        assert_eq!(failure.exit_code(), 3);
        let codes: std::collections::BTreeSet<u8> = EXIT_CODES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes.len(), EXIT_CODES.len());
        assert_eq!(Failure::invalid("x").at("f").at("f").to_string(), "error[invalid]: f: x");
    }
}
