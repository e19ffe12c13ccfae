//! The documentation held together: every page listed and titled, every link led somewhere, every member specified.
#![expect(clippy::panic, reason = "a check that cannot read what it checks must fail")]

mod repository;

use std::collections::BTreeSet;

use repository::{files, is_test, members, read, report, root, without_tests};
use serde_json::Value;

/// The pages that `docs/docs.json` names, relative to `docs/` and without ending.
fn listed_pages() -> BTreeSet<String> {
    fn collect(value: &Value, pages: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (name.as_str(), field) {
                        ("pages", Value::Array(entries)) => {
                            for entry in entries {
                                match entry {
                                    Value::String(page) => drop(pages.insert(page.clone())),
                                    group => collect(group, pages),
                                }
                            }
                        }
                        _ => collect(field, pages),
                    }
                }
            }
            Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, pages)),
            _ => {}
        }
    }
    let docs: Value =
        serde_json::from_str(&read("docs/docs.json")).unwrap_or_else(|error| panic!("docs/docs.json: {error}"));
    let mut pages = BTreeSet::new();
    collect(&docs["navigation"], &mut pages);
    assert!(pages.contains("index"), "docs/docs.json: the navigation lists no page `index`");
    pages
}

/// The pages under `docs/`, relative to it and without ending.
fn present_pages() -> BTreeSet<String> {
    let page = |path: String| path.strip_prefix("docs/").and_then(|path| path.strip_suffix(".mdx")).map(str::to_owned);
    files().into_iter().filter_map(page).collect()
}

/// The lines of a document with their code left out.
fn prose(text: &str) -> Vec<String> {
    let mut in_code = false;
    let without_code = |line: &str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence { String::new() } else { line.split('`').step_by(2).collect::<Vec<_>>().join("``") }
    };
    text.lines().map(without_code).collect()
}

/// The targets of a document's links, code left out.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for prose in prose(text) {
        let in_brackets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let in_tags = prose.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        targets.extend(in_brackets.chain(in_tags).map(str::to_owned));
    }
    targets
}

