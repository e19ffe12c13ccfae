//! LightGBM's text format (`save_model`), read as LightGBM 4 reads it.
//!
//! The facts that decide bits: raw scores are sums in f64 from +0 in file order, tree `i` of `k` a round going to class
//! `i % k`; leaf values carry the shrinkage already; a random forest's raw score is the sum, and its prediction divides by
//! the number of rounds. Before any test a value within 1e-35 of zero becomes zero. A node's `decision_type` says
//! categorical (bit 0), default left (bit 1) and what is missing (bits 2-3: nothing, zero or NaN, NaN); where nothing is,
//! NaN is tested as 0. A categorical test truncates toward zero and sends negative values, NaN and categories outside its
//! bit set right.

use hologram_ops::forest::{
    CategoryCast, CategorySet, Forest, ForestError, ForestParts, Leaf, LeafWeight, LinearLeaf, LinearTerm, Missing,
    MissingValues, Mode, PostTransform, SourceNode, ZERO_MAX,
};

use super::error::{ImportError, Source};
use super::json;
use super::model::{Category, FeatureCategories, ImportOptions, Library, TreeModel};
use super::value::{At, Value};

/// Reads the text of one model.
pub(super) fn import(source: Source<'_>, text: &str, options: &ImportOptions) -> Result<TreeModel, ImportError> {
    let sections = split_sections(source, text)?;
    let header = &sections.header;
    let n_features = header.number::<u32>("max_feature_idx")?.checked_add(1);
    let n_features = n_features.ok_or_else(|| header.fault("max_feature_idx", "is too large"))?;
    let feature_names: Vec<String> = header.text("feature_names")?.split_whitespace().map(str::to_owned).collect();
    if feature_names.len() != n_features as usize {
        return Err(header.fault("feature_names", format!("{} names for {n_features} features", feature_names.len())));
    }
    let per_round = header.number::<u32>("num_tree_per_iteration")?;
    if per_round == 0 || per_round as usize > text.len() {
        return Err(header.fault("num_tree_per_iteration", format!("{per_round} is out of range")));
    }
    let n_trees = sections.trees.len();
    if !n_trees.is_multiple_of(per_round as usize) {
        return Err(header.fault("num_tree_per_iteration", format!("{n_trees} trees are no multiple of {per_round}")));
    }
    let rounds = (n_trees / per_round as usize) as u32;
    let rounds = options.iterations.map_or(rounds, |wanted| wanted.min(rounds));
    let mut parts = ForestParts::empty(n_features, per_round);
    for (index, tree) in sections.trees.iter().take(rounds as usize * per_round as usize).enumerate() {
        import_tree(tree, index as u32 % per_round, &mut parts)?;
    }
    let forest = Forest::new(parts).map_err(|error| source.forest(&error))?;
    let objective = header.find("objective").map_or("", |entry| entry.value);
    let mut transform = transform_of(header, objective)?;
    if header.find("average_output").is_some() && rounds > 0 {
        transform = PostTransform::Averaged { divisor: rounds, then: Box::new(transform) };
    }
    let num_class = header.number::<u32>("num_class")?;
    let kind = objective.split(' ').next().unwrap_or_default();
    Ok(TreeModel {
        forest,
        transform,
        categories: categories_of(source, &sections, n_features as usize)?,
        feature_names,
        objective: kind.to_owned(),
        num_class: if kind == "binary" { 2 } else { num_class },
        class_labels: Vec::new(),
        iterations: rounds,
        best_iteration: None,
        library: Library::LightGbm,
        library_version: header.text("version")?.to_owned(),
    })
}

/// One `key=value` line.
#[derive(Clone, Copy)]
struct Entry<'a> {
    line: usize,
    key: &'a str,
    value: &'a str,
}

/// The lines of the header or of one tree.
struct Section<'a> {
    source: Source<'a>,
    line: usize,
    entries: Vec<Entry<'a>>,
}

