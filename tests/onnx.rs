//! Conformance: ONNX's own cases, the light models and exported pipelines, each through both ways.
//!
//! A case runs through the reference evaluation of its graph, and through compile, write, reopen and the value door. The
//! ledger `tests/onnx/passing.txt` lists the cases that pass; it only grows: a listed case that fails and a passing case
//! that is not listed both fail the test. `HOLOGRAM_LEDGER=update` writes new passes into it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its counts"
)]

#[path = "onnx/case.rs"]
mod case;
#[path = "onnx/compare.rs"]
mod compare;

use hologram_ops::DType;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

const KINDS: &[&str] =
    &["node", "simple", "pytorch-operator", "pytorch-converted", "light", "light-random", "pipelines", "own"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn ledger_path() -> PathBuf {
    root().join("tests/onnx/passing.txt")
}

fn ledger() -> BTreeSet<String> {
    let text = std::fs::read_to_string(ledger_path()).unwrap_or_default();
    text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(str::to_owned).collect()
}

/// The cases of a kind, by name.
fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = root().join("target/cases").join(kind);
    let entries = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}; run tests/python/setup.sh, which makes the cases", folder.display()));
    let mut found: Vec<PathBuf> =
        entries.map(|e| e.unwrap().path()).filter(|p| p.join("model.onnx").exists()).collect();
    found.sort();
    found
}

fn types_path() -> PathBuf {
    root().join("src/cli/exercised_types.txt")
}

/// The element types with which cases run each operator, as the file has them.
fn types() -> case::Exercised {
    let text = std::fs::read_to_string(types_path()).unwrap_or_default();
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    let line = |l: &str| {
        let (op, types) = l.rsplit_once(' ').unwrap();
        (op.to_owned(), types.split(',').map(|t| DType::from_name(t).unwrap()).collect())
    };
    lines.map(line).collect()
}

/// Runs every case of a kind on both cores; returns the names that pass, for the rest why not, and what they exercised.
fn run(kind: &str) -> (BTreeSet<String>, Vec<(String, String)>, case::Exercised) {
    let cases = cases(kind);
    let next = AtomicUsize::new(0);
    let results = Mutex::new((BTreeSet::new(), Vec::new(), case::Exercised::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(path) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = format!("{kind}/{}", path.file_name().unwrap().to_string_lossy());
                    let outcome =
                        std::panic::catch_unwind(|| case::run(path)).unwrap_or_else(|_| Err("panicked".into()));
                    let mut results = results.lock().unwrap();
                    match outcome {
                        Ok(exercised) => {
                            results.0.insert(name);
                            for (op, types) in exercised {
                                results.2.entry(op).or_default().extend(types);
                            }
                        }
                        Err(why) => results.1.push((name, why)),
                    }
                }
            });
        }
    });
    let (passed, mut failed, exercised) = results.into_inner().unwrap();
    failed.sort();
    (passed, failed, exercised)
}

fn check(kinds: &[&str], at_least: usize) {
    let listed = ledger();
    let mut problems = Vec::new();
    let (mut passed_total, mut total) = (BTreeSet::new(), 0);
    let mut exercised_total = case::Exercised::new();
    let mut report = String::new();
    for kind in kinds {
        let (passed, failed, exercised) = run(kind);
        for (op, types) in exercised {
            exercised_total.entry(op).or_default().extend(types);
        }
        println!("{kind}: {} of {} cases pass", passed.len(), passed.len() + failed.len());
        total += passed.len() + failed.len();
        for (name, why) in &failed {
            report += &format!("{name}: {}\n", why.replace('\n', " "));
            if listed.contains(name) {
                problems.push(format!("{name} is listed and fails: {why}"));
            }
        }
        problems
            .extend(passed.iter().filter(|n| !listed.contains(*n)).map(|n| format!("{n} passes and is not listed")));
        passed_total.extend(passed);
    }
    let out = root().join("target/cases").join(format!("failing-{}.txt", kinds[0]));
    std::fs::write(&out, report).unwrap();
    println!("what does not pass, and why: {}", out.display());
    assert!(
        total > 0 && passed_total.len() >= at_least,
        "{} of {total} cases pass, {at_least} are expected",
        passed_total.len()
    );
    if std::env::var("HOLOGRAM_LEDGER").as_deref() == Ok("update") {
        let mut all = ledger();
        all.extend(passed_total);
        let text = "# Cases that pass, one a line, in order. This file only grows; HOLOGRAM_LEDGER=update adds to it.\n"
            .to_owned()
            + &all.into_iter().collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(ledger_path(), text).unwrap();
        let mut known = types();
        for (op, types) in exercised_total {
            known.entry(op).or_default().extend(types);
        }
        let mut text = "# The element types with which cases that pass run each operator. This file only grows;\n\
            # HOLOGRAM_LEDGER=update cargo test --test onnx adds to it.\n"
            .to_owned();
        for (op, types) in known {
            let names: Vec<&str> = types.iter().map(|t| t.name()).collect();
            text += &format!("{op} {}\n", names.join(","));
        }
        std::fs::write(types_path(), text).unwrap();
        return;
    }
    let known = types();
    for (op, types) in &exercised_total {
        let listed = known.get(op);
        let new = types.iter().filter(|t| listed.is_none_or(|l| !l.contains(t)));
        problems.extend(new.map(|t| format!("{op} runs with {t} and src/cli/exercised_types.txt does not say so")));
    }
    let gone: Vec<&String> = listed
        .iter()
        .filter(|n| kinds.iter().any(|k| n.starts_with(&format!("{k}/"))))
        .filter(|n| !root().join("target/cases").join(Path::new(n.as_str())).exists())
        .collect();
    problems.extend(gone.iter().map(|n| format!("{n} is listed and there is no such case")));
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_table_of_the_standard_is_that_of_the_onnx_package() {
    let script = root().join("tests/python/standard.py");
    let made = std::process::Command::new(root().join(".venv/bin/python")).arg(script).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let held = std::fs::read_to_string(root().join("src/cli/onnx_operators.txt")).unwrap();
    assert!(
        String::from_utf8(made.stdout).unwrap() == held,
        "write it anew: .venv/bin/python tests/python/standard.py > src/cli/onnx_operators.txt"
    );
}

#[test]
fn node_cases() {
    check(&KINDS[..4], 700);
}

#[test]
fn light_models() {
    check(&KINDS[4..6], 18);
}

#[test]
fn pipelines() {
    check(&KINDS[6..7], 12);
}

#[test]
fn own_cases() {
    check(&KINDS[7..], 1);
}
