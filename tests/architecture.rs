//! The layers of ARCHITECTURE.md, held: who may depend on whom, one table of versions, one arrow, a narrow store.
//!
//! To change an arrow, change ARCHITECTURE.md and [`ARROWS`] first, in the commit that needs it.
#![expect(clippy::panic, reason = "a check that cannot read what it checks must fail")]

mod repository;

use std::collections::{BTreeMap, BTreeSet};

use repository::{files, is_test, members, output, packages, read, report, without_tests};

/// Each member and the members it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("hologram-store", &[]),
    ("hologram-ops", &[]),
    ("hologram-kernels", &["hologram-ops"]),
    ("hologram-backends", &["hologram-ops", "hologram-kernels"]),
    ("hologram-resolver", &["hologram-store", "hologram-ops", "hologram-kernels", "hologram-backends"]),
    (
        "hologram-planner",
        &["hologram-store", "hologram-ops", "hologram-kernels", "hologram-backends", "hologram-resolver"],
    ),
    (
        "hologram-engine",
        &[
            "hologram-store",
            "hologram-ops",
            "hologram-kernels",
            "hologram-backends",
            "hologram-resolver",
            "hologram-planner",
        ],
    ),
];

/// Packages that the lock file may hold once only, by name or, with a final `*`, by beginning: types of theirs cross our layers.
const ONCE: &[&str] = &["arrow*", "parquet", "object_store", "datafusion*", "prost", "half", "hologram-*"];

/// What a user of the store alone must never build.
const NOT_IN_STORE: &[&str] =
    &["datafusion", "tokio", "wgpu", "naga", "cudarc", "rayon", "petgraph", "prost", "parquet", "object_store"];

/// The atlas's numbers. Digits only: separators are removed before comparing.
const ATLAS_NUMBERS: &[&str] = &["12288", "655360", "1179648", "773094113280"];

#[test]
fn every_member_has_a_row_and_every_row_a_member() {
    let members: BTreeSet<String> = members().into_keys().collect();
    let rows: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let problems: Vec<String> = members.symmetric_difference(&rows).cloned().collect();
    report(
        &problems,
        "give the member a row in ARROWS of tests/architecture.rs and in ARCHITECTURE.md, or remove both",
    );
}

#[test]
fn dependencies_flow_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut problems = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap_or_default();
        let may = allowed.get(name).copied().unwrap_or_default();
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        let names = dependencies.iter().filter_map(|dependency| dependency["name"].as_str());
        let wrong = names.filter(|dependency| allowed.contains_key(dependency) && !may.contains(dependency));
        problems.extend(wrong.map(|dependency| format!("{name} may not depend on {dependency}")));
    }
    report(
        &problems,
        "a lower layer takes a closure or a trait instead of naming an upper one; see ARCHITECTURE.md, Layers",
    );
}

#[test]
fn versions_are_in_the_root_table_only() {
    let mut problems = Vec::new();
    for folder in members().values() {
        let path = if folder.is_empty() { "Cargo.toml".to_owned() } else { format!("{folder}/Cargo.toml") };
        problems.extend(entries_without_workspace(&read(&path)).into_iter().map(|entry| format!("{path}: {entry}")));
    }
    report(
        &problems,
        "put the version into [workspace.dependencies] of the root Cargo.toml and write `NAME.workspace = true`",
    );
}

/// The dependencies of a manifest that do not come from the workspace's table.
fn entries_without_workspace(manifest: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut in_list, mut in_single): (bool, Option<(String, bool)>) = (false, None);
    for line in
        manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).chain(["[end]"])
    {
        if let Some(section) = line.strip_prefix('[') {
            if let Some((name, false)) = in_single.take() {
                problems.push(name);
            }
            let section = section.trim_end_matches(']');
            let of_dependencies = |end: &str| section == end || section.ends_with(&format!(".{end}"));
            let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
            in_list = kinds.iter().any(|kind| of_dependencies(kind)) && section != "workspace.dependencies";
            let inside =
                |kind: &&str| section.starts_with(&format!("{kind}.")) || section.contains(&format!(".{kind}."));
            in_single = kinds.iter().any(inside).then(|| (section.to_owned(), false));
        } else if let Some((_, found)) = &mut in_single {
            *found |= line.replace(' ', "") == "workspace=true";
        } else if in_list {
            let packed = line.replace(' ', "");
            if !packed.contains(".workspace=true") && !packed.contains("{workspace=true") {
                problems.push(line.to_owned());
            }
        }
    }
    problems
}

