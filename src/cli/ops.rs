//! `hologram ops`: which operators there are, how many of the standard's, and which a model lacks.

use super::{
    Failure, Result,
    console::{columns, say},
    model_file,
};
use crate::ops::{Limits, Registry};
use hologram_planner::import::onnx::{OnnxModel, missing_operators};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Every operator of the standard that is not deprecated: domain, name, and the version in which it last changed.
/// Source: the operator schemas of ONNX 1.23.
const STANDARD: &str = include_str!("onnx_operators.txt");

const AFTER_HELP: &str = "\
Examples:
  hologram ops                         every operator, with the versions in which its meaning changed
  hologram ops --coverage              how many operators there are, by domain, and which are not there
  hologram ops --missing model.onnx    the operators that a model needs and that are not there";

/// List operators, how much of the ONNX standard they cover, or what a model lacks.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Count the operators of each domain, of all that the standard has.
    #[arg(long)]
    coverage: bool,
    /// List the operators that an ONNX model needs and that are not there.
    #[arg(long, value_name = "MODEL", value_hint = clap::ValueHint::FilePath, conflicts_with = "coverage")]
    missing: Option<PathBuf>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let registry = Registry::standard();
    match &arguments.missing {
        Some(path) => missing(path, &registry, arguments.json),
        None if arguments.coverage => coverage(&registry, arguments.json),
        None => list(&registry, arguments.json),
    }
}

fn shown(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// Operators by domain and name, with their versions.
fn known(registry: &Registry) -> BTreeMap<(String, String), Vec<u32>> {
    let mut known: BTreeMap<(String, String), Vec<u32>> = BTreeMap::new();
    for row in registry.rows() {
        known.entry((shown(row.domain).to_owned(), row.op.to_owned())).or_default().push(row.since);
    }
    known
}

fn list(registry: &Registry, json: bool) -> Result<()> {
    let known = known(registry);
    if json {
        let list: Vec<serde_json::Value> = known
            .iter()
            .map(|((domain, op), since)| serde_json::json!({ "domain": domain, "operator": op, "since": since }))
            .collect();
        return say(format_args!("{:#}", serde_json::Value::Array(list)));
    }
    let mut rows = vec![["domain", "operator", "since versions"].map(str::to_owned).to_vec()];
    for ((domain, op), since) in &known {
        let since: Vec<String> = since.iter().map(ToString::to_string).collect();
        rows.push(vec![domain.clone(), op.clone(), since.join(" ")]);
    }
    say(columns(&rows))
}

/// The standard's operators by domain.
fn standard() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut domains: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in STANDARD.lines() {
        let mut words = line.split(' ');
        if let (Some(domain), Some(op)) = (words.next(), words.next()) {
            domains.entry(domain).or_default().insert(op);
        }
    }
    domains
}

fn coverage(registry: &Registry, json: bool) -> Result<()> {
    let (known, standard) = (known(registry), standard());
    let domains: BTreeSet<&str> = known.keys().map(|(d, _)| d.as_str()).chain(standard.keys().copied()).collect();
    let mut rows = vec![["domain", "operators", "of", "covered", "beyond the standard"].map(str::to_owned).to_vec()];
    let (mut absent_text, mut list) = (String::new(), Vec::new());
    for domain in domains {
        let all = standard.get(domain).cloned().unwrap_or_default();
        let ours: BTreeSet<&str> = known.keys().filter(|(d, _)| d == domain).map(|(_, op)| op.as_str()).collect();
        let there = ours.intersection(&all).count();
        let absent: Vec<&str> = all.difference(&ours).copied().collect();
        let beyond = ours.difference(&all).count();
        let percent =
            if all.is_empty() { "-".into() } else { format!("{:.1}%", 100.0 * there as f64 / all.len() as f64) };
        let of = if all.is_empty() { "-".to_owned() } else { all.len().to_string() };
        rows.push(vec![domain.to_owned(), there.to_string(), of, percent, beyond.to_string()]);
        if !absent.is_empty() {
            absent_text.push_str(&format!("\nnot there in {domain}: {}\n", absent.join(", ")));
        }
        list.push(serde_json::json!({
            "domain": domain, "operators": there, "standard": all.len(), "beyond": beyond, "absent": absent,
        }));
    }
    if json {
        return say(format_args!("{:#}", serde_json::Value::Array(list)));
    }
    say(format_args!("{}{absent_text}", columns(&rows)))
}

fn missing(path: &Path, registry: &Registry, json: bool) -> Result<()> {
    model_file::check_exists(path)?;
    if model_file::is_archive(path)? {
        return Err(Failure::invalid(format!("{}: an archive lacks no operator; it was compiled", path.display()))
            .hint("name the ONNX file that it was compiled from"));
    }
    let model = OnnxModel::load(path, &Limits::default()).map_err(hologram_planner::Error::from)?;
    let found = missing_operators(&model, registry);
    if json {
        let list: Vec<serde_json::Value> = found
            .iter()
            .map(
                |m| serde_json::json!({ "domain": m.domain, "operator": m.op, "opset": m.opset, "message": m.message }),
            )
            .collect();
        return say(format_args!("{:#}", serde_json::Value::Array(list)));
    }
    if found.is_empty() {
        return say(format_args!("{}: every operator is there", path.display()));
    }
    let mut rows = vec![["domain", "operator", "opset", "what is known"].map(str::to_owned).to_vec()];
    for m in found {
        rows.push(vec![m.domain, m.op, m.opset.to_string(), m.message]);
    }
    say(columns(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_is_a_list_of_distinct_operators() {
        let count: usize = standard().values().map(BTreeSet::len).sum();
        assert_eq!(count, STANDARD.lines().count());
        assert!(standard()["ai.onnx"].contains("Conv") && standard()["ai.onnx.ml"].contains("TreeEnsemble"));
    }
}
