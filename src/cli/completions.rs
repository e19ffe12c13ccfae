//! `hologram completions`: scripts that complete commands and flags in a shell.

use super::{Result, console::Stdout};
use clap_complete::Shell;

const AFTER_HELP: &str = "\
Examples:
  hologram completions bash > ~/.local/share/bash-completion/completions/hologram
  hologram completions zsh > ~/.zfunc/_hologram
  hologram completions fish > ~/.config/fish/completions/hologram.fish";

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, command: &mut clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "hologram", &mut script);
    Ok(std::io::Write::write_all(&mut Stdout::new(), &script)?)
}