#[test]
fn the_manifest_reader_tells_versions_from_references() {
    let cases: &[(&str, &[&str])] = &[
        ("[dependencies]\na.workspace = true\nb = { workspace = true, optional = true }", &[]),
        ("[dependencies]\na = \"1\"", &["a = \"1\""]),
        ("[dev-dependencies]\na = { version = \"1\" }", &["a = { version = \"1\" }"]),
        ("[target.'cfg(unix)'.dependencies]\na = { path = \"x\" }", &["a = { path = \"x\" }"]),
        ("[dependencies.a]\nversion = \"1\"\n[lints]\nworkspace = true", &["dependencies.a"]),
        ("[dependencies.a]\nworkspace = true", &[]),
        ("[workspace.dependencies]\na = \"1\"\n[features]\nb = []", &[]),
    ];
    for (manifest, expected) in cases {
        assert_eq!(entries_without_workspace(manifest), *expected, "{manifest}");
    }
}

#[test]
fn shared_packages_are_locked_once() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lock = read("Cargo.lock");
    let value = |line: &str, key: &str| line.strip_prefix(key).map(|rest| rest.trim_matches('"').to_owned());
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = value(line, "name = ") {
            let version = lines.next().and_then(|line| value(line, "version = ")).unwrap_or_default();
            versions.entry(name).or_default().push(version);
        }
    }
    assert!(versions.contains_key("arrow-array"), "Cargo.lock: no arrow-array found; has the file's format changed?");
    let is_shared = |name: &str| {
        ONCE.iter().any(|rule| rule.strip_suffix('*').map_or(name == *rule, |beginning| name.starts_with(beginning)))
    };
    let problems: Vec<String> = versions
        .iter()
        .filter(|(name, versions)| is_shared(name) && versions.len() > 1)
        .map(|(name, versions)| format!("Cargo.lock: {name} in versions {}", versions.join(", ")))
        .collect();
    report(&problems, "move arrow, parquet, object_store and datafusion together: their types cross our layers");
}

#[test]
fn the_store_alone_stays_narrow() {
    let tree =
        output(env!("CARGO"), &["tree", "-p", "hologram-store", "-e", "normal", "--offline", "--prefix", "none"]);
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("arrow-array"), "cargo tree printed no arrow-array:\n{tree}");
    let forbidden = |name: &&&str| {
        NOT_IN_STORE.iter().any(|not| *name == not || name.starts_with(&format!("{not}-")) && *not != "prost")
            || name.starts_with("hologram-") && **name != "hologram-store"
    };
    let problems: Vec<String> =
        names.iter().filter(forbidden).map(|name| format!("hologram-store builds {name}")).collect();
    report(&problems, "put the dependency behind a feature that is off by default, or into an upper layer");
}

#[test]
fn every_library_says_what_it_is() {
    let mut problems = Vec::new();
    for (name, folder) in members() {
        let path = format!("{folder}/src/lib.rs").trim_start_matches('/').to_owned();
        if !read(&path).starts_with("//! ") {
            problems.push(format!("{name}: {path}"));
        }
    }
    report(&problems, "open lib.rs with `//!`: what the member is, what it is not, where to start");
}

#[test]
fn the_atlas_keeps_its_numbers_to_itself() {
    let mut problems = Vec::new();
    for path in
        files().iter().filter(|path| path.ends_with(".rs") && !path.starts_with("store/src/atlas/") && !is_test(path))
    {
        for (at, line) in
            without_tests(&read(path)).lines().enumerate().filter(|(_, line)| !line.trim().starts_with("//"))
        {
            let digits = line.replace('_', "");
            let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
            if let Some(number) = numbers.find(|number| ATLAS_NUMBERS.contains(number)) {
                problems.push(format!("{path}:{}: {number}", at + 1));
            }
        }
    }
    report(&problems, "use the constants of hologram_store::atlas: the base's shape is written down once");
}