/// Whether a link of `page` (a path from the root) leads to a file or, in the docs, to a page.
fn resolves(page: &str, link: &str) -> bool {
    let target = link.split(['#', '?']).next().unwrap_or_default();
    if target.is_empty() || link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let base = if target.starts_with('/') { "docs" } else { page.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let path = root().join(base).join(target.trim_start_matches('/'));
    path.exists() || path.with_extension("mdx").is_file()
}

#[test]
fn every_page_is_listed_and_every_listed_page_is_there() {
    let (listed, present) = (listed_pages(), present_pages());
    let mut problems: Vec<String> = listed
        .difference(&present)
        .map(|page| format!("docs/docs.json lists `{page}`; docs/{page}.mdx is missing"))
        .collect();
    problems.extend(present.difference(&listed).map(|page| format!("docs/{page}.mdx is not in docs/docs.json")));
    report(&problems, "write the page, or list it under its group in docs/docs.json");
}

#[test]
fn every_page_has_a_title_and_a_description() {
    let mut problems = Vec::new();
    for page in present_pages() {
        let text = read(&format!("docs/{page}.mdx"));
        let front = text.strip_prefix("---\n").and_then(|rest| rest.split("\n---\n").next()).unwrap_or_default();
        for key in ["title", "description"] {
            let value = front.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            if value.is_none_or(|value| value.trim().trim_matches('"').is_empty()) {
                problems.push(format!("docs/{page}.mdx: no {key}"));
            }
        }
    }
    report(&problems, "open the page with `---`, `title: ...`, `description: ...`, `---`");
}

#[test]
fn prose_is_no_code() {
    let mut problems = Vec::new();
    for page in present_pages() {
        for (at, line) in prose(&read(&format!("docs/{page}.mdx"))).iter().enumerate() {
            let opens = |(at, _): (usize, &str)| !line[at + 1..].starts_with(|c: char| c.is_alphabetic() || c == '/');
            if line.contains(['{', '}']) || line.match_indices('<').any(opens) {
                problems.push(format!("docs/{page}.mdx:{}: {}", at + 1, line.trim()));
            }
        }
    }
    report(&problems, "braces and `<` open code in MDX: put them between backticks");
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for path in files().iter().filter(|path| path.ends_with(".mdx") || path.ends_with(".md")) {
        let broken = links(&read(path)).into_iter().filter(|link| !resolves(path, link));
        problems.extend(broken.map(|link| format!("{path}: {link}")));
    }
    report(&problems, "in docs/ link to pages as /folder/page; elsewhere to files, relative to the file");
}

#[test]
fn links_are_found_where_they_are() {
    let text = "see [a](/x#y) and [b](z.md)\n```\n[not](this)\n```\n`[nor](that)` <Card href=\"/w\">";
    assert_eq!(links(text), ["/x#y", "z.md", "/w"]);
}

#[test]
fn every_member_is_specified() {
    let mut problems = Vec::new();
    let index = read("docs/spec/index.mdx");
    for (name, folder) in members() {
        let page = if folder.is_empty() { "engine".to_owned() } else { folder.replace('/', "-") };
        if !root().join(format!("docs/spec/{page}.mdx")).is_file() {
            problems.push(format!("{}: docs/spec/{page}.mdx is missing", name));
        } else if !index.contains(&format!("(/spec/{page})")) {
            problems.push(format!("{}: docs/spec/index.mdx does not link /spec/{page}", name));
        }
    }
    report(
        &problems,
        "say what the member is for, what it may depend on, its main types and what always holds of them",
    );
}

#[test]
fn agents_are_led_to_the_specifications() {
    let problems: Vec<String> = ["AGENTS.md", "CLAUDE.md", "prompt.md"]
        .iter()
        .filter(|path| !read(path).contains("docs/spec"))
        .map(|path| format!("{path}: does not name docs/spec"))
        .collect();
    report(&problems, "name docs/spec: it is where the rules are");
}

#[test]
fn code_names_only_documents_that_exist() {
    let mut problems = Vec::new();
    for path in files().iter().filter(|path| path.ends_with(".rs") && !is_test(path)) {
        let text = without_tests(&read(path));
        for word in text.split(|c: char| c.is_whitespace() || "`\"'()<>,;".contains(c)) {
            let word = word.trim_end_matches(['.', ':']);
            if word.starts_with("docs/") && word.ends_with(".mdx") && !root().join(word).is_file() {
                problems.push(format!("{path}: {word}"));
            }
        }
    }
    report(&problems, "name the page by its path from the root, as docs/spec/store.mdx");
}

/// What `hologram ops --coverage` says, as tables.
fn coverage_tables() -> String {
    use std::fmt::Write;
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_hologram"))
        .args(["ops", "--coverage", "--json"])
        .output()
        .unwrap_or_else(|error| panic!("hologram ops: {error}"));
    let coverage: Value =
        serde_json::from_slice(&made.stdout).unwrap_or_else(|error| panic!("hologram ops --json: {error}"));
    let mut text = String::new();
    let tables = [
        ("operator_sets", "operator_set", "operator set", "Operators of the standard that are read, by operator set"),
        ("types", "type", "type", "Operators of the standard that a passing case runs with an element type"),
    ];
    for (table, key, head, caption) in tables {
        _ = write!(text, "\n{caption}:\n\n| domain | {head} | operators | of |\n|---|---|---|---|\n");
        for row in coverage[table].as_array().into_iter().flatten() {
            let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            _ = writeln!(text, "| {} | {} | {} | {} |", word("domain"), word(key), row["operators"], row["standard"]);
        }
    }
    text
}

/// The page of operators, from the registry, the coverage of the standard and the ledger of cases.
fn operators_page() -> String {
    use std::{collections::BTreeMap, fmt::Write};
    let mut domains: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for row in hologram::ops::Registry::standard().rows() {
        let domain = if row.domain.is_empty() { "ai.onnx" } else { row.domain };
        domains.entry(domain).or_default().entry(row.op).or_default().push(row.since.to_string());
    }
    let ledger = read("tests/onnx/passing.txt");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, _) in ledger.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('/')) {
        *kinds.entry(kind).or_default() += 1;
    }
    let mut page = String::from(
        "---\ntitle: \"Operators\"\ndescription: \"Every operator that is read, with the versions in which its meaning changed\"\n---\n\n\
         This page is made from `hologram ops --coverage`, the registry and the ledger of cases; a test holds it to them. The command lists\n\
         what the standard has and is not here or has no case; `hologram ops --missing model.onnx` lists what a model needs.\n\n\
         | cases | pass |\n|---|---|\n",
    );
    for (kind, count) in kinds {
        _ = writeln!(page, "| {kind} | {count} |");
    }
    page += &coverage_tables();
    for (domain, operators) in domains {
        _ = write!(page, "\n## {domain}\n\n{} operators.\n\n| operator | since |\n|---|---|\n", operators.len());
        for (operator, since) in operators {
            _ = writeln!(page, "| {operator} | {} |", since.join(" "));
        }
    }
    page
}

#[test]
fn the_page_of_operators_is_what_the_registry_says() {
    let page = operators_page();
    if std::env::var("HOLOGRAM_DOCS").as_deref() == Ok("update") {
        std::fs::write(root().join("docs/operators.mdx"), &page)
            .unwrap_or_else(|error| panic!("docs/operators.mdx: {error}"));
    }
    assert!(
        read("docs/operators.mdx") == page,
        "docs/operators.mdx is not what the registry says: HOLOGRAM_DOCS=update cargo test --test docs"
    );
}
