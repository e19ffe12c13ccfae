//! XGBoost's JSON and UBJSON (`save_model`), read as XGBoost 3 reads them.
//!
//! The facts that decide bits: features and thresholds are f32, the test is `x < t` (true goes left), NaN follows
//! `default_left`; a categorical node sends its categories right and everything else left. The margin starts from the base
//! score's link in f32 and adds leaf values in file order in f32; a dart tree's leaf is multiplied by the tree's weight, in
//! f32, before it is added. That is what `Booster.predict(DMatrix)` does; `inplace_predict` rounds dart models otherwise.

use hologram_ops::forest::{
    BaseOrder, CategoryCast, CategorySet, Forest, ForestParts, Leaf, LeafWeight, Missing, Mode, PostTransform,
    Precision, SourceNode,
};

use super::error::ImportError;
use super::json;
use super::link::Link;
use super::model::{Category, FeatureCategories, ImportOptions, Library, TreeModel};
use super::value::{At, Value};

/// An objective: its name, the link of its base score, the transform of its margins.
type Objective = (&'static str, Link, PostTransform);

const LOGISTIC: PostTransform = PostTransform::Logistic { k: 1.0 };

/// The objectives whose links are known.
const OBJECTIVES: [Objective; 22] = [
    ("reg:squarederror", Link::Identity, PostTransform::None),
    ("reg:linear", Link::Identity, PostTransform::None),
    ("reg:squaredlogerror", Link::Identity, PostTransform::None),
    ("reg:pseudohubererror", Link::Identity, PostTransform::None),
    ("reg:absoluteerror", Link::Identity, PostTransform::None),
    ("reg:quantileerror", Link::Identity, PostTransform::None),
    ("reg:logistic", Link::Logit, LOGISTIC),
    ("binary:logistic", Link::Logit, LOGISTIC),
    ("binary:logitraw", Link::Identity, PostTransform::None),
    ("binary:hinge", Link::Identity, PostTransform::Step),
    ("count:poisson", Link::Log, PostTransform::Exp),
    ("reg:gamma", Link::Log, PostTransform::Exp),
    ("reg:tweedie", Link::Log, PostTransform::Exp),
    ("survival:cox", Link::Log, PostTransform::Exp),
    ("survival:aft", Link::Log, PostTransform::Exp),
    ("multi:softmax", Link::Identity, PostTransform::ArgMax),
    ("multi:softprob", Link::Identity, PostTransform::Softmax),
    ("rank:pairwise", Link::Identity, PostTransform::None),
    ("rank:ndcg", Link::Identity, PostTransform::None),
    ("rank:map", Link::Identity, PostTransform::None),
    ("reg:expectileerror", Link::Identity, PostTransform::None),
    ("reg:huber", Link::Identity, PostTransform::None),
];

/// The most features that a file may have without naming them: a count alone must not fill memory.
const UNNAMED_MAX: u32 = 1 << 20;

/// What all trees share.
struct Shape {
    n_features: u32,
    n_targets: u32,
}

/// Reads a document that has a `learner`.
pub(super) fn import(root: &At<'_>, options: &ImportOptions) -> Result<TreeModel, ImportError> {
    let learner = root.get("learner")?;
    let (model, weights) = booster(&learner.get("gradient_booster")?)?;
    let params = learner.get("learner_model_param")?;
    let num_class = params.get("num_class")?.count()?;
    let num_target = params.find("num_target")?.map_or(Ok(1), |at| at.count())?;
    let shape = Shape { n_features: params.get("num_feature")?.count()?, n_targets: num_class.max(num_target).max(1) };
    let info = model.get("tree_info")?.integers()?;
    if shape.n_targets as usize > info.len().max(65_536) {
        return Err(params.malformed(format!("{} outputs of {} trees", shape.n_targets, info.len())));
    }
    let name = learner.get("objective")?.get("name")?;
    let objective = OBJECTIVES.iter().find(|(known, ..)| name.text() == Ok(known));
    let (_, link, transform) = objective.ok_or_else(|| {
        name.unsupported(format!("objective `{}`: its link is not known", name.text().unwrap_or_default()))
    })?;
    let mut parts = ForestParts::empty(shape.n_features, shape.n_targets);
    (parts.compare, parts.accumulate, parts.base_order) = (Precision::F32, Precision::F32, BaseOrder::First);
    parts.base = base_margins(&params.get("base_score")?, *link, shape.n_targets)?;
    let (n_trees, iterations) = tree_range(&model, shape.n_targets, info.len(), options)?;
    let trees = model.get("trees")?.items()?;
    if trees.len() != info.len() || weights.as_ref().is_some_and(|weights| weights.len() != info.len()) {
        return Err(model.malformed("`trees`, `tree_info` and `weight_drop` differ in length"));
    }
    for (index, tree) in trees.take(n_trees).enumerate() {
        let weight = weights.as_ref().map_or(1.0, |weights| weights[index]);
        import_tree(&tree, &shape, info[index], weight, &mut parts)?;
    }
    let forest = Forest::new(parts).map_err(|error| root.source().forest(&error))?;
    let feature_names = feature_names(&learner, shape.n_features)?;
    let best = learner.find("attributes")?.map(|at| at.find("best_iteration")).transpose()?.flatten();
    Ok(TreeModel {
        forest,
        transform: transform.clone(),
        feature_names,
        categories: categories(&model, shape.n_features)?,
        objective: name.text()?.to_owned(),
        num_class: if name.text()?.starts_with("binary:") { 2 } else { num_class.max(1) },
        class_labels: Vec::new(),
        iterations,
        best_iteration: best.map(|at| at.count()).transpose()?,
        library: Library::XgBoost,
        library_version: version(root)?,
    })
}

/// The tree model inside a booster, and a dart booster's tree weights.
fn booster<'a>(booster: &At<'a>) -> Result<(At<'a>, Option<Vec<f32>>), ImportError> {
    let name = booster.get("name")?;
    match name.text()? {
        "gbtree" => Ok((booster.get("model")?, None)),
        "dart" => {
            let weights = booster.get("weight_drop")?.narrow_reals()?;
            Ok((booster.get("gbtree")?.get("model")?, Some(weights)))
        }
        other => Err(name.unsupported(format!("booster `{other}` has no trees; use gbtree or dart"))),
    }
}

