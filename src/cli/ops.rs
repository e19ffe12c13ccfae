//! `hologram ops`: which operators there are, how many of the standard's, and which a model lacks.

use super::{
    Failure, Result,
    console::{columns, say},
    coverage, model_file,
};
use crate::ops::{Limits, Registry};
use hologram_planner::import::onnx::{OnnxModel, missing_operators};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const AFTER_HELP: &str = "\
Examples:
  hologram ops                         every operator, with the versions in which its meaning changed
  hologram ops --coverage              how many of the standard's, by domain, operator set and element type
  hologram ops --missing model.onnx    the operators that a model needs and that are not there";

/// List operators, how much of the ONNX standard they cover, or what a model lacks.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Count the operators of the standard by domain, operator set and element type; list what is not there or untested.
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
        None if arguments.coverage => coverage::run(&registry, arguments.json),
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