impl<'a> Section<'a> {
    fn find(&self, key: &str) -> Option<Entry<'a>> {
        self.entries.iter().rev().find(|entry| entry.key == key).copied()
    }

    fn get(&self, key: &str) -> Result<Entry<'a>, ImportError> {
        self.find(key).ok_or_else(|| {
            self.source.malformed(format!("line {}", self.line), format!("`{key}` is missing in this section"))
        })
    }

    fn text(&self, key: &str) -> Result<&'a str, ImportError> {
        Ok(self.get(key)?.value)
    }

    fn fault(&self, key: &str, reason: impl std::fmt::Display) -> ImportError {
        let line = self.find(key).map_or(self.line, |entry| entry.line);
        self.source.malformed(format!("line {line}"), format!("`{key}`: {reason}"))
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Result<T, ImportError> {
        let text = self.text(key)?.trim();
        text.parse().map_err(|_| self.fault(key, format!("`{text}` is out of range or no whole number")))
    }

    /// The numbers of a line; where `count` is given there must be as many.
    fn numbers<T: std::str::FromStr>(&self, key: &str, count: Option<usize>) -> Result<Vec<T>, ImportError> {
        let mut numbers = Vec::new();
        for text in self.text(key)?.split_ascii_whitespace() {
            numbers.push(text.parse().map_err(|_| self.fault(key, format!("`{text}` is no number of its kind")))?);
        }
        match count {
            Some(count) if count != numbers.len() => {
                Err(self.fault(key, format!("{} numbers, expected {count}", numbers.len())))
            }
            _ => Ok(numbers),
        }
    }
}

struct Sections<'a> {
    header: Section<'a>,
    trees: Vec<Section<'a>>,
    /// The `categorical_feature` parameter and the `pandas_categorical` line, if they are there.
    categorical_feature: Option<Entry<'a>>,
    pandas_categorical: Option<Entry<'a>>,
}

fn split_sections<'a>(source: Source<'a>, text: &'a str) -> Result<Sections<'a>, ImportError> {
    let mut header = Section { source, line: 1, entries: Vec::new() };
    let mut trees: Vec<Section<'a>> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')));
    let mut ended = false;
    for (line, content) in lines.by_ref() {
        if content == "end of trees" {
            ended = true;
            break;
        }
        if content.is_empty() {
            continue;
        }
        let (key, value) = content.split_once('=').unwrap_or((content, ""));
        if key == "Tree" {
            if value.trim().parse() != Ok(trees.len()) {
                return Err(source.malformed(format!("line {line}"), format!("tree {} expected", trees.len())));
            }
            trees.push(Section { source, line, entries: Vec::new() });
            continue;
        }
        trees.last_mut().unwrap_or(&mut header).entries.push(Entry { line, key, value });
    }
    if !ended {
        return Err(source.malformed("end", "`end of trees` is missing: the file is cut short"));
    }
    if let Some(sizes) = header.find("tree_sizes") {
        let n = sizes.value.split_ascii_whitespace().count();
        if n != trees.len() {
            return Err(header.fault("tree_sizes", format!("{n} sizes for {} trees", trees.len())));
        }
    }
    let mut sections = Sections { header, trees, categorical_feature: None, pandas_categorical: None };
    let mut open = false;
    for (line, content) in lines {
        match content {
            "parameters:" => open = true,
            "end of parameters" => open = false,
            _ => {}
        }
        if let Some(value) = content.strip_prefix("[categorical_feature: ") {
            let value = value.trim_end_matches(']');
            sections.categorical_feature = Some(Entry { line, key: "categorical_feature", value });
        } else if let Some(value) = content.strip_prefix("pandas_categorical:") {
            sections.pandas_categorical = Some(Entry { line, key: "pandas_categorical", value });
        }
    }
    if open {
        return Err(source.malformed("end", "`end of parameters` is missing: the file is cut short"));
    }
    Ok(sections)
}

/// The columns of one tree.
struct TreeColumns {
    feature: Vec<u32>,
    threshold: Vec<f64>,
    decision: Vec<u32>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaf_value: Vec<f64>,
    /// Category sets of this tree begin here in the forest's column.
    first_set: usize,
    n_sets: usize,
    /// Linear models of this tree's leaves begin here in the forest's column, if it has them.
    first_linear: Option<usize>,
}

