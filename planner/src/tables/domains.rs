//! Domains that a model shows by itself.
//!
//! - booleans and integers of 8 bits are finite;
//! - a feature with categories takes their codes, or NaN for what is none of them;
//! - where a forest alone reads an input, its tests cut each feature into ranges, and features without a test make no
//!   difference;
//! - a column that only encoders read takes the values that they know; another value is outside.

use hologram_ops::{
    DType, Operator, Tensor,
    family::ml::{
        forest::Forest as ForestOperator, tree_ensemble::TreeEnsemble,
        tree_ensemble_classifier::TreeEnsembleClassifier, tree_ensemble_regressor::TreeEnsembleRegressor,
    },
    forest::{CategoryCast, Forest, MissingValues, Mode, Precision, ZERO_MAX},
    graph::{Graph, NodeData, ValueId},
};
use hologram_resolver::Port;
use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
};

/// A domain that was found, as the list that it is made of.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Values(Tensor),
    Bounds(Tensor),
    Any,
}

impl Found {
    /// The number of codes, as [`Domain::cardinality`](hologram_resolver::table::Domain::cardinality).
    pub(super) fn cardinality(&self) -> usize {
        match self {
            Self::Values(list) => list.len(),
            Self::Bounds(list) => list.len() + 2,
            Self::Any => 1,
        }
    }
}

/// The domain of an element, by its type and categories, else as the graph shows it.
pub(super) fn of_element(port: &Port, feature: usize, shown: Option<&Found>) -> Option<Found> {
    let dtype = port.dtype()?;
    if let Some((_, categories)) = port.categories.iter().find(|(at, _)| *at == feature) {
        let codes = (0..categories.len()).map(|code| code as f64);
        return match dtype {
            DType::F32 => {
                let codes: Vec<f32> = codes.map(|x| x as f32).chain([f32::NAN]).collect();
                Tensor::from_vec([codes.len()], codes).ok().map(Found::Values)
            }
            DType::F64 => {
                let codes: Vec<f64> = codes.chain([f64::NAN]).collect();
                Tensor::from_vec([codes.len()], codes).ok().map(Found::Values)
            }
            _ => None,
        };
    }
    if shown.is_some() {
        return shown.cloned();
    }
    match dtype {
        DType::Bool => Tensor::from_vec([2], vec![false, true]).ok(),
        DType::I8 => Tensor::from_vec([256], (i8::MIN..=i8::MAX).collect()).ok(),
        DType::U8 => Tensor::from_vec([256], (u8::MIN..=u8::MAX).collect()).ok(),
        _ => None,
    }
    .map(Found::Values)
}

/// What a graph's operators show of its inputs' elements, by input and place.
pub(super) fn of_graph(graph: &Graph) -> BTreeMap<(usize, usize), Found> {
    let mut all = BTreeMap::new();
    for (input, id) in graph.inputs().iter().enumerate() {
        let value = graph.value(*id);
        let readers: Vec<&NodeData> = graph.consumers(*id).into_iter().filter_map(|n| graph.node(n)).collect();
        let is_output = graph.outputs().iter().any(|(_, v)| v == id);
        let (Some(dtype), Some(shape)) = (value.fact.dtype(), value.fact.shape()) else { continue };
        let width = match shape {
            [_] => 1,
            [_, n] => n.known().unwrap_or(0),
            _ => 0,
        };
        if is_output || readers.is_empty() {
            continue;
        }
        if let [one] = readers.as_slice()
            && let Some(forest) = forest_of(graph, one, *id, dtype)
        {
            all.extend(of_forest(&forest, width).into_iter().map(|(feature, found)| ((input, feature), found)));
            continue;
        }
        // Encoders take each element of a row for itself.
        let lists: Option<Vec<Known>> = readers.iter().map(|node| known(graph, node, *id)).collect();
        let list = lists.and_then(merge).and_then(|known| known.tensor(dtype));
        if let Some(list) = list {
            all.extend((0..width).map(|feature| ((input, feature), Found::Values(list.clone()))));
        }
    }
    all
}

/// The forest of a node that reads a value as its table.
pub(crate) fn forest_of(graph: &Graph, node: &NodeData, value: ValueId, dtype: DType) -> Option<Forest> {
    let reads = node.inputs.iter().filter(|i| **i == Some(value)).count();
    if node.inputs.first() != Some(&Some(value)) || reads != 1 || !matches!(dtype, DType::F32 | DType::F64) {
        return None;
    }
    let operator: &dyn Operator = node.operator.as_ref();
    let operator = operator as &dyn Any;
    if operator.downcast_ref::<ForestOperator>().is_some() {
        let bytes = graph.value((*node.inputs.get(1)?)?).constant.as_ref()?;
        return ForestOperator::decode(bytes).ok();
    }
    let ensemble = if let Some(regressor) = operator.downcast_ref::<TreeEnsembleRegressor>() {
        &regressor.ensemble
    } else if let Some(classifier) = operator.downcast_ref::<TreeEnsembleClassifier>() {
        &classifier.ensemble
    } else {
        &operator.downcast_ref::<TreeEnsemble>()?.ensemble
    };
    ensemble.forest_for(dtype).ok().cloned()
}

