//! From an imported tree ensemble to graphs: one entry point for predictions, one for raw scores.

use super::{Category, ImportError, TreeModel};
use crate::{
    Error,
    import::{Imported, ImportedEntry, InputHint},
};
use hologram_ops::{
    Attributes, DType, Dim, Registry, Result, Tensor, Type,
    family::ml::forest_transform,
    forest::Precision,
    graph::{Graph, NewNode},
};
use hologram_resolver::ErrorKind;

/// The entry points `main`, whose output `prediction` is what the library's `predict` returns, and `raw`, whose output
/// `score` is the library's raw score bit for bit.
///
/// # Errors
/// What the operators say of the forest.
pub(crate) fn to_imported(model: &TreeModel, registry: &Registry) -> Result<Imported> {
    let hint = InputHint {
        features: model.feature_names.clone(),
        categories: (0u32..)
            .zip(&model.categories)
            .filter_map(|(i, c)| Some((i, c.as_ref()?.values.iter().map(category_text).collect())))
            .collect(),
    };
    let entry = |name: &str, graph| ImportedEntry { name: name.to_owned(), graph, inputs: vec![hint.clone()] };
    let mut metadata = vec![
        ("library".to_owned(), model.library.to_string()),
        ("library_version".to_owned(), model.library_version.clone()),
        ("objective".to_owned(), model.objective.clone()),
        ("classes".to_owned(), model.num_class.to_string()),
        ("iterations".to_owned(), model.iterations.to_string()),
        ("trees".to_owned(), model.forest.trees.len().to_string()),
    ];
    if let Some(best) = model.best_iteration {
        metadata.push(("best_iteration".to_owned(), best.to_string()));
    }
    Ok(Imported {
        entries: vec![entry("main", predictions(model, registry)?), entry("raw", scores(model, registry)?)],
        metadata,
        repairs: Vec::new(),
    })
}

/// The features and their raw scores.
fn scores(model: &TreeModel, registry: &Registry) -> Result<Graph> {
    let mut graph = Graph::new("forest");
    let dtype = match model.forest.compare {
        Precision::F32 => DType::F32,
        Precision::F64 => DType::F64,
    };
    let shape = vec![Dim::symbol("rows"), Dim::Known(model.forest.n_features as usize)];
    let features = graph.add_input("features", Type::Tensor { dtype, shape: Some(shape) })?;
    let bytes = model.forest.to_bytes();
    let forest = graph.add_constant("forest", Tensor::from_vec([bytes.len()], bytes)?)?;
    let node = NewNode { name: "forest", domain: DOMAIN, op: "Forest", version: 1, attributes: Attributes::new() };
    let node = graph.add_node(registry, node, vec![Some(features), Some(forest)], &["score"])?;
    let score = graph.output_of(node, 0)?;
    graph.add_output("score", score);
    Ok(graph)
}

/// The features and the library's predictions.
fn predictions(model: &TreeModel, registry: &Registry) -> Result<Graph> {
    let mut graph = scores(model, registry)?;
    let Some((_, score)) = graph.outputs().first().cloned() else { return Ok(graph) };
    let attributes = forest_transform::to_attributes(&model.transform);
    let node = NewNode { name: "transform", domain: DOMAIN, op: "ForestTransform", version: 1, attributes };
    let node = graph.add_node(registry, node, vec![Some(score)], &["prediction"])?;
    let prediction = graph.output_of(node, 0)?;
    graph.set_outputs(vec![("prediction".to_owned(), prediction)]);
    Ok(graph)
}

/// The domain of this library's own operators.
const DOMAIN: &str = "ai.hologram";

/// A category as text, as a column of strings holds it.
fn category_text(category: &Category) -> String {
    match category {
        Category::Bool(b) => b.to_string(),
        Category::Integer(n) => n.to_string(),
        Category::Real(x) => x.to_string(),
        Category::Text(t) => t.clone(),
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        let (file, kind) = match &error {
            ImportError::Io { file, .. } => (file, ErrorKind::Unavailable),
            ImportError::Malformed { file, .. } => (file, ErrorKind::Invalid),
            ImportError::Unsupported { file, .. } => (file, ErrorKind::Unsupported),
        };
        let text = error.to_string();
        let message = text.strip_prefix(&format!("{file}: ")).unwrap_or(&text).to_owned();
        Self::Import { file: file.into(), kind, message }
    }
}
