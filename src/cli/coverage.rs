//! `hologram ops --coverage`: how much of the ONNX standard there is, by domain, operator set and element type.

use super::{
    Result,
    console::{columns, say},
};
use crate::ops::Registry;
use std::collections::{BTreeMap, BTreeSet};

/// Every operator of the standard: domain, name, versions (`!` before the one that deprecates it) and element types.
const STANDARD: &str = include_str!("onnx_operators.txt");

/// The element types with which a case of the test suite that passes runs each operator.
const EXERCISED: &str = include_str!("exercised_types.txt");

/// One operator of the standard.
struct Standard {
    op: &'static str,
    /// The versions in which it changed.
    versions: Vec<u32>,
    /// The version from which it is no longer there.
    until: Option<u32>,
    /// The element types that any of its inputs and outputs allows.
    types: Vec<&'static str>,
}

impl Standard {
    /// Whether the operator is there in this version of its domain's operator set.
    fn is_in(&self, version: u32) -> bool {
        self.versions.first().is_some_and(|first| *first <= version) && self.until.is_none_or(|until| version < until)
    }
}

/// The lines of a table that are no comment, in words.
fn lines(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

/// The standard's operators by domain, in order.
fn standard() -> BTreeMap<&'static str, Vec<Standard>> {
    let mut domains: BTreeMap<&str, Vec<Standard>> = BTreeMap::new();
    for line in lines(STANDARD) {
        let [domain, op, versions, types] = line[..] else { continue };
        let number = |v: &str| v.parse::<u32>().ok();
        domains.entry(domain).or_default().push(Standard {
            op,
            versions: versions.split(',').filter_map(number).collect(),
            until: versions.split(',').find_map(|v| v.strip_prefix('!').and_then(number)),
            types: types.split(',').collect(),
        });
    }
    domains
}

/// The exercised element types by domain and operator.
fn exercised() -> BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>> {
    let mut found = BTreeMap::new();
    for line in lines(EXERCISED) {
        if let [domain, op, types] = line[..] {
            found.insert((domain, op), types.split(',').collect());
        }
    }
    found
}

/// A domain in one version of its operator set, or an element type in a domain: how many operators of how many.
struct Row {
    domain: &'static str,
    of: String,
    there: usize,
    all: usize,
}

/// What one operator of the standard lacks.
struct Gap {
    domain: &'static str,
    op: &'static str,
    what: String,
}

pub(super) fn run(registry: &Registry, json: bool) -> Result<()> {
    let standard = standard();
    let tested = exercised();
    let (mut by_set, mut by_type, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
    for (domain, operators) in &standard {
        let last = operators.iter().flat_map(|o| o.versions.iter().chain(&o.until)).max().copied().unwrap_or(1);
        for version in 1..=last {
            let there: Vec<&Standard> = operators.iter().filter(|o| o.is_in(version)).collect();
            let found = there.iter().filter(|o| registry.find(domain, o.op, version).is_ok()).count();
            by_set.push(Row { domain, of: version.to_string(), there: found, all: there.len() });
        }
        let mut types: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for operator in operators {
            let newest = operator.until.map_or(last, |until| until - 1);
            if let Err(e) = registry.find(domain, operator.op, newest) {
                gaps.push(Gap { domain, op: operator.op, what: e.to_string() });
            }
            let seen = tested.get(&(*domain, operator.op)).cloned().unwrap_or_default();
            for ty in &operator.types {
                let (there, all) = types.entry(ty).or_default();
                *there += usize::from(seen.contains(ty));
                *all += 1;
            }
            let unseen: Vec<&str> = operator.types.iter().filter(|ty| !seen.contains(**ty)).copied().collect();
            if !unseen.is_empty() {
                gaps.push(Gap { domain, op: operator.op, what: format!("no case with {}", unseen.join(" ")) });
            }
        }
        by_type.extend(types.into_iter().map(|(ty, (there, all))| Row { domain, of: ty.to_owned(), there, all }));
    }
    // Operators of domains that no standard lists.
    let mut beyond: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in registry.rows() {
        let domain = if row.domain.is_empty() { "ai.onnx" } else { row.domain };
        if standard.get(domain).is_none_or(|list| list.iter().all(|o| o.op != row.op)) {
            beyond.entry(domain).or_default().insert(row.op);
        }
    }
    if json {
        return say(format_args!("{:#}", to_json(&by_set, &by_type, &gaps, &beyond)));
    }
    let table = |of: &str, rows: &[Row]| {
        let mut text = vec![["domain", of, "operators", "of"].map(str::to_owned).to_vec()];
        text.extend(rows.iter().map(|r| vec![r.domain.into(), r.of.clone(), r.there.to_string(), r.all.to_string()]));
        columns(&text)
    };
    let gaps: Vec<Vec<String>> = gaps.into_iter().map(|g| vec![g.domain.into(), g.op.into(), g.what]).collect();
    let beyond: Vec<Vec<String>> = beyond
        .into_iter()
        .map(|(domain, ops)| vec![domain.to_owned(), ops.into_iter().collect::<Vec<_>>().join(" ")])
        .collect();
    say(format_args!(
        "read, by operator set\n{}\nrun by a case that passes, by element type\n{}\nnot there, or without a case\n{}\nbeyond the standard\n{}",
        table("operator set", &by_set),
        table("type", &by_type),
        columns(&gaps),
        columns(&beyond)
    ))
}

fn to_json(
    by_set: &[Row],
    by_type: &[Row],
    gaps: &[Gap],
    beyond: &BTreeMap<&str, BTreeSet<&str>>,
) -> serde_json::Value {
    let rows = |of: &str, rows: &[Row]| -> Vec<serde_json::Value> {
        rows.iter()
            .map(|r| serde_json::json!({ "domain": r.domain, of: r.of, "operators": r.there, "standard": r.all }))
            .collect()
    };
    let gaps: Vec<serde_json::Value> =
        gaps.iter().map(|g| serde_json::json!({ "domain": g.domain, "operator": g.op, "what": g.what })).collect();
    serde_json::json!({
        "operator_sets": rows("operator_set", by_set), "types": rows("type", by_type), "gaps": gaps, "beyond": beyond,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_is_a_list_of_distinct_operators() {
        let standard = standard();
        let names: BTreeSet<(&str, &str)> =
            standard.iter().flat_map(|(domain, list)| list.iter().map(|o| (*domain, o.op))).collect();
        assert_eq!(names.len(), lines(STANDARD).count());
        let upsample = standard["ai.onnx"].iter().find(|o| o.op == "Upsample").unwrap();
        assert!(upsample.is_in(9) && !upsample.is_in(10));
        assert!(standard["ai.onnx.ml"].iter().any(|o| o.op == "TreeEnsemble" && !o.is_in(4) && o.is_in(5)));
    }

    #[test]
    fn every_exercised_operator_is_read() {
        let registry = Registry::standard();
        for (domain, op) in exercised().into_keys() {
            assert!(registry.find(domain, op, u32::MAX).is_ok(), "{domain} {op}");
        }
    }
}
