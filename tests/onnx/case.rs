//! One case: a model, its data sets, and both ways to run it.

use crate::compare::{Tolerance, compare, compare_drawn};
use hologram_ops::{DType, Limits, Registry, Type, Value, control::Control, graph::Graph};
use hologram_planner::{
    Compiler, CompilerConfig,
    import::onnx::{OnnxModel, OnnxValue, OnnxValueInfo, lower},
};
use hologram_resolver::{Model, ModelOptions};
use hologram_store::Archive;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// Reads the inputs or outputs of a data set, as the model's types say.
fn values(folder: &Path, prefix: &str, infos: &[OnnxValueInfo]) -> Result<Vec<Value>, String> {
    let limits = Limits::default();
    let mut found = Vec::new();
    for (i, info) in infos.iter().enumerate() {
        let path = folder.join(format!("{prefix}_{i}.pb"));
        let value = OnnxValue::load(&path, &info.ty, &limits).map_err(text)?;
        found.push(value.to_value(&path.display().to_string()).map_err(text)?);
    }
    Ok(found)
}

/// Whether the graph draws random numbers, of which the specification leaves the generator open.
fn draws(graph: &Graph) -> bool {
    let random = |op: &str| matches!(op, "Bernoulli" | "Dropout" | "Multinomial") || op.starts_with("Random");
    graph.order().into_iter().flatten().filter_map(|id| graph.node(id)).any(|node| random(&node.op))
}

/// Operators as `domain name`, each with the element types of the inputs and outputs of its nodes.
pub(crate) type Exercised = BTreeMap<String, BTreeSet<DType>>;

/// What the nodes of a graph take and give.
fn exercised(graph: &Graph) -> Exercised {
    let mut found = Exercised::new();
    for node in graph.order().into_iter().flatten().filter_map(|id| graph.node(id)) {
        let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
        let types = found.entry(format!("{domain} {}", node.op)).or_default();
        for value in node.inputs.iter().chain(&node.outputs).flatten() {
            types.extend(elements(&graph.value(*value).fact.ty));
        }
    }
    found
}

fn elements(ty: &Type) -> Vec<DType> {
    match ty {
        Type::Tensor { dtype, .. } => vec![*dtype],
        Type::Sequence(of) | Type::Optional(of) => elements(of),
        Type::Map { key, value } => vec![*key, *value],
        Type::Unknown => Vec::new(),
    }
}

/// Runs a case both ways and compares every output of every data set; tells what it exercised.
pub(crate) fn run(folder: &Path) -> Result<Exercised, String> {
    let file = folder.join("model.onnx");
    let meta = std::fs::read_to_string(folder.join("meta.json")).map_err(text)?;
    let meta: serde_json::Value = serde_json::from_str(&meta).map_err(text)?;
    let tolerance = Tolerance::of(&meta);
    let registry = Registry::standard();
    let model = OnnxModel::load(&file, &Limits::default()).map_err(text)?;
    let mut graph = lower(&model, &registry).map_err(text)?;
    let drawn = draws(&graph);
    let compiled = Compiler::new(CompilerConfig::default()).compile(&file).map_err(text)?;
    let archive = Archive::from_buffer(compiled.to_bytes().map_err(text)?.into()).map_err(text)?;
    let opened = Model::open(archive, &ModelOptions::default()).map_err(text)?;
    let session = opened.session(None).map_err(text)?;
    let sets = meta["data_sets"].as_u64().ok_or("meta.json has no data_sets")?;
    for set in 0..sets {
        let data = folder.join(format!("test_data_set_{set}"));
        let inputs = values(&data, "input", &model.graph.inputs)?;
        let expected = values(&data, "output", &model.graph.outputs)?;
        // The reference takes minutes for a large network; its operators are held to the plan's bits elsewhere.
        let by_reference = if meta["kind"].as_str().is_some_and(|k| k.starts_with("light")) {
            None
        } else {
            Some(graph.evaluate(&inputs).map_err(|e| format!("reference: {e}"))?)
        };
        let by_plan = session.run_values(inputs, &Control::default()).map_err(|e| format!("plan: {e}"))?;
        for (i, want) in expected.iter().enumerate() {
            for (way, got) in [("reference", by_reference.as_ref()), ("plan", Some(&by_plan))] {
                let Some(got) = got else { continue };
                let got = got.get(i).ok_or_else(|| format!("{way}: output {i} is missing"))?;
                let same = match compare(got, want, &tolerance) {
                    Err(_) if drawn => compare_drawn(got, want),
                    outcome => outcome,
                };
                same.map_err(|e| format!("{way}: data set {set}, output {i}: {e}"))?;
            }
        }
    }
    graph.infer().map_err(text)?;
    Ok(exercised(&graph))
}