fn import_tree(section: &Section<'_>, target: u32, parts: &mut ForestParts) -> Result<(), ImportError> {
    let n_leaves = section.number::<u32>("num_leaves")? as usize;
    if n_leaves == 0 {
        return Err(section.fault("num_leaves", "is 0"));
    }
    let leaf_value = section.numbers::<f64>("leaf_value", None)?;
    if leaf_value.len() != n_leaves {
        return Err(section.fault("leaf_value", format!("{} values for {n_leaves} leaves", leaf_value.len())));
    }
    let n_nodes = n_leaves - 1;
    let first_set = parts.category_sets.len();
    if n_nodes > 0 && section.number::<u32>("num_cat")? > 0 {
        read_category_sets(section, parts)?;
    }
    let numbers = |key| if n_nodes > 0 { section.numbers(key, Some(n_nodes)) } else { Ok(Vec::new()) };
    let columns = TreeColumns {
        feature: if n_nodes > 0 { section.numbers("split_feature", Some(n_nodes))? } else { Vec::new() },
        threshold: if n_nodes > 0 { section.numbers("threshold", Some(n_nodes))? } else { Vec::new() },
        decision: if n_nodes > 0 { section.numbers("decision_type", Some(n_nodes))? } else { Vec::new() },
        left: numbers("left_child")?,
        right: numbers("right_child")?,
        leaf_value,
        first_set,
        n_sets: parts.category_sets.len() - first_set,
        first_linear: read_linear(section, n_leaves, parts)?,
    };
    let fault = |error: ForestError| section.fault("left_child", error);
    let root = if n_nodes > 0 { 0 } else { -1 };
    let read = |number: i64, parts: &mut ForestParts| read_node(section, &columns, target, number, parts);
    parts.push_tree(root, n_nodes + n_leaves, read, fault)
}

/// Node `number`, or leaf `-number - 1` when negative.
fn read_node(
    section: &Section<'_>,
    columns: &TreeColumns,
    target: u32,
    number: i64,
    parts: &mut ForestParts,
) -> Result<SourceNode, ImportError> {
    let Ok(node) = usize::try_from(number) else {
        let leaf = usize::try_from(-(number + 1)).unwrap_or(usize::MAX);
        let value = columns.leaf_value.get(leaf);
        let value = *value.ok_or_else(|| section.fault("left_child", format!("leaf {leaf} is not there")))?;
        let first_weight = parts.weights.len() as u32;
        parts.weights.push(LeafWeight { target, weight: value });
        let linear = columns.first_linear.map(|first| (first + leaf) as u32);
        return Ok(SourceNode::Leaf(Leaf { first_weight, n_weights: 1, linear }));
    };
    if node >= columns.feature.len() {
        return Err(section.fault("left_child", format!("node {node} is not there")));
    }
    let decision = columns.decision[node];
    let threshold = columns.threshold[node];
    let default_left = decision & 2 != 0;
    let (mode, threshold, missing) = if decision & 1 != 0 {
        let set = threshold as usize;
        if !(threshold >= 0.0 && threshold.fract() == 0.0 && set < columns.n_sets) {
            return Err(section.fault("threshold", format!("category set {threshold} is not there")));
        }
        (Mode::Member((columns.first_set + set) as u32), 0.0, Missing::NONE)
    } else {
        let missing = match decision >> 2 & 3 {
            0 => Missing::nan(0.0 <= threshold),
            1 => Missing { values: MissingValues::ZeroOrNan, to_true: default_left },
            2 => Missing::nan(default_left),
            other => return Err(section.fault("decision_type", format!("unknown missing type {other}"))),
        };
        (Mode::LessEq, threshold_past_zero(threshold), missing)
    };
    let (feature, yes, no) = (columns.feature[node], columns.left[node], columns.right[node]);
    Ok(SourceNode::Split { feature, threshold, mode, missing, yes, no })
}

/// The threshold that separates unflushed values as `threshold` separates values of which those within [`ZERO_MAX`] of zero
/// have become zero.
fn threshold_past_zero(threshold: f64) -> f64 {
    if (0.0..=ZERO_MAX).contains(&threshold) {
        ZERO_MAX
    } else if (-ZERO_MAX..0.0).contains(&threshold) {
        (-ZERO_MAX).next_down()
    } else {
        threshold
    }
}

/// `cat_boundaries` cuts the 32-bit words of `cat_threshold` into the tree's sets.
fn read_category_sets(section: &Section<'_>, parts: &mut ForestParts) -> Result<(), ImportError> {
    let boundaries = section.numbers::<u32>("cat_boundaries", None)?;
    let words = section.numbers::<u32>("cat_threshold", None)?;
    for range in boundaries.windows(2) {
        let words: Option<&[u32]> = words.get(range[0] as usize..range[1] as usize);
        let words = words.ok_or_else(|| section.fault("cat_boundaries", format!("{range:?} is out of range")))?;
        let codes = (0..).zip(words).flat_map(|(at, word)| {
            (0..32_u32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 32_u32 + bit)
        });
        parts.category_sets.push(CategorySet::new(CategoryCast::Truncate, codes.collect()));
    }
    Ok(())
}

