//! `hologram explain`: the plan of a model, what the passes did to it, and how each call runs.

use super::{
    Context, Failure, Result,
    console::{columns, grouped, say},
    model_file,
};
use crate::{
    ErrorKind, Model, Session,
    ops::{Dim, Tensor, Type, Value},
};
use std::{path::PathBuf, sync::Arc};

const AFTER_HELP: &str = "\
Examples:
  hologram explain churn.holo                       each step: coordinates resolved, programs run
  hologram explain churn.onnx --passes              what the compiler's passes did
  hologram explain net.onnx --physical --rows 1024  which kernel runs each call, and where its output lies
  hologram explain text.onnx --physical --dim length=128";

/// Show the plan of a model, step by step.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// A .holo archive or a model file.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    model: PathBuf,
    /// Show what each pass of the compiler did.
    #[arg(long)]
    passes: bool,
    /// Show how each call runs for inputs of a given size: kernel, output types, offset and bytes in the arena.
    #[arg(long)]
    physical: bool,
    /// The number of rows for --physical.
    #[arg(long, default_value_t = 1, value_name = "N")]
    rows: usize,
    /// The size of a named dimension for --physical; may be repeated. Dimensions without a size count as 1.
    #[arg(long, value_name = "NAME=SIZE", value_parser = dimension)]
    dim: Vec<(String, usize)>,
    /// The entry point for --physical; the default one without this.
    #[arg(long, value_name = "NAME")]
    entry: Option<String>,
}

fn dimension(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.split_once('=').ok_or("write NAME=SIZE")?;
    Ok((name.to_owned(), size.parse().map_err(|_| format!("'{size}' is no size"))?))
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let model = model_file::open(context, &arguments.model)?;
    let mut parts = Vec::new();
    if arguments.passes {
        parts.push(passes(&model));
    }
    if arguments.physical {
        parts.push(physical(&model.session(arguments.entry.as_deref())?, arguments)?);
    }
    if parts.is_empty() {
        parts.push(model.explain().to_string());
    }
    say(parts.join("\n"))
}

fn passes(model: &Arc<Model>) -> String {
    let mut rows = vec![["pass", "nodes before", "nodes after", "what it did"].map(str::to_owned).to_vec()];
    for pass in &model.plan().passes {
        let counts = [pass.nodes_before, pass.nodes_after].map(|n| n.to_string());
        let [before, after] = counts;
        rows.push(vec![pass.name.clone(), before, after, pass.note.clone()]);
    }
    columns(&rows)
}

fn physical(session: &Session, arguments: &Arguments) -> Result<String> {
    let mut inputs = Vec::new();
    let mut text = format!("physical plan of {} for", session.model().name());
    for port in &session.signature().inputs {
        let Type::Tensor { dtype, shape: Some(dims) } = &port.ty else {
            return Err(Failure::new(
                ErrorKind::Unsupported,
                format!("input '{}' is {}: --physical needs tensors of a known rank", port.name, port.ty),
            ));
        };
        let rank_zero_rows = session.signature().rows.fixed.unwrap_or(arguments.rows);
        let sizes: Vec<usize> =
            dims.iter().enumerate().map(|(i, d)| size(d, i, rank_zero_rows, &arguments.dim)).collect();
        text.push_str(&format!(" {} {dtype}{sizes:?}", port.name));
        inputs.push(Value::Tensor(Tensor::zeros(*dtype, sizes)?));
    }
    let found = session.describe(&inputs)?;
    text.push('\n');
    let mut rows =
        vec![["call", "node", "operator", "runs as", "gives", "arena offset", "bytes"].map(str::to_owned).to_vec()];
    for (i, call) in found.calls.iter().enumerate() {
        let places = |f: fn(&(usize, usize)) -> usize| -> String {
            let list: Vec<String> =
                call.places.iter().map(|p| p.as_ref().map_or("-".to_owned(), |p| f(p).to_string())).collect();
            list.join(", ")
        };
        rows.push(vec![
            i.to_string(),
            call.node.clone(),
            call.op.clone(),
            call.how.to_owned(),
            call.outputs.join(", "),
            places(|p| p.0),
            places(|p| p.1),
        ]);
    }
    text.push_str(&columns(&rows));
    text.push_str(&format!(
        "arena {} bytes; without sharing {} bytes\n",
        grouped(found.arena_bytes),
        grouped(found.unshared_bytes)
    ));
    Ok(text)
}

/// The size of a dimension: its own, the one that is given for its name, the rows for the first axis, else 1.
fn size(dim: &Dim, axis: usize, rows: usize, given: &[(String, usize)]) -> usize {
    let by_name = |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, size)| *size);
    match dim {
        Dim::Known(n) => *n,
        Dim::Symbol(name) => by_name(name).unwrap_or(if axis == 0 { rows } else { 1 }),
        Dim::Unknown => {
            if axis == 0 {
                rows
            } else {
                1
            }
        }
    }
}