/// The domains of a forest's features; not of those that leaves read or sets of categories are asked of.
fn of_forest(forest: &Forest, width: usize) -> Vec<(usize, Found)> {
    if !forest.linear.is_empty() {
        return Vec::new();
    }
    let mut tested: BTreeMap<u32, BTreeSet<Bound>> = BTreeMap::new();
    let mut sets = BTreeSet::new();
    let nodes = &forest.nodes;
    for node in 0..nodes.len() {
        let bounds = tested.entry(nodes.feature[node]).or_default();
        let threshold = forest.compare.round(nodes.threshold[node]);
        let below = next_down(forest.compare, threshold);
        let made: Vec<f64> = match nodes.mode[node] {
            Mode::LessEq | Mode::Greater => vec![threshold],
            Mode::Less | Mode::GreaterEq => vec![below],
            Mode::Equal | Mode::NotEqual => vec![below, threshold],
            Mode::Member(set) => {
                let set = &forest.category_sets[set as usize];
                match set.cast {
                    // Nothing but the numbers themselves are members.
                    CategoryCast::Whole => {
                        let codes = set.codes.iter().map(|code| forest.compare.round(f64::from(*code)));
                        codes.flat_map(|code| [next_down(forest.compare, code), code]).collect()
                    }
                    CategoryCast::Truncate | CategoryCast::TruncateNonNegative => {
                        sets.insert(nodes.feature[node]);
                        Vec::new()
                    }
                }
            }
        };
        // What lies below NaN or minus infinity is nothing; what is at most infinity is all.
        bounds.extend(made.iter().filter(|x| !x.is_nan() && **x != f64::INFINITY).map(|x| Bound(*x)));
        if nodes.missing[node].values == MissingValues::ZeroOrNan {
            bounds.extend([next_down(forest.compare, -ZERO_MAX), ZERO_MAX].map(Bound));
        }
    }
    let found = |feature: usize| {
        let Some(bounds) = tested.get(&(feature as u32)) else { return Some(Found::Any) };
        let bounds = bounds.iter().map(|bound| bound.0);
        let list = match forest.compare {
            Precision::F32 => {
                let narrow: Vec<f32> = bounds.map(|x| x as f32).collect();
                Tensor::from_vec([narrow.len()], narrow)
            }
            Precision::F64 => {
                let wide: Vec<f64> = bounds.collect();
                Tensor::from_vec([wide.len()], wide)
            }
        };
        list.ok().map(Found::Bounds)
    };
    let plain = (0..width).filter(|feature| !sets.contains(&(*feature as u32)));
    plain.filter_map(|feature| Some((feature, found(feature)?))).collect()
}

/// The next number below one of a width; NaN below minus infinity.
fn next_down(width: Precision, x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    match width {
        Precision::F32 => f64::from((x as f32).next_down()),
        Precision::F64 => x.next_down(),
    }
}

/// A bound, which is not NaN; both zeros are one.
#[derive(Debug, Clone, Copy)]
struct Bound(f64);

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// Values that an encoder knows.
enum Known {
    Ints(BTreeSet<i64>),
    Texts(BTreeSet<String>),
}

impl Known {
    fn tensor(self, dtype: DType) -> Option<Tensor> {
        match (self, dtype) {
            (Self::Texts(texts), DType::String) => Tensor::from_string_iter([texts.len()], &texts).ok(),
            (Self::Ints(ints), DType::I64) => Tensor::from_vec([ints.len()], ints.into_iter().collect()).ok(),
            (Self::Ints(ints), DType::I32) => {
                let ints: Vec<i32> = ints.into_iter().filter_map(|x| i32::try_from(x).ok()).collect();
                Tensor::from_vec([ints.len()], ints).ok()
            }
            _ => None,
        }
    }
}

/// What a node knows of the values that it reads; `None` where it is no encoder.
fn known(graph: &Graph, node: &NodeData, value: ValueId) -> Option<Known> {
    let list = |ints: &str, texts: &str| {
        if let Ok(Some(texts)) = node.attributes.strings(texts)
            && !texts.is_empty()
        {
            return Some(Known::Texts(texts.into_iter().collect()));
        }
        node.attributes
            .ints(ints)
            .ok()
            .flatten()
            .filter(|n| !n.is_empty())
            .map(|n| Known::Ints(n.into_iter().collect()))
    };
    match (node.domain.as_str(), node.op.as_str()) {
        ("ai.onnx.ml", "OneHotEncoder") | ("ai.hologram", "CategoryCode") => list("cats_int64s", "cats_strings"),
        ("ai.onnx.ml", "LabelEncoder") => list("keys_int64s", "keys_strings"),
        ("" | "ai.onnx", "Gather")
            if node.inputs.get(1) == Some(&Some(value)) && node.inputs.first() != Some(&Some(value)) =>
        {
            // An embedding: a row of a constant for each number.
            let data = graph.value((*node.inputs.first()?)?);
            let axis = node.attributes.int_or("axis", 0).ok()?;
            let count = data.constant.as_ref()?.shape().first().copied()?;
            (axis == 0 && count > 0).then(|| Known::Ints((0..count as i64).collect()))
        }
        _ => None,
    }
}

/// All values that some encoders know.
fn merge(lists: Vec<Known>) -> Option<Known> {
    let mut lists = lists.into_iter();
    let first = lists.next()?;
    lists.try_fold(first, |all, more| match (all, more) {
        (Known::Ints(mut all), Known::Ints(more)) => {
            all.extend(more);
            Some(Known::Ints(all))
        }
        (Known::Texts(mut all), Known::Texts(more)) => {
            all.extend(more);
            Some(Known::Texts(all))
        }
        _ => None,
    })
}