/// The linear models of a tree's leaves, one for each in order; the first's index, or none where the tree has none.
fn read_linear(section: &Section<'_>, n_leaves: usize, parts: &mut ForestParts) -> Result<Option<usize>, ImportError> {
    if section.find("is_linear").is_none_or(|entry| entry.value.trim() != "1") {
        return Ok(None);
    }
    let first_linear = parts.linear.len();
    let constants = section.numbers::<f64>("leaf_const", Some(n_leaves))?;
    let counts = section.numbers::<u32>("num_features", Some(n_leaves))?;
    let features = section.numbers::<u32>("leaf_features", None)?;
    let coefficients = section.numbers::<f64>("leaf_coeff", Some(features.len()))?;
    let mut first_term = parts.terms.len();
    if counts.iter().map(|&count| u64::from(count)).sum::<u64>() != features.len() as u64 {
        return Err(section.fault("num_features", format!("does not add up to {} features", features.len())));
    }
    let terms = features.iter().zip(&coefficients);
    parts.terms.extend(terms.map(|(&feature, &coefficient)| LinearTerm { feature, coefficient }));
    for (&constant, &n_terms) in constants.iter().zip(&counts) {
        parts.linear.push(LinearLeaf { constant, first_term: first_term as u32, n_terms });
        first_term += n_terms as usize;
    }
    Ok(Some(first_linear))
}

/// From `objective=NAME key:value ...` to the link that `predict` applies.
fn transform_of(header: &Section<'_>, objective: &str) -> Result<PostTransform, ImportError> {
    let mut words = objective.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    let (mut sigmoid, mut sqrt) = (1.0, false);
    for word in words {
        if let Some(text) = word.strip_prefix("sigmoid:") {
            sigmoid = text.parse().map_err(|_| header.fault("objective", format!("`{text}` is no number")))?;
        }
        sqrt |= word == "sqrt";
    }
    Ok(match name {
        "regression" if sqrt => PostTransform::SignedSquare,
        "" | "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" | "lambdarank" | "rank_xendcg"
        | "custom" | "none" => PostTransform::None,
        "poisson" | "gamma" | "tweedie" => PostTransform::Exp,
        "binary" | "multiclassova" => PostTransform::Logistic { k: sigmoid },
        "multiclass" => PostTransform::Softmax,
        "cross_entropy" => PostTransform::Logistic { k: 1.0 },
        "cross_entropy_lambda" => PostTransform::Softplus,
        other => {
            let line = header.find("objective").map_or(1, |entry| entry.line);
            return Err(header.source.unsupported(format!("line {line}"), format!("objective `{other}`")));
        }
    })
}

/// Gives each categorical feature its list of pandas categories. The file keeps the lists in column order and the
/// categorical columns' indices apart; they belong together when there are as many of one as of the other.
fn categories_of(
    source: Source<'_>,
    sections: &Sections<'_>,
    n_features: usize,
) -> Result<Vec<Option<FeatureCategories>>, ImportError> {
    let mut categories = vec![None; n_features];
    let Some(entry) = sections.pandas_categorical else { return Ok(categories) };
    let place = format!("line {}", entry.line);
    let parsed = json::parse(source, entry.value.as_bytes())
        .map_err(|error| source.malformed(&place, format!("pandas_categorical: {error}")))?;
    if parsed == Value::Null {
        return Ok(categories);
    }
    let lists: Vec<At<'_>> = At::root(source, &parsed).items()?.collect();
    if lists.is_empty() {
        return Ok(categories);
    }
    let indices = sections.categorical_feature.map_or("", |entry| entry.value);
    let features: Option<Vec<usize>> = indices.split(',').map(|text| text.trim().parse().ok()).collect();
    let features = features.filter(|features| features.len() == lists.len()).ok_or_else(|| {
        source.unsupported(
            &place,
            format!(
                "{} lists of pandas categories, but the categorical features are `{indices}`: the file does not say which \
                 list is whose; train with the category columns as the only categorical features",
                lists.len()
            ),
        )
    })?;
    for (feature, list) in features.into_iter().zip(lists) {
        let slot = categories.get_mut(feature);
        let slot = slot.ok_or_else(|| source.malformed(&place, format!("feature {feature} is not there")))?;
        let mut values = Vec::new();
        for item in list.items()? {
            values.push(match item.value() {
                Value::Text(text) => Category::Text(text.clone()),
                Value::Integer(whole) => Category::Integer(*whole),
                Value::Real { wide, .. } => Category::Real(*wide),
                Value::Bool(bit) => Category::Bool(*bit),
                _ => return Err(item.malformed("a category is a text, a number or a truth value")),
            });
        }
        *slot = Some(FeatureCategories { values });
    }
    Ok(categories)
}
