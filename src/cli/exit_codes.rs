//! `hologram exit-codes`: what the exit codes mean.

use super::{
    Result,
    console::{columns, say},
    failure::EXIT_CODES,
};

/// Show what each exit code means.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run() -> Result<()> {
    let mut rows = vec![["code", "kind", "meaning"].map(str::to_owned).to_vec()];
    for (code, kind, meaning) in EXIT_CODES {
        rows.push(vec![code.to_string(), kind.map_or("", |k| k.name()).to_owned(), (*meaning).to_owned()]);
    }
    say(columns(&rows))
}
