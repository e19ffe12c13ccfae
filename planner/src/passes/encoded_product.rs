//! One-hot columns under a matrix product: codes instead of zeros and ones, and a product that adds one row of
//! coefficients for each.
//!
//! The product declares the order of its sums, in which adding a zero changes nothing that the operator in its place does
//! not do too, so that no bit differs. Coefficients of categories must be finite for that: a zero times infinity is NaN.

use hologram_ops::{
    Attribute, Attributes, DType, Dim, Limits, Result, Tensor,
    graph::{Graph, NewNode, NodeData, Patch, ValueId},
    registry::NEWEST_OPSET,
};
use std::collections::HashMap;

/// The domain of our own operators.
const DOMAIN: &str = "ai.hologram";

pub(super) fn run(graph: &Graph, _: &Limits) -> Result<(Patch, String)> {
    let mut patch = Patch::new();
    let mut codes: HashMap<ValueId, ValueId> = HashMap::new();
    let mut changed = 0;
    for id in graph.order()? {
        let Some(node) = graph.node(id) else { continue };
        let Some(head) = Head::of(graph, node) else { continue };
        let Some(Some(input)) = node.inputs.first().copied() else { continue };
        let mut parts = Vec::new();
        // A vector is one row of features, not many rows of one.
        let is_table = graph.value(input).fact.shape().is_some_and(|s| s.len() == 2);
        if !is_table || flatten(graph, input, &mut parts).is_none() || !head.takes(&parts) {
            continue;
        }
        patch.remove(id);
        let mut inputs = Vec::with_capacity(parts.len());
        for part in &parts {
            inputs.push(Some(match part {
                Part::Numbers { value, .. } => *value,
                Part::Codes { encoded, encoder, .. } => *codes.entry(*encoded).or_insert_with(|| {
                    let name = format!("{}:code", encoder.name);
                    let code = patch.add_value(graph, &name, None);
                    let attributes = encoder.attributes.clone();
                    let spec = NewNode { name: &name, domain: DOMAIN, op: "CategoryCode", version: 1, attributes };
                    patch.insert(spec, encoder.inputs.clone(), vec![Some(code)]);
                    code
                }),
            }));
        }
        let sizes = parts.iter().map(|part| match part {
            Part::Numbers { width, .. } => (*width as i64, 0),
            Part::Codes { columns, categories, .. } => (*columns as i64, *categories as i64),
        });
        let (columns, categories) = sizes.unzip();
        let attributes = Attributes::new()
            .with("columns", Attribute::Ints(columns))
            .with("categories", Attribute::Ints(categories))
            .with("targets", Attribute::Int(head.targets as i64))
            .with("coefficients", Attribute::Floats(head.coefficients));
        let product = |name| NewNode { name, domain: DOMAIN, op: "EncodedProduct", version: 1, attributes };
        let name = format!("{}:product", node.name);
        let (domain, op, version, attributes, addend) = match head.rest {
            Rest::Nothing => {
                patch.insert(product(&node.name), inputs, node.outputs.clone());
                changed += 1;
                continue;
            }
            Rest::Scores(attributes) => (DOMAIN, "ClassScores", 1, attributes, None),
            Rest::Intercepts(numbers) => {
                let addend = patch.add_value(graph, &format!("{}:intercepts", node.name), Some(numbers));
                ("", "Add", NEWEST_OPSET, Attributes::new(), Some(addend))
            }
        };
        let sums = patch.add_value(graph, &name, None);
        patch.insert(product(&name), inputs, vec![Some(sums)]);
        let spec = NewNode { name: &node.name, domain, op, version, attributes };
        let inputs = [Some(sums)].into_iter().chain(addend.map(Some)).collect();
        patch.insert(spec, inputs, node.outputs.clone());
        changed += 1;
    }
    Ok((patch, format!("{changed} products take codes instead of one-hot columns")))
}

