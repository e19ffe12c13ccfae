//! Arithmetic simplification: nodes that give one of their inputs back, bit for bit, and pairs that are one node.
//!
//! Every rule holds for all values of its types: of floats also for both zeros, infinities, subnormal numbers and NaN (all
//! NaNs are equal here). What holds only for most is not here: `x + 0.0` turns `-0.0` into `0.0`, `x - x` is NaN for an
//! infinity, `x * 0` is NaN for one.

use hologram_ops::{
    Attribute, Attributes, DType, Dim, Fact, Limits, Result, Tensor, Type,
    graph::{Graph, NewNode, NodeData, Patch, ValueId},
};
use std::collections::{BTreeMap, HashMap};

/// What a node is replaced by.
enum Instead {
    /// A value that its first output equals.
    Value(ValueId),
    /// The same operator with other attributes, on another first input.
    Node { input: ValueId, attributes: Attributes },
}

/// One rule: its name, the operators that it looks at, and what it makes of one of them.
struct Rule {
    name: &'static str,
    ops: &'static [&'static str],
    apply: fn(&View<'_>, &NodeData) -> Option<Instead>,
}

const RULES: &[Rule] = &[
    Rule { name: "identity", ops: &["Identity", "Dropout"], apply: identity },
    Rule { name: "neutral element", ops: &["Add", "Sub", "Mul", "Div"], apply: neutral },
    Rule { name: "inverse of itself", ops: &["Neg", "Not", "BitwiseNot"], apply: involution },
    Rule { name: "idempotent", ops: &["Abs", "Relu", "Sign", "Floor", "Ceil", "Round"], apply: idempotent },
    Rule {
        name: "equal operands",
        ops: &["And", "Or", "Max", "Min", "Where", "BitwiseAnd", "BitwiseOr"],
        apply: equal,
    },
    Rule { name: "single operand", ops: &["Concat", "Max", "Min", "Sum", "Mean", "Split", "Clip"], apply: single },
    Rule { name: "cast back", ops: &["Cast"], apply: cast },
    Rule {
        name: "same shape",
        ops: &["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Slice"],
        apply: same_shape,
    },
    Rule { name: "nothing added", ops: &["Pad", "Tile"], apply: nothing_added },
    Rule { name: "reshape of a reshape", ops: &["Reshape"], apply: reshape },
    Rule { name: "transpose of a transpose", ops: &["Transpose"], apply: transpose },
];

pub(super) fn run(graph: &Graph, _: &Limits) -> Result<(Patch, String)> {
    let mut patch = Patch::new();
    let mut view = View { graph, same: HashMap::new(), merged: HashMap::new() };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for id in graph.order()? {
        let Some(node) = graph.node(id).filter(|n| n.domain.is_empty()) else { continue };
        let Some(Some(output)) = node.outputs.first().copied() else { continue };
        if node.outputs[1..].iter().any(|o| o.is_some_and(|v| view.is_read(v))) {
            continue;
        }
        let rules = RULES.iter().filter(|r| r.ops.contains(&node.op.as_str()));
        let Some((rule, instead)) = rules.filter_map(|r| Some((r, (r.apply)(&view, node)?))).next() else { continue };
        *counts.entry(rule.name).or_default() += 1;
        match instead {
            Instead::Value(value) => {
                patch.replace(output, value);
                patch.remove(id);
                view.same.insert(output, value);
            }
            Instead::Node { input, attributes } => {
                let mut inputs: Vec<Option<ValueId>> = node.inputs.iter().map(|i| i.map(|v| view.resolve(v))).collect();
                inputs[0] = Some(input);
                view.merged.insert(output, (input, attributes.clone()));
                let new =
                    NewNode { name: &node.name, domain: &node.domain, op: &node.op, version: node.version, attributes };
                patch.remove(id);
                patch.insert(new, inputs, vec![Some(output)]);
            }
        }
    }
    let what: Vec<String> = counts.iter().map(|(name, n)| format!("{n} by '{name}'")).collect();
    Ok((patch, if what.is_empty() { "0 nodes simplified".to_owned() } else { what.join(", ") }))
}

/// The graph as it is with the edits so far.
struct View<'g> {
    graph: &'g Graph,
    /// Values that are another one from now on.
    same: HashMap<ValueId, ValueId>,
    /// Outputs of nodes that were rewritten: their first input and attributes.
    merged: HashMap<ValueId, (ValueId, Attributes)>,
}