/// `base_score` is one number or, as text, a list: `[5E-1,2E-1]`.
fn base_margins(at: &At<'_>, link: Link, n_targets: u32) -> Result<Vec<f64>, ImportError> {
    let parsed = match at.value() {
        Value::Text(text) => json::parse(at.source(), text.as_bytes())
            .map_err(|_| at.malformed(format!("`{text}` is no number and no list of numbers")))?,
        other => other.clone(),
    };
    let scores = match parsed {
        Value::Array(_) => At::root(at.source(), &parsed).narrow_reals(),
        one => At::root(at.source(), &Value::Array(vec![one])).narrow_reals(),
    };
    let scores = scores.map_err(|_| at.malformed("a base score is no number"))?;
    let margins: Vec<f64> = scores.iter().map(|&score| f64::from(link.margin(score))).collect();
    if margins.iter().any(|margin| !margin.is_finite()) {
        return Err(at.malformed(format!("base score {scores:?} has no finite margin")));
    }
    match margins.len() {
        1 => Ok(vec![margins[0]; n_targets as usize]),
        n if n == n_targets as usize => Ok(margins),
        n => Err(at.malformed(format!("{n} base scores for {n_targets} outputs"))),
    }
}

/// How many trees to read, and how many rounds they are.
fn tree_range(
    model: &At<'_>,
    n_targets: u32,
    n_trees: usize,
    options: &ImportOptions,
) -> Result<(usize, u32), ImportError> {
    let ends = match model.find("iteration_indptr")? {
        Some(at) => at.integers()?,
        None => {
            let parallel = model.get("gbtree_model_param")?.get("num_parallel_tree")?.count()?.max(1);
            let step = (parallel as usize).saturating_mul(n_targets as usize);
            (0..=n_trees / step).map(|round| (round * step) as i64).collect()
        }
    };
    let rounds = ends.len().saturating_sub(1);
    if ends.last().copied().unwrap_or(0) != n_trees as i64 || ends.iter().any(|&end| end < 0 || end > n_trees as i64) {
        return Err(model.malformed(format!("`iteration_indptr` does not lead to {n_trees} trees")));
    }
    let wanted = options.iterations.map_or(rounds, |wanted| rounds.min(wanted as usize));
    Ok((ends.get(wanted).map_or(0, |&end| end as usize), wanted as u32))
}

/// The columns of one tree; each has an item a node.
struct Columns {
    left: Vec<i64>,
    right: Vec<i64>,
    feature: Vec<i64>,
    condition: Vec<f32>,
    default_left: Vec<i64>,
    /// By node, the index of its category set in the forest's column; -1 for numeric nodes.
    set: Vec<i64>,
    /// The weights of vector leaves, `n_targets` a leaf.
    vectors: Option<Vectors>,
}

/// The weights of vector leaves.
enum Vectors {
    /// By leaf, whose number stands in the right child's place (XGBoost 3.2).
    ByLeaf(Vec<f32>),
    /// By node (XGBoost 2.0 to 3.1).
    ByNode(Vec<f32>),
}