/// A node as a product of its first input's rows, and what follows on it.
struct Head {
    /// A row of features a target.
    coefficients: Vec<f32>,
    targets: usize,
    rest: Rest,
}

/// What a head does after its product.
enum Rest {
    Nothing,
    /// Adds a number a target.
    Intercepts(Tensor),
    /// What `ClassScores` with these attributes does.
    Scores(Attributes),
}

impl Head {
    fn of(graph: &Graph, node: &NodeData) -> Option<Self> {
        let a = &node.attributes;
        match (node.domain.as_str(), node.op.as_str()) {
            ("ai.onnx.ml", "LinearClassifier") => {
                let mut rest = Attributes::new();
                a.iter().filter(|(name, _)| *name != "coefficients").for_each(|(n, v)| rest.insert(n, v.clone()));
                let coefficients = a.floats("coefficients").ok()??;
                let given = a.floats("intercepts").ok()?.filter(|v| !v.is_empty());
                let count = |name| a.ints(name).ok().flatten().map_or(0, |v| v.len());
                let texts = a.strings("classlabels_strings").ok().flatten().map_or(0, |v| v.len());
                let targets = given.map_or(count("classlabels_ints").max(texts), |v| v.len());
                Some(Self { coefficients, targets, rest: Rest::Scores(rest) })
            }
            ("ai.onnx.ml", "LinearRegressor") => {
                let targets = usize::try_from(a.int_or("targets", 1).ok()?).ok()?;
                let post = a.string_or("post_transform", "NONE".to_owned()).ok()?;
                // A lone target keeps its score whatever the link is, but for PROBIT.
                if post != "NONE" && (targets != 1 || post == "PROBIT") {
                    return None;
                }
                let intercepts = a.floats("intercepts").ok()?.filter(|v| !v.is_empty());
                let intercepts = intercepts.unwrap_or_else(|| vec![0.0; targets]);
                let rest = Rest::Intercepts(Tensor::from_vec([targets], intercepts).ok()?);
                Some(Self { coefficients: a.floats("coefficients").ok()??, targets, rest })
            }
            ("", "MatMul") => {
                let right = graph.value(node.inputs.get(1).copied().flatten()?).constant.as_ref()?;
                let &[features, targets] = right.shape() else { return None };
                let left = graph.value(node.inputs.first().copied().flatten()?).fact.shape()?.len();
                let values = right.as_slice::<f32>().ok().filter(|_| left == 2)?;
                let by_target = (0..targets).flat_map(|t| (0..features).map(move |f| values[f * targets + t]));
                Some(Self { coefficients: by_target.collect(), targets, rest: Rest::Nothing })
            }
            _ => None,
        }
    }

    /// Whether the product of these parts is this one.
    fn takes(&self, parts: &[Part<'_>]) -> bool {
        let features: usize = parts.iter().map(Part::width).sum();
        if features == 0 || self.targets == 0 || self.coefficients.len() != features * self.targets {
            return false;
        }
        let mut first = 0;
        let mut has_codes = false;
        for part in parts {
            if matches!(part, Part::Codes { .. }) {
                has_codes = true;
                let own = |t: usize| &self.coefficients[t * features + first..][..part.width()];
                if !(0..self.targets).all(|t| own(t).iter().all(|c| c.is_finite())) {
                    return false;
                }
            }
            first += part.width();
        }
        has_codes
    }
}

/// A part of a row of features.
enum Part<'g> {
    /// `[N, width]` in `f32`.
    Numbers { value: ValueId, width: usize },
    /// What an encoder makes of `[N, columns]` or `[N]`: `encoded`.
    Codes { encoded: ValueId, encoder: &'g NodeData, columns: usize, categories: usize },
}

impl Part<'_> {
    fn width(&self) -> usize {
        match self {
            Self::Numbers { width, .. } => *width,
            Self::Codes { columns, categories, .. } => columns * categories,
        }
    }
}

