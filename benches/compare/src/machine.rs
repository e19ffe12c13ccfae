//! Where a run happened: processor, load and versions.

use crate::arguments::root;
use std::{fs, process::Command};

/// The processor's name and which of the instruction sets that matter here it has.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").or_else(|| field("Features")).unwrap_or_default().split(' ').collect();
    let known = ["asimd", "sve", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"];
    let present: Vec<&str> = known.into_iter().filter(|flag| flags.contains(flag)).collect();
    format!(
        "{} ({}; {})",
        field("model name").unwrap_or("processor unknown"),
        std::env::consts::ARCH,
        present.join(" ")
    )
}

/// The load averages of the last 1, 5 and 15 minutes: how busy the machine was with other work too.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let numbers: Vec<&str> = text.split(' ').take(3).collect();
    if numbers.len() == 3 { numbers.join(" ") } else { "unknown".into() }
}

/// Hologram's version, with the commit where there is one.
pub(crate) fn version() -> String {
    let mut command = Command::new("git");
    command.args(["describe", "--always", "--dirty", "--exclude", "*"]).current_dir(root());
    let commit = command.output().ok().filter(|done| done.status.success());
    let commit = commit.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
    let commit = commit.map_or_else(String::new, |commit| format!(" ({commit})"));
    format!("{}{commit}", env!("CARGO_PKG_VERSION"))
}
