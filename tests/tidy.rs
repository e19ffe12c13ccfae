//! House rules that no lint covers: length of files, leftovers, where macros and printing live, which folders there are.
//!
//! Each test is one rule and its message says what to do.
#![expect(clippy::panic, reason = "a check that cannot read what it checks must fail")]

mod repository;

use std::collections::BTreeSet;

use repository::{files, is_test, members, output, read, report, root, without_tests};

/// The longest file, its inline tests not counted, in lines.
const LINES_MAX: usize = 1_000;

/// Files at the root beside dot files: what a newcomer reads first, and what the tools need there.
const ROOT_FILES: &[&str] = &[
    "AGENTS.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CLAUDE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "prompt.md",
    "rustfmt.toml",
];

/// Files beside macros.rs and dispatch.rs that may define macros, and what the macros are for.
const MACRO_FILES: &[(&str, &str)] = &[
    ("backends/src/cpu/forest/registers.rs", "one implementation of a trait for each width of registers"),
    ("backends/src/cpu/kernels/elementwise.rs", "operator types to scalar functions, which need types and closures"),
    ("backends/src/cpu/simd.rs", "one implementation of a trait for each instruction set"),
    ("ops/src/attribute.rs", "one getter for each type of attribute"),
    ("ops/src/family/activation/logsoftmax.rs", "one order of arithmetic for f32 and f64"),
    ("ops/src/family/activation/softmax.rs", "one order of arithmetic for f32 and f64"),
    ("ops/src/family/math/bitshift.rs", "one shift for each working type"),
    ("ops/src/family/ml/testing.rs", "comparisons of each number type"),
    ("ops/src/family/nn/wide.rs", "from a float type known at run time to the type that is computed in"),
    ("ops/src/numeric/transcendental.rs", "one generic function for each pair of f32 and f64"),
    ("ops/src/numeric/element.rs", "one implementation of a trait for each number type"),
    ("ops/src/numeric/narrow.rs", "one type for each narrow format"),
    ("ops/src/numeric/working.rs", "one implementation of a trait for each narrow type"),
    ("resolver/src/rows/convert.rs", "one implementation of a trait for each number type"),
];

/// The files with one of these endings, and their text.
fn texts(endings: &[&str]) -> Vec<(String, String)> {
    let ends = |path: &String| endings.iter().any(|ending| path.ends_with(ending));
    files().into_iter().filter(ends).map(|path| (path.clone(), read(&path))).collect()
}

/// Every place where `find` names something in a line, as `file:line: what`.
fn places(texts: &[(String, String)], find: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in texts {
        let lines = text.lines().enumerate();
        found.extend(lines.filter_map(|(at, line)| find(path, line).map(|what| format!("{path}:{}: {what}", at + 1))));
    }
    found
}

/// Whether a word stands in a line with no letter, digit or underscore around it.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        (word.ends_with('!') || !after.is_some_and(part)) && !before.is_some_and(part)
    })
}

