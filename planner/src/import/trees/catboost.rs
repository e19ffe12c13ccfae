//! CatBoost's JSON (`save_model(format="json")`).
//!
//! The facts that decide bits: features and borders are f32 and the test is `x > border`; an oblivious tree's leaf index
//! takes the first split as bit 0; the raw score is the sum of leaf values in f64 from +0 in file order, times the scale,
//! plus the bias. NaN is true where the feature's `nan_value_treatment` is `AsTrue` and false otherwise.
//!
//! Scores equal those of the model that wrote the file (and of its `.cbm`): the file's numbers carry all digits. CatBoost's
//! own JSON reader rounds them less carefully, so a model that CatBoost loads back from JSON is a last place off itself.

use hologram_ops::forest::{
    Forest, ForestParts, Leaf, LeafWeight, Missing, Mode, PostTransform, Precision, SourceNode, Tree, TreeShape,
};

use super::error::ImportError;
use super::model::{Category, ImportOptions, Library, TreeModel};
use super::value::{At, Value};

/// The deepest oblivious tree that CatBoost grows.
const DEPTH_MAX: usize = 16;
/// The most features that are read: an index alone must not fill memory.
const FEATURES_MAX: usize = 1 << 20;

/// Reads a document that has `features_info`.
pub(super) fn import(root: &At<'_>, options: &ImportOptions) -> Result<TreeModel, ImportError> {
    let features = Features::read(&root.get("features_info")?)?;
    let (scale, bias) = scale_and_bias(root)?;
    let (trees, oblivious) = match root.find("oblivious_trees")? {
        Some(trees) => (trees, true),
        None => (root.get("trees")?, false),
    };
    let trees = trees.items()?;
    let n_trees = options.iterations.map_or(trees.len(), |wanted| trees.len().min(wanted as usize));
    let n_targets = bias.len() as u32;
    let mut parts = ForestParts::empty(features.n_features(), n_targets);
    (parts.compare, parts.scale, parts.base) = (Precision::F32, scale, bias);
    for tree in trees.take(n_trees) {
        if oblivious {
            import_oblivious(&tree, &features, &mut parts)?;
        } else {
            import_tree(&tree, &features, &mut parts)?;
        }
    }
    let forest = Forest::new(parts).map_err(|error| root.source().forest(&error))?;
    let info = root.find("model_info")?;
    let objective = info.as_ref().map(loss_function).transpose()?.flatten().unwrap_or_default();
    let class_labels = info.as_ref().map(class_labels).transpose()?.unwrap_or_default();
    let version = info.as_ref().map(|info| info.find("catboost_version_info")).transpose()?.flatten();
    Ok(TreeModel {
        transform: transform_of(root, &objective)?,
        num_class: (class_labels.len() as u32).max(if objective == "MultiClass" { n_targets } else { 1 }),
        categories: vec![None; forest.n_features as usize],
        feature_names: features.names,
        forest,
        objective,
        class_labels,
        iterations: n_trees as u32,
        best_iteration: None,
        library: Library::CatBoost,
        library_version: version.map_or(Ok(String::new()), |at| at.text().map(release))?,
    })
}

/// The release in a version text: `... CatBoost release 1.2.10. ...`.
fn release(text: &str) -> String {
    let word = text.split("CatBoost release ").nth(1).and_then(|rest| rest.split_whitespace().next());
    word.unwrap_or_default().trim_end_matches('.').to_owned()
}

/// The model's features: how splits name them, and where they stand in a row.
struct Features {
    /// By float feature index: the position in a row, and whether NaN passes tests.
    floats: Vec<Option<(u32, bool)>>,
    /// Categorical features: their own index and the position in a row.
    categorical: Vec<(u32, u32)>,
    /// By position in a row.
    names: Vec<String>,
}

impl Features {
    fn read(info: &At<'_>) -> Result<Self, ImportError> {
        let mut features = Self { floats: Vec::new(), categorical: Vec::new(), names: Vec::new() };
        for key in ["text_features", "embedding_features"] {
            if let Some(at) = info.find(key)?
                && at.items()?.len() > 0
            {
                return Err(at.unsupported("only float features are scored; train without these"));
            }
        }
        let mut positions = Vec::new();
        for key in ["float_features", "categorical_features"] {
            let Some(at) = info.find(key)? else { continue };
            for feature in at.items()? {
                let position = feature.get("flat_feature_index")?.count()?;
                let name = feature.find("feature_id")?.map_or(Ok(""), |at| at.text())?;
                positions.push((position, name.to_owned()));
                if key == "float_features" {
                    features.push_float(&feature, position)?;
                } else {
                    features.categorical.push((feature.get("feature_index")?.count()?, position));
                }
            }
        }
        // Features that the model does not use may be left out, but not so many that the row is mostly gaps.
        let n = positions.iter().map(|(position, _)| *position as usize + 1).max().unwrap_or(0);
        if n > FEATURES_MAX {
            return Err(info.unsupported(format!("{n} features; at most {FEATURES_MAX} are read")));
        }
        features.names = (0..n).map(|position| position.to_string()).collect();
        for (position, name) in positions {
            if !name.is_empty() {
                features.names[position as usize] = name;
            }
        }
        Ok(features)
    }