/// Dimensions behind the first, if all of them are known.
fn behind(graph: &Graph, value: ValueId) -> Option<Vec<usize>> {
    graph.value(value).fact.shape()?.split_first()?.1.iter().map(Dim::known).collect()
}

/// The parts of a value whose elements are rows of features one after the other; `None` where it has others than these.
fn flatten<'g>(graph: &'g Graph, value: ValueId, parts: &mut Vec<Part<'g>>) -> Option<()> {
    let inner = behind(graph, value)?;
    let width: usize = inner.iter().product();
    let node = graph.value(value).producer.filter(|(_, output)| *output == 0).and_then(|(id, _)| graph.node(id));
    let first = |node: &NodeData| node.inputs.first().copied().flatten();
    match node.map(|node| (node, node.domain.as_str(), node.op.as_str())) {
        // Rows end to end are those of the parts where nothing lies between rows and columns.
        Some((node, "", "Concat")) if inner.iter().rev().skip(1).all(|n| *n == 1) && !inner.is_empty() => {
            let axis = node.attributes.int_or("axis", 1).ok()?;
            let rank = inner.len() as i64 + 1;
            if axis != -1 && axis != rank - 1 {
                return numbers(graph, value, &inner, parts);
            }
            node.inputs.iter().try_for_each(|input| flatten(graph, (*input)?, parts))
        }
        // The elements of each row stay together.
        Some((node, "", "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze"))
            if behind(graph, first(node)?).is_some_and(|inner| inner.iter().product::<usize>() == width) =>
        {
            flatten(graph, first(node)?, parts)
        }
        Some((encoder, "ai.onnx.ml", "OneHotEncoder")) => {
            let columns = match behind(graph, first(encoder)?)?[..] {
                [] => 1,
                [columns] => columns,
                _ => return None,
            };
            let categories = *inner.last()?;
            (columns > 0 && categories > 0)
                .then(|| parts.push(Part::Codes { encoded: value, encoder, columns, categories }))
        }
        _ => numbers(graph, value, &inner, parts),
    }
}

/// The value itself as a part.
fn numbers(graph: &Graph, value: ValueId, inner: &[usize], parts: &mut Vec<Part<'_>>) -> Option<()> {
    let &[width] = inner else { return None };
    let is_f32 = graph.value(value).fact.dtype() == Some(DType::F32);
    (is_f32 && graph.value(value).constant.is_none()).then(|| parts.push(Part::Numbers { value, width }))
}

#[cfg(test)]
mod tests {
    use hologram_ops::{Attribute, DType, Limits, Registry, Tensor, Type, Value, graph::Graph};