impl View<'_> {
    fn resolve(&self, value: ValueId) -> ValueId {
        self.same.get(&value).copied().unwrap_or(value)
    }

    /// Input `i` of a node.
    fn input(&self, node: &NodeData, i: usize) -> Option<ValueId> {
        node.inputs.get(i).copied().flatten().map(|v| self.resolve(v))
    }

    /// Whether input `i` is not given.
    fn absent(&self, node: &NodeData, i: usize) -> bool {
        node.inputs.get(i).copied().flatten().is_none()
    }

    fn constant(&self, node: &NodeData, i: usize) -> Option<&Tensor> {
        self.graph.value(self.input(node, i)?).constant.as_ref()
    }

    fn fact(&self, value: ValueId) -> &Fact {
        &self.graph.value(value).fact
    }

    fn is_read(&self, value: ValueId) -> bool {
        !self.graph.consumers(value).is_empty() || self.graph.outputs().iter().any(|(_, v)| *v == value)
    }

    /// The node that gives a value, if it is of the standard domain and this is its first output.
    fn producer(&self, value: ValueId) -> Option<&NodeData> {
        match self.graph.value(value).producer {
            Some((id, 0)) => self.graph.node(id).filter(|n| n.domain.is_empty()),
            _ => None,
        }
    }

    /// Whether the node's first output has the type and the known shape of a value.
    fn keeps(&self, node: &NodeData, value: ValueId) -> bool {
        let Some(Some(output)) = node.outputs.first() else { return false };
        match (&self.fact(*output).ty, &self.fact(value).ty) {
            (Type::Tensor { dtype: a, shape: Some(s) }, Type::Tensor { dtype: b, shape: Some(t) }) => {
                a == b && s == t && s.iter().all(|d| *d != Dim::Unknown)
            }
            _ => false,
        }
    }
}

fn identity(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let trains = node.op == "Dropout" && (!view.absent(node, 2) || !node.operator.is_pure());
    // Before version 7 the attribute `is_test` decides.
    let trains = trains || node.op == "Dropout" && node.version < 7;
    view.input(node, 0).filter(|_| !trains).map(Instead::Value)
}

/// `x * 1`, `x / 1`, `x - 0`, and `x + 0` where the zero is an integer or `-0.0`.
fn neutral(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let element = match node.op.as_str() {
        "Mul" | "Div" => 1.0f64,
        "Sub" => 0.0,
        _ => -0.0,
    };
    let sides: &[usize] = if matches!(node.op.as_str(), "Add" | "Mul") { &[0, 1] } else { &[1] };
    sides.iter().find_map(|side| {
        let x = view.input(node, 1 - side)?;
        let is_neutral = all_are(view.constant(node, *side)?, element);
        (is_neutral && view.keeps(node, x)).then_some(Instead::Value(x))
    })
}

/// Whether every element of a tensor of numbers is this one; zeros of floats are told apart by their sign.
fn all_are(tensor: &Tensor, number: f64) -> bool {
    let dtype = tensor.dtype();
    let is_number = dtype.is_integer() || dtype.is_float();
    let Some(values) = Some(tensor).filter(|t| is_number && !t.is_empty()).and_then(|t| t.cast(DType::F64).ok()) else {
        return false;
    };
    let bits = |v: &f64| if dtype.is_integer() { *v == number } else { v.to_bits() == number.to_bits() };
    values.as_slice::<f64>().is_ok_and(|v| v.iter().all(bits))
}

fn involution(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let inner = view.producer(view.input(node, 0)?).filter(|n| n.op == node.op)?;
    view.input(inner, 0).map(Instead::Value)
}

fn idempotent(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    let inner = view.producer(x)?.op.as_str();
    let rounds = |op: &str| matches!(op, "Floor" | "Ceil" | "Round");
    (inner == node.op || rounds(inner) && rounds(&node.op)).then_some(Instead::Value(x))
}

fn equal(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let first = usize::from(node.op == "Where");
    let x = view.input(node, first)?;
    let all = node.inputs.len() > first + 1 && (first..node.inputs.len()).all(|i| view.input(node, i) == Some(x));
    (all && view.keeps(node, x)).then_some(Instead::Value(x))
}

fn single(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    let alone = match node.op.as_str() {
        // Bounds are attributes before version 11 and inputs from then on.
        "Clip" => node.version >= 11 && view.absent(node, 1) && view.absent(node, 2),
        "Split" => node.outputs.len() == 1,
        _ => node.inputs.len() == 1,
    };
    (alone && view.keeps(node, x)).then_some(Instead::Value(x))
}

/// A cast to the type that is there, and a cast back from a type that holds every value of the first.
fn cast(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    let to = node.outputs.first().copied().flatten().and_then(|v| view.fact(v).dtype())?;
    let from = view.fact(x).dtype()?;
    if from == to {
        return Some(Instead::Value(x));
    }
    let inner = view.producer(x).filter(|n| n.op == "Cast")?;
    let original = view.input(inner, 0)?;
    (view.fact(original).dtype() == Some(to) && holds(from, to)).then_some(Instead::Value(original))
}