    fn push_float(&mut self, feature: &At<'_>, position: u32) -> Result<(), ImportError> {
        let index = feature.get("feature_index")?.count()? as usize;
        if index > FEATURES_MAX {
            return Err(feature.malformed(format!("feature index {index}")));
        }
        if self.floats.len() <= index {
            self.floats.resize(index + 1, None);
        }
        let treatment = feature.find("nan_value_treatment")?;
        let nan_passes = match treatment.as_ref().map_or(Ok("AsIs"), |at| at.text())? {
            "AsTrue" => true,
            "AsFalse" | "AsIs" => false,
            other => return Err(feature.malformed(format!("unknown nan_value_treatment `{other}`"))),
        };
        self.floats[index] = Some((position, nan_passes));
        Ok(())
    }

    fn categorical_name(&self, index: &At<'_>) -> Result<&str, ImportError> {
        let index = index.count()?;
        let position = self.categorical.iter().find(|(own, _)| *own == index).map(|(_, position)| *position as usize);
        Ok(position.and_then(|position| self.names.get(position)).map_or("?", String::as_str))
    }

    /// The categorical features of a statistic, for a message; the file names them in the features that it combines.
    fn ctr_names(&self, split: &At<'_>) -> Result<String, ImportError> {
        let names: Vec<String> = self
            .categorical
            .iter()
            .filter_map(|(_, position)| self.names.get(*position as usize))
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() { Err(split.malformed("there is no categorical feature")) } else { Ok(names.join(" or ")) }
    }

    fn n_features(&self) -> u32 {
        self.names.len() as u32
    }

    /// The test of a split: feature, border, rule for NaN.
    fn split(&self, split: &At<'_>) -> Result<(u32, f64, Missing), ImportError> {
        let kind = split.get("split_type")?;
        match kind.text()? {
            "FloatFeature" => {}
            "OneHotFeature" => {
                let name = self.categorical_name(&split.get("cat_feature_index")?)?;
                return Err(split.unsupported(format!(
                    "a one-hot split on categorical feature `{name}`: the file keeps hashes of its categories; encode the \
                     column as numbers before training"
                )));
            }
            "OnlineCtr" => {
                let name = self.ctr_names(split)?;
                return Err(split.unsupported(format!(
                    "a split on a target statistic (CTR) of categorical feature {name}; encode the column as numbers \
                     before training"
                )));
            }
            other => return Err(split.unsupported(format!("split type `{other}`"))),
        }
        let index = split.get("float_feature_index")?.count()?;
        let feature = self.floats.get(index as usize).copied().flatten();
        let (position, nan_passes) =
            feature.ok_or_else(|| split.malformed(format!("float feature {index} is not there")))?;
        let border = split.get("border")?;
        let narrow = match border.value() {
            Value::Real { narrow, .. } => *narrow,
            _ => border.wide_real()? as f32,
        };
        Ok((position, f64::from(narrow), Missing::nan(nan_passes)))
    }
}

/// `[scale, [bias, ...]]`, one bias a score; older files write one number instead of the list.
fn scale_and_bias(root: &At<'_>) -> Result<(f64, Vec<f64>), ImportError> {
    let at = root.get("scale_and_bias")?;
    let mut items = at.items()?;
    let (Some(scale), Some(bias), None) = (items.next(), items.next(), items.next()) else {
        return Err(at.malformed("a scale and a bias expected"));
    };
    let bias = match bias.value() {
        Value::Array(_) => bias.wide_reals()?,
        _ => vec![bias.wide_real()?],
    };
    if bias.is_empty() {
        return Err(at.malformed("the list of biases is empty"));
    }
    Ok((scale.wide_real()?, bias))
}