fn import_tree(
    tree: &At<'_>,
    shape: &Shape,
    group: i64,
    weight: f32,
    parts: &mut ForestParts,
) -> Result<(), ImportError> {
    let columns = read_columns(tree, shape, parts)?;
    if columns.vectors.is_some() && weight != 1.0 {
        return Err(tree.unsupported("vector leaves in a dart booster, which XGBoost itself does not score"));
    }
    let target = u32::try_from(group).ok().filter(|&group| group < shape.n_targets);
    let target = target.ok_or_else(|| tree.malformed(format!("output group {group} of {}", shape.n_targets)))?;
    let read = |number: i64, parts: &mut ForestParts| {
        let node = usize::try_from(number).ok().filter(|&node| node < columns.left.len());
        let node = node.ok_or_else(|| tree.malformed(format!("node {number} of {}", columns.left.len())))?;
        if columns.left[node] == -1 {
            return read_leaf(tree, &columns, shape, node, target, weight, parts).map(SourceNode::Leaf);
        }
        let feature = u32::try_from(columns.feature[node]);
        let feature = feature.map_err(|_| tree.malformed(format!("node {node}: feature {}", columns.feature[node])))?;
        let (left, right) = (columns.left[node], columns.right[node]);
        let default_left = columns.default_left[node] != 0;
        Ok(match u32::try_from(columns.set[node]) {
            Ok(set) => SourceNode::Split {
                feature,
                threshold: 0.0,
                mode: Mode::Member(set),
                missing: Missing::nan(!default_left),
                yes: right,
                no: left,
            },
            Err(_) => SourceNode::Split {
                feature,
                threshold: f64::from(columns.condition[node]),
                mode: Mode::Less,
                missing: Missing::nan(default_left),
                yes: left,
                no: right,
            },
        })
    };
    parts.push_tree(0, columns.left.len(), read, |error| tree.malformed(error))
}

fn read_leaf(
    tree: &At<'_>,
    columns: &Columns,
    shape: &Shape,
    node: usize,
    target: u32,
    weight: f32,
    parts: &mut ForestParts,
) -> Result<Leaf, ImportError> {
    let first_weight = parts.weights.len() as u32;
    let (index, weights) = match &columns.vectors {
        None => {
            parts.weights.push(LeafWeight { target, weight: f64::from(columns.condition[node] * weight) });
            return Ok(Leaf { first_weight, n_weights: 1, linear: None });
        }
        Some(Vectors::ByLeaf(weights)) => (usize::try_from(columns.right[node]).ok(), weights),
        Some(Vectors::ByNode(weights)) => (Some(node), weights),
    };
    let width = shape.n_targets as usize;
    let values = index.and_then(|index| {
        let first = index.checked_mul(width)?;
        weights.get(first..first.checked_add(width)?)
    });
    let values = values.ok_or_else(|| tree.malformed(format!("node {node}: its leaf weights are not there")))?;
    for (target, value) in (0..).zip(values) {
        parts.weights.push(LeafWeight { target, weight: f64::from(value * weight) });
    }
    Ok(Leaf { first_weight, n_weights: shape.n_targets, linear: None })
}

fn read_columns(tree: &At<'_>, shape: &Shape, parts: &mut ForestParts) -> Result<Columns, ImportError> {
    let param = tree.get("tree_param")?;
    let width = param.find("size_leaf_vector")?.map_or(Ok(1), |at| at.count())?;
    if width > 1 && width != shape.n_targets {
        return Err(param.malformed(format!("leaves of {width} values for {} outputs", shape.n_targets)));
    }
    let vectors = match tree.find("leaf_weights")? {
        _ if width <= 1 => None,
        Some(weights) => Some(Vectors::ByLeaf(weights.narrow_reals()?)),
        None => Some(Vectors::ByNode(tree.get("base_weights")?.narrow_reals()?)),
    };
    let left = tree.get("left_children")?.integers()?;
    let columns = Columns {
        right: tree.get("right_children")?.integers()?,
        feature: tree.get("split_indices")?.integers()?,
        condition: tree.get("split_conditions")?.narrow_reals()?,
        default_left: tree.get("default_left")?.integers()?,
        set: category_sets(tree, left.len(), parts)?,
        vectors,
        left,
    };
    let n = columns.left.len();
    let lengths = [columns.right.len(), columns.feature.len(), columns.condition.len(), columns.default_left.len()];
    if n == 0 || lengths.iter().any(|&length| length != n) {
        return Err(tree.malformed(format!("columns of {lengths:?} items for {n} nodes")));
    }
    Ok(columns)
}