    /// Two columns of integers and one of texts encoded, two numbers between them, and this head over all of it.
    fn pipeline(op: &str, targets: usize, coefficient: impl Fn(usize) -> f32) -> (Graph, Vec<Value>) {
        const ROWS: usize = 6;
        let mut graph = Graph::new("t");
        let ints = graph.add_input("ints", Type::tensor(DType::I64, [ROWS, 2])).unwrap();
        let texts = graph.add_input("texts", Type::tensor(DType::String, [ROWS, 1])).unwrap();
        let numbers = graph.add_input("numbers", Type::tensor(DType::F32, [ROWS, 2])).unwrap();
        let shape = graph.add_constant("shape", Tensor::from_slice([2], &[-1i64, 6]).unwrap()).unwrap();
        let three = Attribute::Ints(vec![4, 0, -1]);
        let one = graph.add_op("OneHotEncoder").domain("ai.onnx.ml", 1).attribute("cats_int64s", three);
        let one = one.input(ints, 0, 0).finish().unwrap();
        let flat = graph.add_op("Reshape").input(one, 0, 0).input(shape, 0, 1).finish().unwrap();
        let two = Attribute::Strings(vec!["a".into(), "b".into()]);
        let other = graph.add_op("OneHotEncoder").domain("ai.onnx.ml", 1).attribute("cats_strings", two);
        let other = other.input(texts, 0, 0).finish().unwrap();
        let axes = graph.add_constant("axes", Tensor::from_slice([1], &[1i64]).unwrap()).unwrap();
        let other = graph.add_op("Squeeze").input(other, 0, 0).input(axes, 0, 1).finish().unwrap();
        let all = graph.add_op("Concat").attribute("axis", Attribute::Int(-1));
        let all = all.input(flat, 0, 0).input(numbers, 0, 1).input(other, 0, 2).finish().unwrap();
        let coefficients: Vec<f32> = (0..10 * targets).map(coefficient).collect();
        let mut head = graph.clone();
        let node = if op == "MatMul" {
            let right = head.add_constant("right", Tensor::from_vec([10, targets], coefficients).unwrap()).unwrap();
            head.add_op(op).input(all, 0, 0).input(right, 0, 1).finish()
        } else {
            let labels = Attribute::Ints((0..targets.max(2) as i64).collect());
            let node = head.add_op(op).domain("ai.onnx.ml", 1).input(all, 0, 0).outputs(1);
            let node = node.attribute("coefficients", Attribute::Floats(coefficients));
            let node = node.attribute("intercepts", Attribute::Floats(vec![-0.0; targets]));
            match op {
                "LinearClassifier" => node.outputs(2).attribute("classlabels_ints", labels).finish(),
                _ => node.attribute("targets", Attribute::Int(targets as i64)).finish(),
            }
        };
        let node = node.unwrap();
        for (i, value) in head.node(node).unwrap().outputs.clone().into_iter().flatten().enumerate() {
            head.add_output(format!("y{i}"), value);
        }
        head.infer().unwrap();
        let ints = Tensor::from_slice([ROWS, 2], &[4i64, 0, -1, 7, 0, 0, 4, 4, 9, 9, -1, -1]).unwrap();
        let texts = Tensor::from_string_iter([ROWS, 1], ["a", "b", "c", "", "b", "a"]).unwrap();
        // Products that vanish below zero leave a negative zero.
        let tiny = 1e-30_f32;
        let numbers = [0.5, -1.0, -tiny, -tiny, f32::INFINITY, 1.0, f32::NAN, 0.0, -tiny, 0.0, 3e38, 3e38];
        let numbers = Tensor::from_slice([ROWS, 2], &numbers).unwrap();
        (head, vec![ints.into(), texts.into(), numbers.into()])
    }

    #[test]
    fn one_hot_columns_become_codes_and_no_bit_changes() {
        let plain = |i: usize| (i * 7 % 23) as f32 / 9.0 - 1.2;
        let tiny = |i: usize| if i.is_multiple_of(3) { -0.0 } else { 1e-30 };
        let coefficients: [fn(usize) -> f32; 3] = [plain, tiny, |_| -1e-30];
        for op in ["LinearClassifier", "LinearRegressor", "MatMul"] {
            for targets in [1, 2, 5] {
                for coefficient in coefficients {
                    let (mut graph, given) = pipeline(op, targets, coefficient);
                    let want = graph.evaluate(&given).unwrap();
                    let (patch, note) = super::run(&graph, &Limits::default()).unwrap();
                    assert_eq!(note, "1 products take codes instead of one-hot columns", "{op}");
                    graph.apply(patch, &Registry::standard()).unwrap();
                    graph.infer().unwrap();
                    assert_eq!(graph.evaluate(&given).unwrap(), want, "{op} of {targets}");
                }
            }
        }
    }

    #[test]
    fn coefficients_that_are_not_finite_keep_their_zeros() {
        // Of a category in the first, of a number in the second.
        for (infinite, patched) in [(3, false), (7, true)] {
            let (graph, _) = pipeline("LinearRegressor", 1, |i| if i == infinite { f32::INFINITY } else { 1.0 });
            assert_eq!(!super::run(&graph, &Limits::default()).unwrap().0.is_empty(), patched);
        }
    }
}