fn import_oblivious(tree: &At<'_>, features: &Features, parts: &mut ForestParts) -> Result<(), ImportError> {
    let (first_node, first_leaf) = (parts.nodes.len() as u32, parts.leaves.len() as u32);
    let splits = tree.find("splits")?.map(|at| at.items().map(Iterator::collect::<Vec<_>>)).transpose()?;
    let splits = splits.unwrap_or_default();
    if splits.len() > DEPTH_MAX {
        return Err(tree.malformed(format!("{} splits, at most {DEPTH_MAX} expected", splits.len())));
    }
    for split in &splits {
        let (feature, border, missing) = features.split(split)?;
        parts.push_split(feature, border, Mode::Greater, missing);
    }
    let values = tree.get("leaf_values")?.wide_reals()?;
    let n_leaves = 1_usize << splits.len();
    if values.len() != n_leaves * parts.n_targets as usize {
        let reason = format!("{} leaf values for {n_leaves} leaves of {} scores", values.len(), parts.n_targets);
        return Err(tree.malformed(reason));
    }
    for values in values.chunks(parts.n_targets as usize) {
        push_leaf_weights(values, parts);
    }
    parts.trees.push(Tree {
        shape: TreeShape::Oblivious,
        first_node,
        n_nodes: splits.len() as u32,
        first_leaf,
        n_leaves: n_leaves as u32,
    });
    Ok(())
}

/// Appends a leaf with one weight a score.
fn push_leaf_weights(values: &[f64], parts: &mut ForestParts) {
    let leaf = leaf_of(values, parts);
    parts.leaves.push(leaf);
}

fn leaf_of(values: &[f64], parts: &mut ForestParts) -> Leaf {
    let first_weight = parts.weights.len() as u32;
    parts.weights.extend((0..).zip(values).map(|(target, &weight)| LeafWeight { target, weight }));
    Leaf { first_weight, n_weights: values.len() as u32, linear: None }
}

/// A tree of nested objects (`grow_policy` Depthwise or Lossguide): `left` and `right` of a `split`, or a `value`.
fn import_tree(tree: &At<'_>, features: &Features, parts: &mut ForestParts) -> Result<(), ImportError> {
    let mut found = vec![tree.clone()];
    let read = |number: i64, parts: &mut ForestParts| {
        let Some(at) = usize::try_from(number).ok().and_then(|number| found.get(number)).cloned() else {
            return Err(tree.malformed("a node is not there"));
        };
        if let Some(value) = at.find("value")? {
            let values = match value.value() {
                Value::Array(_) => value.wide_reals()?,
                _ => vec![value.wide_real()?],
            };
            if values.len() != parts.n_targets as usize {
                return Err(value.malformed(format!("{} values for {} scores", values.len(), parts.n_targets)));
            }
            return Ok(SourceNode::Leaf(leaf_of(&values, parts)));
        }
        let (feature, threshold, missing) = features.split(&at.get("split")?)?;
        let no = found.len() as i64;
        found.push(at.get("left")?);
        found.push(at.get("right")?);
        Ok(SourceNode::Split { feature, threshold, mode: Mode::Greater, missing, yes: no + 1, no })
    };
    parts.push_tree(0, usize::MAX, read, |error| tree.malformed(error))
}

fn loss_function(info: &At<'_>) -> Result<Option<String>, ImportError> {
    let Some(params) = info.find("params")? else { return Ok(None) };
    if !matches!(params.value(), Value::Object(_)) {
        return Ok(None);
    }
    let Some(loss) = params.find("loss_function")? else { return Ok(None) };
    Ok(Some(loss.get("type")?.text()?.to_owned()))
}

fn class_labels(info: &At<'_>) -> Result<Vec<Category>, ImportError> {
    let Some(params) = info.find("class_params")? else { return Ok(Vec::new()) };
    let Some(names) = params.find("class_names")? else { return Ok(Vec::new()) };
    let mut labels = Vec::new();
    for item in names.items()? {
        labels.push(match item.value() {
            Value::Text(text) => Category::Text(text.clone()),
            Value::Integer(whole) => Category::Integer(*whole),
            Value::Bool(bit) => Category::Bool(*bit),
            _ => Category::Real(item.wide_real()?),
        });
    }
    Ok(labels)
}

/// What the library's `predict` and `predict_proba` make of raw scores.
fn transform_of(root: &At<'_>, loss: &str) -> Result<PostTransform, ImportError> {
    Ok(match loss {
        "Logloss" | "CrossEntropy" | "MultiClassOneVsAll" | "MultiLogloss" | "MultiCrossEntropy" => {
            PostTransform::Logistic { k: 1.0 }
        }
        "MultiClass" => PostTransform::Softmax,
        "Poisson" | "Tweedie" => PostTransform::Exp,
        "RMSEWithUncertainty" => {
            return Err(root.unsupported("loss `RMSEWithUncertainty`: its two scores have links of their own"));
        }
        _ => PostTransform::None,
    })
}