/// Reads a tree's category sets into the forest's column; by node the index there, or -1.
fn category_sets(tree: &At<'_>, n_nodes: usize, parts: &mut ForestParts) -> Result<Vec<i64>, ImportError> {
    let mut sets = vec![-1; n_nodes];
    let column = |key: &str| tree.find(key)?.map_or(Ok(Vec::new()), |at| at.integers());
    let kinds = column("split_type")?;
    let (nodes, starts, sizes) =
        (column("categories_nodes")?, column("categories_segments")?, column("categories_sizes")?);
    let categories = column("categories")?;
    if nodes.len() != starts.len() || nodes.len() != sizes.len() {
        return Err(tree.malformed("`categories_nodes`, `_segments` and `_sizes` differ in length"));
    }
    for ((&node, &start), &size) in nodes.iter().zip(&starts).zip(&sizes) {
        let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
        let range = range.and_then(|(start, size)| categories.get(start..start.checked_add(size)?));
        let range = range.ok_or_else(|| tree.malformed(format!("the categories of node {node} are not there")))?;
        let slot = usize::try_from(node).ok().and_then(|node| sets.get_mut(node));
        let slot = slot.ok_or_else(|| tree.malformed(format!("categories of node {node} of {n_nodes}")))?;
        *slot = parts.category_sets.len() as i64;
        parts.category_sets.push(category_set(tree, range)?);
    }
    let wrong = (0..n_nodes).find(|&node| (kinds.get(node).copied().unwrap_or(0) == 1) != (sets[node] >= 0));
    match wrong {
        Some(node) => Err(tree.malformed(format!("node {node}: `split_type` and `categories_nodes` disagree"))),
        None => Ok(sets),
    }
}

fn category_set(tree: &At<'_>, categories: &[i64]) -> Result<CategorySet, ImportError> {
    let mut codes = Vec::with_capacity(categories.len());
    for &category in categories {
        let code =
            u32::try_from(category).map_err(|_| tree.malformed(format!("category {category} is out of range")))?;
        codes.push(code);
    }
    Ok(CategorySet::new(CategoryCast::TruncateNonNegative, codes))
}

fn feature_names(learner: &At<'_>, n_features: u32) -> Result<Vec<String>, ImportError> {
    let mut names = Vec::new();
    if let Some(at) = learner.find("feature_names")? {
        for item in at.items()? {
            names.push(item.text()?.to_owned());
        }
        if !names.is_empty() && names.len() != n_features as usize {
            return Err(at.malformed(format!("{} names for {n_features} features", names.len())));
        }
    }
    if names.is_empty() {
        if n_features > UNNAMED_MAX {
            return Err(
                learner.unsupported(format!("{n_features} features without names; at most {UNNAMED_MAX} are read"))
            );
        }
        names.extend((0..n_features).map(|feature| format!("f{feature}")));
    }
    Ok(names)
}

/// The categories that newer files keep: one entry a feature, empty for numeric ones; texts as bytes with offsets.
fn categories(model: &At<'_>, n_features: u32) -> Result<Vec<Option<FeatureCategories>>, ImportError> {
    let mut categories = vec![None; n_features as usize];
    let Some(entries) = model.find("cats")?.map(|at| at.find("enc")).transpose()?.flatten() else {
        return Ok(categories);
    };
    for (index, entry) in entries.items()?.enumerate() {
        let values = match entry.find("offsets")? {
            Some(offsets) => texts(&offsets.integers()?, &entry.get("values")?)?,
            None => {
                let numbers = entry.get("values")?;
                let mut values = Vec::new();
                for item in numbers.items()? {
                    values.push(match item.value() {
                        Value::Integer(whole) => Category::Integer(*whole),
                        _ => Category::Real(item.wide_real()?),
                    });
                }
                values
            }
        };
        let slot =
            categories.get_mut(index).ok_or_else(|| entry.malformed(format!("there are {n_features} features")))?;
        *slot = (!values.is_empty()).then_some(FeatureCategories { values });
    }
    Ok(categories)
}

/// Cuts signed bytes at offsets into texts.
///
/// XGBoost 3.2 measures pandas' texts in characters but writes that many bytes, so texts beyond ASCII reach the file cut short:
/// they are refused, as what is left can look like another text.
fn texts(offsets: &[i64], values: &At<'_>) -> Result<Vec<Category>, ImportError> {
    let bytes: Vec<u8> = values.integers()?.into_iter().map(|byte| byte as u8).collect();
    let mut texts = Vec::new();
    for range in offsets.windows(2) {
        let range = usize::try_from(range[0]).ok().zip(usize::try_from(range[1]).ok());
        let text = range.and_then(|(start, end)| bytes.get(start..end));
        let text = text.ok_or_else(|| values.malformed("a category's text is not there"))?;
        if !text.is_ascii() {
            return Err(
                values.unsupported("a category beyond ASCII: XGBoost cuts such texts short; rename the categories")
            );
        }
        texts.push(Category::Text(text.iter().copied().map(char::from).collect()));
    }
    Ok(texts)
}

fn version(root: &At<'_>) -> Result<String, ImportError> {
    let Some(version) = root.find("version")? else { return Ok(String::new()) };
    let numbers: Vec<String> = version.integers()?.iter().map(i64::to_string).collect();
    Ok(numbers.join("."))
}
