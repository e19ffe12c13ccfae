//! Models that are made by python/models.py when they are missing.

use crate::{arguments::Arguments, cases::Case};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Makes missing models, each once.
#[derive(Debug)]
pub(crate) struct Models {
    python: PathBuf,
    folder: PathBuf,
    /// Why making a model failed.
    failed: HashMap<&'static str, String>,
}

impl Models {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { python: arguments.python.clone(), folder: arguments.models.clone(), failed: HashMap::new() }
    }

    /// Sees to it that a case's model file exists.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn provide(&mut self, case: &Case) -> Result<(), String> {
        if case.model.is_file() {
            return Ok(());
        }
        let Some(name) = case.made_as else { return Err(format!("{} is missing", case.model.display())) };
        if let Some(reason) = self.failed.get(name) {
            return Err(reason.clone());
        }
        eprintln!("making {}", case.model.display());
        let made = self.make(name);
        if let Err(reason) = &made {
            self.failed.insert(name, reason.clone());
        }
        made
    }

    fn make(&self, name: &str) -> Result<(), String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/models.py");
        let mut command = Command::new(&self.python);
        command.arg(script).arg(&self.folder).arg(name).stdout(Stdio::null());
        let done = command.output().map_err(|e| format!("{} cannot be started: {e}", self.python.display()))?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(said.trim().lines().last().unwrap_or("models.py failed and said nothing").to_owned())
    }
}
