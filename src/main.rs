//! The `hologram` command; everything it does is in `hologram::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    hologram::cli::main()
}
