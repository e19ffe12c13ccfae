//! `hologram inspect`: what an archive holds.

use super::{
    Failure, Result,
    console::{columns, grouped, say},
    model_file,
};
use crate::{
    Archive, Signature,
    plan::{PLAN_SECTION, Plan},
    store::archive::SectionInfo,
};
use prost::Message;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  hologram inspect churn.holo             metadata, repairs of the import, inputs and outputs, sections
  hologram inspect churn.holo --verify    and checks every byte
  hologram inspect churn.holo --json | jq '.sections[].name'";

/// Show what an archive holds: metadata, repairs of the import, inputs and outputs, sections.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The .holo archive.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    archive: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
    /// Check the checksum of every section.
    #[arg(long)]
    verify: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let archive = model_file::open_archive(None, &arguments.archive)?;
    if arguments.verify {
        archive.verify_all()?;
    }
    let section = archive.section(PLAN_SECTION)?;
    let plan = Plan::decode(section.data().as_slice()).map_err(|e| {
        Failure::new(crate::ErrorKind::Corrupt, format!("{}: the plan does not decode: {e}", archive.name()))
    })?;
    if arguments.json {
        say(format_args!("{:#}", json(&archive, &plan, arguments.verify)?))
    } else {
        say(text(&archive, &plan, arguments.verify)?)
    }
}

fn shape(section: &SectionInfo) -> String {
    let dims: Vec<String> = section.shape().iter().map(ToString::to_string).collect();
    if section.dtype().is_empty() { String::new() } else { format!("[{}]", dims.join(", ")) }
}

fn text(archive: &Archive, plan: &Plan, verified: bool) -> Result<String> {
    let mut text = format!("{}: model {}, {} bytes", archive.name(), plan.name, grouped(archive.size_bytes()));
    text.push_str(if verified { ", every checksum holds\n\n" } else { "\n\n" });
    let metadata = archive.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let of_model = plan.metadata.iter().map(|p| (p.key.as_str(), p.value.as_str()));
    let pairs: Vec<Vec<String>> =
        metadata.chain(of_model).map(|(k, v)| vec![format!("  {k}"), first_line(v)]).collect();
    text.push_str("metadata\n");
    text.push_str(&columns(&pairs));
    if !plan.repairs.is_empty() {
        text.push_str("\nrepairs\n");
        let rows: Vec<Vec<String>> = plan
            .repairs
            .iter()
            .map(|r| {
                vec![
                    format!("  {}", r.count),
                    r.what.clone(),
                    format!("in '{}'", r.graph),
                    some_names(&r.names, r.count),
                ]
            })
            .collect();
        text.push_str(&columns(&rows));
    }
    for entry in &plan.entry_points {
        let signature = Signature::try_from(entry)?;
        text.push_str(&format!("\nentry point {}\n", entry.name));
        let mut rows = Vec::new();
        for (word, ports) in [("takes", &signature.inputs), ("gives", &signature.outputs)] {
            for port in ports {
                let names = if port.features.is_empty() { &port.labels } else { &port.features };
                rows.push(vec![
                    format!("  {word}"),
                    port.name.clone(),
                    port.ty.to_string(),
                    some_names(names, names.len() as u64),
                ]);
            }
        }
        text.push_str(&columns(&rows));
        let word = if signature.rows.independent { "independent" } else { "dependent" };
        text.push_str(&format!("  rows {word}: {}\n", signature.rows.reason));
        entry.decisions.iter().for_each(|decision| text.push_str(&format!("  {decision}\n")));
    }
    let mut rows = vec![["section", "kind", "dtype", "shape", "bytes", "coordinate"].map(str::to_owned).to_vec()];
    for section in archive.sections() {
        rows.push(vec![
            section.name().to_owned(),
            section.kind().to_owned(),
            section.dtype().to_owned(),
            shape(section),
            grouped(section.size_bytes()),
            section.coordinate().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    text.push('\n');
    text.push_str(&columns(&rows));
    Ok(text)
}

fn first_line(value: &str) -> String {
    let mut line: String = value.lines().next().unwrap_or_default().chars().take(100).collect();
    if line.len() < value.len() {
        line.push_str(" ...");
    }
    line
}

/// The first names of `count`.
fn some_names(names: &[String], count: u64) -> String {
    if names.len() <= 8 && names.len() as u64 == count {
        return names.join(", ");
    }
    format!("{}, ... {count} in all", names[..names.len().min(6)].join(", "))
}

fn json(archive: &Archive, plan: &Plan, verified: bool) -> Result<serde_json::Value> {
    let pairs = |list: &mut dyn Iterator<Item = (&str, &str)>| {
        list.map(|(k, v)| (k.to_owned(), serde_json::Value::from(v))).collect::<serde_json::Map<_, _>>()
    };
    let sections: Vec<serde_json::Value> = archive
        .sections()
        .map(|s| {
            serde_json::json!({
                "name": s.name(), "kind": s.kind(), "dtype": s.dtype(), "shape": s.shape(), "bytes": s.size_bytes(),
                "coordinate": s.coordinate().map(ToString::to_string), "checksum": s.checksum().to_string(),
                "offset": s.file_range().start,
            })
        })
        .collect();
    let repairs: Vec<serde_json::Value> = plan
        .repairs
        .iter()
        .map(|r| serde_json::json!({ "what": r.what, "graph": r.graph, "count": r.count, "names": r.names }))
        .collect();
    let mut entries = Vec::new();
    for entry in &plan.entry_points {
        let signature = Signature::try_from(entry)?;
        let ports = |ports: &[hologram_resolver::Port]| -> Vec<serde_json::Value> {
            ports
                .iter()
                .map(|p| {
                    serde_json::json!({
                        "name": p.name, "type": p.ty.to_string(), "columns": p.features, "labels": p.labels,
                        "missing": p.missing,
                    })
                })
                .collect()
        };
        entries.push(serde_json::json!({
            "name": entry.name,
            "inputs": ports(&signature.inputs),
            "outputs": ports(&signature.outputs),
            "rows": {
                "independent": signature.rows.independent, "fixed": signature.rows.fixed,
                "reason": signature.rows.reason,
            },
            "steps": entry.steps.len(),
            "decisions": entry.decisions,
        }));
    }
    Ok(serde_json::json!({
        "archive": archive.name(), "model": plan.name, "bytes": archive.size_bytes(), "verified": verified,
        "metadata": pairs(&mut archive.metadata().iter().map(|(k, v)| (k.as_str(), v.as_str()))),
        "model_metadata": pairs(&mut plan.metadata.iter().map(|p| (p.key.as_str(), p.value.as_str()))),
        "repairs": repairs, "entry_points": entries, "sections": sections,
    }))
}