#[test]
fn files_are_short() {
    let problems: Vec<String> = texts(&[".rs", ".py", ".sh"])
        .iter()
        .filter(|(path, _)| !is_test(path) || path.starts_with("tests/"))
        .map(|(path, text)| (path, without_tests(text).lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    report(&problems, "split it by concept: one operator, pass, tier or command a file; 150 lines is normal");
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here so that this file does not find itself.
    let words: Vec<String> =
        ["TO DO", "FIX ME", "XX X", "to do!", "un implemented!"].map(|word| word.replace(' ', "")).into();
    let problems = places(&texts(&[".rs", ".py", ".sh", ".toml", ".yml", ".mdx", ".md", ".wgsl"]), |_, line| {
        words.iter().find(|word| has_word(line, word)).cloned()
    });
    report(&problems, "finish it, or return an Unsupported error that says what is missing");
}

#[test]
fn ignored_tests_say_why() {
    let problems = places(&texts(&[".rs"]), |_, line| (line.trim() == "#[ignore]").then(|| line.trim().to_owned()));
    report(&problems, "write #[ignore = \"why, and when it runs\"]");
}

#[test]
fn exceptions_explain_themselves() {
    let problems: Vec<String> = texts(&[".rs"])
        .iter()
        .flat_map(|(path, text)| {
            let attributes = ["#[allow(", "#![allow("].into_iter().flat_map(|open| text.match_indices(open));
            let at_line_start = |at: usize| {
                text[..at].lines().next_back().is_none_or(|line| line.trim().is_empty() || text[..at].ends_with('\n'))
            };
            attributes
                .filter(|(at, _)| at_line_start(*at))
                .filter(|(at, _)| !text[*at..].split(")]").next().unwrap_or_default().contains("reason"))
                .map(|(at, _)| format!("{path}:{}", text[..at].lines().count() + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    report(
        &problems,
        "write #[expect(LINT, reason = \"...\")], which also fails once the exception is no longer needed",
    );
}

#[test]
fn macros_live_in_their_own_files() {
    let problems = places(&texts(&[".rs"]), |path, line| {
        let home = ["/macros.rs", "/dispatch.rs"].iter().any(|name| path.ends_with(name))
            || ["/macros/", "/dispatch/"].iter().any(|folder| path.contains(folder))
            || MACRO_FILES.iter().any(|(file, _)| path == *file);
        (!home && !is_test(path) && line.trim().starts_with("macro_rules!")).then(|| line.trim().to_owned())
    });
    report(
        &problems,
        "prefer a table or a generic function; a macro that has three uses goes into macros.rs or dispatch.rs, or its file into MACRO_FILES",
    );
}

#[test]
fn nothing_names_a_machine() {
    let folders: Vec<String> = ["/work /", "/root /", "/home /", "/Users /", "C:\\ Users", "/ tmp/bash"]
        .map(|path| path.replace(' ', ""))
        .into();
    let endings =
        [".rs", ".py", ".sh", ".toml", ".yml", ".json", ".mdx", ".md", "run", "pre-commit", ".example", ".slt"];
    let problems = places(&texts(&endings), |_, line| {
        let starts =
            |at: usize| line[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"-_.*}".contains(c));
        folders.iter().find(|folder| line.match_indices(*folder).any(|(at, _)| starts(at))).cloned()
    });
    report(&problems, "use a path relative to the repository, or a temporary folder");
}

#[test]
fn only_the_command_line_prints() {
    let sources: Vec<String> =
        members().values().map(|folder| format!("{folder}/src/").trim_start_matches('/').to_owned()).collect();
    let inside = |path: &str| sources.iter().any(|source| path.starts_with(source));
    let files: Vec<(String, String)> = texts(&[".rs"])
        .into_iter()
        .filter(|(path, _)| inside(path) && !is_test(path))
        .filter(|(path, _)| !path.starts_with("src/cli/") && !["src/cli.rs", "src/main.rs"].contains(&path.as_str()))
        .map(|(path, text)| (path, without_tests(&text)))
        .collect();
    let problems = places(&files, |_, line| {
        let prints = ["println!(", "print!(", "eprintln!(", "eprint!("];
        (!line.trim().starts_with("//") && prints.iter().any(|print| line.contains(print)))
            .then(|| line.trim().to_owned())
    });
    report(&problems, "libraries log through tracing and return what they have to say; src/cli prints it");
}

#[test]
fn top_level_folders_are_those_of_the_architecture() {
    let tracked = output("git", &["ls-files", "-z"]);
    let present: BTreeSet<&str> =
        tracked.split('\0').filter_map(|path| path.split_once('/')).map(|(folder, _)| folder).collect();
    let text = read("ARCHITECTURE.md");
    let map = text.split("## Code map").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or_default();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split('`').next());
    let listed: BTreeSet<&str> = rows.filter_map(|row| row.strip_suffix('/')).collect();
    assert!(listed.contains("store"), "ARCHITECTURE.md: the section `Code map` has no row for `store/`");
    let mut problems: Vec<String> =
        present.difference(&listed).map(|folder| format!("{folder}/ is not in ARCHITECTURE.md, Code map")).collect();
    problems.extend(
        listed.difference(&present).map(|folder| format!("{folder}/ is in ARCHITECTURE.md, Code map, and not here")),
    );
    report(
        &problems,
        "one of them is wrong: move the folder's files where they belong, or change the map in the same commit",
    );
}

#[test]
fn the_root_holds_only_what_is_listed() {
    let problems: Vec<String> = files()
        .into_iter()
        .filter(|path| !path.contains('/') && !path.starts_with('.') && !ROOT_FILES.contains(&path.as_str()))
        .collect();
    report(
        &problems,
        "put it into the folder it belongs to, or into ROOT_FILES of tests/tidy.rs with a reason in the commit",
    );
}

#[test]
fn scripts_can_be_run() {
    let listed = output("git", &["ls-files", "--stage"]);
    let is_script = |path: &str| path.ends_with(".sh") || path.starts_with(".githooks/") || path == ".ci/run";
    let problems: Vec<String> = listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(stage, path)| is_script(path) && !stage.starts_with("100755"))
        .map(|(_, path)| path.to_owned())
        .collect();
    report(&problems, "git update-index --chmod=+x FILE");
}

#[test]
fn scripts_stop_at_the_first_failure() {
    let problems: Vec<String> = files()
        .into_iter()
        .filter(|path| path.ends_with(".sh") || path.starts_with(".githooks/") || path == ".ci/run")
        .filter(|path| !read(path).lines().take(30).any(|line| line.starts_with("set -euo pipefail")))
        .collect();
    report(&problems, "write `set -euo pipefail` below the opening comment");
}

#[test]
fn the_documents_of_the_root_are_there() {
    let needed =
        ["AGENTS.md", "ARCHITECTURE.md", "CHANGELOG.md", "CLAUDE.md", "LICENSE-APACHE", "LICENSE-MIT", "prompt.md"];
    let missing = needed.iter().filter(|path| !root().join(path).is_file());
    report(&missing.map(|path| (*path).to_owned()).collect::<Vec<_>>(), "restore it");
}
