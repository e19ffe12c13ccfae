//! The repository as the checks of this folder see it: which files belong to it, which members the workspace has, how a failure is told.
//!
//! Start at [`files`]. What belongs to the repository is what git tracks or would track, so build outputs and local notes never count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The repository's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, named relative to the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: cannot be read: {error}"))
}

/// What a command prints, run at the root.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let line = format!("{program} {}", arguments.join(" "));
    let done = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("`{line}` does not start: {error}"));
    assert!(done.status.success(), "`{line}` failed:\n{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Every file that git tracks or would track, relative to the root, in order.
pub(crate) fn files() -> Vec<String> {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let mut files: Vec<String> =
        listed.split('\0').filter(|path| root().join(path).is_file()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    assert!(files.iter().any(|path| path == "Cargo.toml"), "git lists no Cargo.toml: run the tests in a git checkout");
    files
}

/// The workspace's packages as cargo describes them, the root's included.
pub(crate) fn packages() -> Vec<Value> {
    let text = output(env!("CARGO"), &["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let metadata: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    assert!(packages.len() > 1, "cargo metadata lists no members");
    packages
}

/// Each package of the workspace, and its folder relative to the root: empty for the root's own.
pub(crate) fn members() -> BTreeMap<String, String> {
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let folder_of = |package: &Value| {
        let manifest = PathBuf::from(text_of(&package["manifest_path"]));
        let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root()).ok().map(Path::to_path_buf));
        folder.unwrap_or_else(|| panic!("{}: outside the repository", manifest.display())).display().to_string()
    };
    packages().iter().map(|package| (text_of(&package["name"]), folder_of(package))).collect()
}

/// A source file without the inline test module at its end.
///
/// A test module in a file of its own (`#[cfg(test)] mod tests;`) hides nothing: the text goes on after it.
pub(crate) fn without_tests(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let end = (0..lines.len()).find(|&at| {
        lines[at].trim_start().starts_with("#[cfg(test)]") && {
            let mut after = lines[at..].iter().map(|line| line.trim().trim_start_matches("#[cfg(test)]").trim());
            let item = after.find(|line| !line.is_empty() && !line.starts_with("#[")).unwrap_or_default();
            item.starts_with("mod ") && !item.ends_with(';')
        }
    });
    lines[..end.unwrap_or(lines.len())].join("\n")
}

/// Whether a file holds nothing but tests.
pub(crate) fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|folder| folder == "tests")
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
        || declared_as_test(path)
}

/// Whether the module beside or above a file declares it under `#[cfg(test)]`.
fn declared_as_test(path: &str) -> bool {
    let (Some((folder, name)), true) = (path.rsplit_once('/'), path.ends_with(".rs")) else { return false };
    let stem = name.trim_end_matches(".rs");
    let parents = [format!("{folder}/mod.rs"), format!("{folder}/lib.rs"), format!("{folder}.rs")];
    parents.iter().filter_map(|parent| fs::read_to_string(root().join(parent)).ok()).any(|text| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let declaration = format!("mod {stem};");
        lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1] == declaration)
            || lines.contains(&format!("#[cfg(test)] {declaration}").as_str())
    })
}

/// Fails with every problem on a line of its own, and what to do about them.
pub(crate) fn report(problems: &[String], advice: &str) {
    assert!(problems.is_empty(), "{} found:\n  {}\n{advice}", problems.len(), problems.join("\n  "));
}