/// Whether a type holds every value of another.
fn holds(wide: DType, narrow: DType) -> bool {
    use DType::{BF16, Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    match narrow {
        Bool | U8 => matches!(wide, U8 | U16 | U32 | U64 | I16 | I32 | I64 | F16 | F32 | F64),
        I8 => matches!(wide, I16 | I32 | I64 | F16 | F32 | F64),
        U16 => matches!(wide, U32 | U64 | I32 | I64 | F32 | F64),
        I16 => matches!(wide, I32 | I64 | F32 | F64),
        U32 => matches!(wide, U64 | I64 | F64),
        I32 => matches!(wide, I64 | F64),
        F16 | BF16 => matches!(wide, F32 | F64),
        F32 => wide == F64,
        _ => false,
    }
}

fn same_shape(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    // A slice of every element in steps of 1 starts at the first one; steps are an attribute of no version.
    let whole = node.op != "Slice" || view.absent(node, 4) || all_are(view.constant(node, 4)?, 1.0);
    (whole && view.keeps(node, x)).then_some(Instead::Value(x))
}

fn nothing_added(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    let nothing = match (node.op.as_str(), node.attributes.get("pads").or(node.attributes.get("paddings"))) {
        ("Pad", Some(Attribute::Ints(pads))) => pads.iter().all(|p| *p == 0),
        ("Pad", _) => all_are(view.constant(node, 1)?, 0.0),
        // Version 1 repeats one axis.
        _ => node.version >= 6 && all_are(view.constant(node, 1)?, 1.0),
    };
    (nothing && view.keeps(node, x)).then_some(Instead::Value(x))
}

/// A reshape reads elements in order, whatever their shape was, unless it copies a dimension. A reshape that could fail
/// stays, so that it does.
fn reshape(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let shape = view.constant(node, 1)?.to_i64_vec().ok()?;
    if shape.contains(&0) {
        return None;
    }
    let mut x = view.input(node, 0)?;
    let start = x;
    while let Some(inner) = view.producer(x).filter(|n| always_fits(view, n)) {
        x = match view.merged.get(&x) {
            Some((input, _)) => *input,
            None => view.input(inner, 0)?,
        };
    }
    (x != start).then(|| Instead::Node { input: x, attributes: node.attributes.clone() })
}

/// Whether a node gives the elements of its input in their order, under another shape, for every input that fits its type.
fn always_fits(view: &View<'_>, node: &NodeData) -> bool {
    let (Some(x), Some(Some(y))) = (view.input(node, 0), node.outputs.first()) else { return false };
    let (Some(from), Some(to)) = (view.fact(x).shape(), view.fact(*y).shape()) else { return false };
    let open = |dims: &[Dim]| dims.iter().filter(|d| d.known().is_none()).count();
    match node.op.as_str() {
        "Flatten" | "Unsqueeze" => true,
        "Squeeze" => open(from) == open(to),
        "Reshape" => {
            let target = view.constant(node, 1).and_then(|t| t.to_i64_vec().ok());
            let literal = node.attributes.get("allowzero").is_some();
            target.is_some_and(|target| !(literal && target.contains(&0)) && fits(from, &target))
        }
        _ => false,
    }
}

/// Whether a tensor of these dimensions has the elements that a reshape asks for, whatever its open dimensions are.
fn fits(from: &[Dim], target: &[i64]) -> bool {
    let copied = |i: usize| target.get(i) == Some(&0);
    let left: Vec<Option<usize>> =
        from.iter().enumerate().filter(|(i, _)| !copied(*i)).map(|(_, d)| d.known()).collect();
    let have = left.iter().flatten().try_fold(1usize, |n, d| n.checked_mul(*d));
    let asked = target.iter().filter(|t| **t > 0).try_fold(1usize, |n, t| n.checked_mul(usize::try_from(*t).ok()?));
    let (Some(have), Some(asked)) = (have, asked) else { return false };
    let in_rank = target.iter().rposition(|t| *t == 0).is_none_or(|last| last < from.len());
    let rest = target.contains(&-1);
    in_rank && if rest { have.is_multiple_of(asked) } else { left.iter().all(Option::is_some) && have == asked }
}

/// Nothing for an order that changes nothing, and one order for two.
fn transpose(view: &View<'_>, node: &NodeData) -> Option<Instead> {
    let x = view.input(node, 0)?;
    let rank = view.fact(x).shape()?.len();
    let outer = order(&node.attributes, rank)?;
    let inner = view.producer(x).filter(|n| n.op == "Transpose").and_then(|n| {
        let (input, attributes) = match view.merged.get(&x) {
            Some((input, attributes)) => (*input, attributes),
            None => (view.input(n, 0)?, &n.attributes),
        };
        Some((input, order(attributes, rank)?))
    });
    let (input, axes) = match &inner {
        Some((input, axes)) => (*input, outer.iter().map(|a| axes.get(*a).copied()).collect::<Option<Vec<usize>>>()?),
        None => (x, outer),
    };
    if axes.iter().enumerate().all(|(i, a)| i == *a) {
        return Some(Instead::Value(input));
    }
    let perm = axes.iter().map(|a| i64::try_from(*a).ok()).collect::<Option<Vec<i64>>>()?;
    inner.map(|_| Instead::Node { input, attributes: Attributes::new().with("perm", Attribute::Ints(perm)) })
}

/// The input axis of each output axis.
fn order(attributes: &Attributes, rank: usize) -> Option<Vec<usize>> {
    match attributes.get("perm") {
        None => Some((0..rank).rev().collect()),
        Some(Attribute::Ints(perm)) => {
            let signed = i64::try_from(rank).ok()?;
            perm.iter().map(|p| usize::try_from(if *p < 0 { p + signed } else { *p }).ok()).collect()
        }
        Some(_) => None,
    }
}

#[cfg(test)]
#[path = "algebra_tests.rs"]
mod tests;
