//! A case out of any bytes: an operator of the registry, attributes that it reads, and inputs that may fit together.

use super::{
    bytes::Bytes,
    check::{Case, ends},
    table::{self, Draw, Use},
};
use hologram_ops::{
    Attribute, Attributes, DType, Node, Registry, Tensor, Type, Value,
    graph::{Graph, ValueId},
    registry::OpRow,
};
use std::sync::{Arc, OnceLock};

/// The type that an operator reads an attribute as.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Float,
    Int,
    String,
    Tensor,
    Graph,
    Floats,
    Ints,
    Strings,
}

/// What error messages call each type.
const KINDS: [(&str, Kind); 8] = [
    ("a float", Kind::Float),
    ("an integer", Kind::Int),
    ("a string", Kind::String),
    ("a tensor", Kind::Tensor),
    ("a graph", Kind::Graph),
    ("a list of floats", Kind::Floats),
    ("a list of integers", Kind::Ints),
    ("a list of strings", Kind::Strings),
];

/// An operator with the attributes that it reads.
pub(crate) struct Known {
    row: OpRow,
    attributes: Vec<(&'static str, Kind, bool)>,
}

fn words() -> Vec<&'static str> {
    include_str!("words.txt").lines().filter(|l| !l.starts_with('#')).flat_map(str::split_whitespace).collect()
}

/// Every row of the registry.
pub(crate) fn rows() -> &'static [Known] {
    static ROWS: OnceLock<Vec<Known>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let words = words();
        Registry::standard().rows().into_iter().map(|row| Known { row, attributes: read_by(&row, &words) }).collect()
    })
}

/// The attributes that parsing asks for: it complains of a list of tensors under each of their names.
fn read_by(row: &OpRow, words: &[&'static str]) -> Vec<(&'static str, Kind, bool)> {
    let mut base = Attributes::new();
    let mut found: Vec<(&'static str, Kind, bool)> = Vec::new();
    // Parsing stops at the first attribute that is missing, so what is required is given once it is known.
    for _ in 0..4 {
        let missing = parse(row, &base, 3, 1).err().map(|e| e.to_string()).unwrap_or_default();
        for word in words.iter().filter(|w| found.iter().all(|(name, ..)| name != *w)).collect::<Vec<_>>() {
            let wrong = base.clone().with(*word, Attribute::Tensors(Vec::new()));
            let Err(error) = parse(row, &wrong, 3, 1) else { continue };
            let error = error.to_string();
            let expected = error
                .strip_prefix(&format!("attribute '{word}' is a list of tensors where "))
                .or_else(|| error.split(&format!("attribute '{word}' is a list of tensors where ")).nth(1))
                .and_then(|rest| rest.strip_suffix(" is expected"));
            let kind = expected.and_then(|e| KINDS.iter().find(|(text, _)| *text == e));
            if let Some((_, kind)) = kind {
                found.push((word, *kind, missing.contains(&format!("'{word}'"))));
            }
        }
        let mut grown = false;
        for (name, kind, required) in &found {
            if *required && base.get(name).is_none() {
                base.insert(*name, attribute(*kind, &mut Bytes::new(&[6; 32])));
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    found
}

fn parse(
    row: &OpRow,
    attributes: &Attributes,
    inputs: usize,
    outputs: usize,
) -> hologram_ops::Result<Arc<dyn hologram_ops::Operator>> {
    let (domain, op) = (row.domain, row.op);
    (row.parse)(&Node { domain, op, version: row.since, since: row.since, attributes, inputs, outputs })
}

/// The case that the bytes describe, if the operator takes its attributes.
pub(crate) fn draw(bytes: &mut Bytes<'_>) -> Option<Case> {
    if bytes.one_in(3) { changed_use(bytes) } else { anything(bytes) }
}

/// A right use of an operator, with something changed now and then.
fn changed_use(bytes: &mut Bytes<'_>) -> Option<Case> {
    static USES: OnceLock<Vec<Use>> = OnceLock::new();
    let uses = USES.get_or_init(table::uses);
    let of = &uses[bytes.below(uses.len())];
    let shapes: [&[usize]; 8] = [&[2, 3], &[2, 3, 4], &[1, 4, 6, 6], &[3], &[3, 3], &[1, 2, 5], &[], &[4, 3]];
    let types = [DType::F32, DType::I64, DType::Bool, DType::U8, DType::F16, DType::F64, DType::I32, DType::String];
    let mut numbers = Draw::new(u64::from(bytes.byte()));
    let x: Value = numbers.tensor(bytes.pick(&types), bytes.pick(&shapes)).into();
    let mut inputs: Vec<Option<Value>> =
        of.others(&x, &mut numbers)?.into_iter().map(|v| v.map(Value::Tensor)).collect();
    inputs[of.incoming] = Some(x);
    let mut attributes = of.attributes.clone();
    let row = Registry::standard().find(of.domain, &of.op, of.version()).ok()?;
    let known = rows().iter().find(|k| (k.row.domain, k.row.op, k.row.since) == (row.domain, row.op, row.since))?;
    if bytes.one_in(3) && !known.attributes.is_empty() {
        let (name, kind, _) = bytes.pick(&known.attributes);
        attributes.insert(name, attribute(kind, bytes));
    }
    if bytes.one_in(3) {
        let at = bytes.below(inputs.len());
        let old = inputs[at].as_ref().and_then(|v| v.as_tensor().ok()).cloned();
        let base = Base {
            dtype: old.as_ref().map_or(DType::F32, Tensor::dtype),
            shape: old.map_or(vec![2], |t| t.shape().to_vec()),
        };
        inputs[at] = base.input(bytes);
    }
    let outputs = if bytes.one_in(3) { 1 + bytes.below(4) } else { 1 };
    let operator = parse(&row, &attributes, inputs.len(), outputs).ok()?;
    Some(Case { row, operator, inputs, outputs, ends: true })
}

/// Any operator with any inputs.
fn anything(bytes: &mut Bytes<'_>) -> Option<Case> {
    let rows = rows();
    let known = &rows[bytes.below(rows.len())];
    let mut attributes = Attributes::new();
    for (name, kind, required) in &known.attributes {
        if *required || bytes.one_in(3) {
            attributes.insert(*name, attribute(*kind, bytes));
        }
    }
    let outputs = if bytes.one_in(3) { 1 + bytes.below(5) } else { 1 };
    let count = if bytes.one_in(4) { bytes.below(17) } else { bytes.below(6) };
    let base = Base {
        dtype: if bytes.one_in(2) { bytes.pick(DType::ALL) } else { bytes.pick(&[DType::F32, DType::I64, DType::F16]) },
        shape: (0..bytes.below(6)).map(|_| size(bytes)).collect(),
    };
    let inputs: Vec<Option<Value>> = (0..count).map(|_| base.input(bytes)).collect();
    let operator = parse(&known.row, &attributes, inputs.len(), outputs).ok()?;
    let ends = ends(known.row.op, &attributes, &inputs);
    Some(Case { row: known.row, operator, inputs, outputs, ends })
}

fn size(bytes: &mut Bytes<'_>) -> usize {
    [1, 2, 3, 4, 2, 3, 1, 5, 6, 8, 0][bytes.below(11)]
}

fn attribute(kind: Kind, bytes: &mut Bytes<'_>) -> Attribute {
    match kind {
        Kind::Float => Attribute::Float(bytes.float()),
        Kind::Int => Attribute::Int(bytes.int()),
        Kind::String => Attribute::String(text(bytes)),
        Kind::Tensor => {
            let dtype = bytes.pick(DType::ALL);
            let shape: Vec<usize> = (0..bytes.below(3)).map(|_| size(bytes)).collect();
            Attribute::Tensor(tensor(dtype, &shape, bytes))
        }
        Kind::Graph => Attribute::Graph(Arc::new(graph(bytes))),
        Kind::Floats => Attribute::Floats(bytes.floats(8)),
        Kind::Ints => Attribute::Ints(bytes.ints(8)),
        Kind::Strings => Attribute::Strings((0..bytes.below(5)).map(|_| text(bytes)).collect()),
    }
}

fn text(bytes: &mut Bytes<'_>) -> String {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    let words = WORDS.get_or_init(words);
    match bytes.below(8) {
        0 => ["ij,jk->ik", "...i->...", "ii->i", "i,i", "ab->ba", "->", "...a,...b", "a..b"][bytes.below(8)].to_owned(),
        _ => words[bytes.below(words.len())].to_owned(),
    }
}

/// What the inputs of a case have in common.
struct Base {
    dtype: DType,
    shape: Vec<usize>,
}

impl Base {
    fn input(&self, bytes: &mut Bytes<'_>) -> Option<Value> {
        let shape = &self.shape;
        Some(Value::Tensor(match bytes.below(24) {
            0..6 => tensor(self.dtype, shape, bytes),
            6 => tensor(self.dtype, &[], bytes),
            7 => tensor(self.dtype, &[*shape.last().unwrap_or(&1)], bytes),
            8 => tensor(self.dtype, &[*shape.get(1).unwrap_or(&1)], bytes),
            9 | 10 => tensor(self.dtype, &changed(shape, bytes), bytes),
            11..14 => {
                let v = bytes.ints(6);
                Tensor::from_vec([v.len()], v).ok()?
            }
            14 => Tensor::scalar(bytes.int()),
            15 => tensor(DType::I64, shape, bytes),
            16 => tensor(DType::Bool, if bytes.one_in(2) { &[] } else { shape }, bytes),
            17 => tensor(DType::F32, &[bytes.below(6)], bytes),
            18 => tensor(bytes.pick(DType::ALL), shape, bytes),
            19 => tensor(bytes.pick(DType::ALL), &[], bytes),
            20 => {
                let parts = (0..bytes.below(4)).map(|_| {
                    let shape = if bytes.one_in(3) { changed(shape, bytes) } else { shape.clone() };
                    tensor(self.dtype, &shape, bytes).into()
                });
                return Some(Value::Sequence(parts.collect()));
            }
            21 => {
                let inner: Value = tensor(self.dtype, shape, bytes).into();
                let inner = if bytes.one_in(3) { Value::Sequence(vec![inner]) } else { inner };
                return Some(Value::Optional((!bytes.one_in(3)).then(|| Box::new(inner))));
            }
            22 => {
                let n = bytes.below(4);
                let keys = if bytes.one_in(2) {
                    Tensor::from_vec([n], (0..n as i64).collect()).ok()?
                } else {
                    Tensor::from_string_iter([n], ["a", "b", "c", "d"].into_iter().take(n)).ok()?
                };
                return Some(Value::Map { keys, values: tensor(self.dtype, &[n], bytes) });
            }
            _ => return None,
        }))
    }
}

/// A shape with one size changed, or one size more or less.
fn changed(shape: &[usize], bytes: &mut Bytes<'_>) -> Vec<usize> {
    let mut shape = shape.to_vec();
    let at = bytes.below(shape.len() + 1);
    match bytes.below(4) {
        0 => shape.insert(at, size(bytes)),
        1 if at < shape.len() => drop(shape.remove(at)),
        2 if at < shape.len() => shape[at] = 1,
        _ if at < shape.len() => shape[at] = size(bytes),
        _ => {}
    }
    shape
}

/// A tensor of few distinct elements.
pub(crate) fn tensor(dtype: DType, shape: &[usize], bytes: &mut Bytes<'_>) -> Tensor {
    let shape: Vec<usize> = if shape.iter().product::<usize>() > 4096 { vec![2] } else { shape.to_vec() };
    let count: usize = shape.iter().product();
    let drawn = 1 + bytes.below(8);
    let at = |i: usize| (i * 5 + i / drawn) % drawn;
    match dtype {
        DType::String => {
            let texts: Vec<String> = (0..drawn).map(|_| text(bytes)).collect();
            Tensor::from_string_iter(shape, (0..count).map(|i| &texts[at(i)])).unwrap()
        }
        DType::Bool => {
            let all = bytes.byte();
            Tensor::from_vec(shape, (0..count).map(|i| all >> (i % 8) & 1 == 1).collect::<Vec<bool>>()).unwrap()
        }
        d if d.is_float() => {
            let v: Vec<f32> = (0..drawn).map(|_| bytes.float()).collect();
            let all = Tensor::from_vec(shape.clone(), (0..count).map(|i| v[at(i)]).collect::<Vec<f32>>()).unwrap();
            all.cast(d).unwrap_or_else(|_| Tensor::zeros(d, shape).unwrap())
        }
        d => {
            let v: Vec<i64> = (0..drawn).map(|_| bytes.int()).collect();
            let all = Tensor::from_vec(shape.clone(), (0..count).map(|i| v[at(i)]).collect::<Vec<i64>>()).unwrap();
            all.cast(d).unwrap_or_else(|_| Tensor::zeros(d, shape).unwrap())
        }
    }
}

/// A subgraph: inputs of any type, and outputs that are inputs, constants, or one operator away from them.
fn graph(bytes: &mut Bytes<'_>) -> Graph {
    let mut graph = Graph::new("body");
    let mut values: Vec<ValueId> = (0..bytes.below(6))
        .map(|i| {
            let ty = match bytes.below(4) {
                0 => Type::tensor(DType::F32, [2usize, 3]),
                1 => Type::Tensor { dtype: DType::F32, shape: None },
                _ => Type::Unknown,
            };
            graph.add_input(&format!("i{i}"), ty).unwrap()
        })
        .collect();
    let dtype = bytes.pick(&[DType::Bool, DType::F32, DType::I64]);
    let constant = tensor(dtype, if bytes.one_in(2) { &[2] } else { &[] }, bytes);
    values.push(graph.add_constant("c", constant).unwrap());
    for i in 0..bytes.below(5) {
        let (a, b) = (bytes.pick(&values), bytes.pick(&values));
        let op =
            ["Identity", "Add", "Concat", "Unsqueeze", "Shape", "Transpose", "NonZero", "Less", "Reshape", "Expand"]
                [bytes.below(10)];
        let mut node = graph.add_op(op).name(format!("n{i}")).input(a, 0, 0);
        if !matches!(op, "Identity" | "Shape" | "Transpose" | "NonZero") {
            node = node.input(b, 0, 1);
        }
        if op == "Concat" {
            node = node.attribute("axis", Attribute::Int(bytes.int()));
        }
        if let Ok(id) = node.finish() {
            values.push(graph.output_of(id, 0).unwrap());
        }
    }
    for i in 0..bytes.below(6) {
        let value = bytes.pick(&values);
        graph.add_output(format!("o{i}"), value);
    }
    graph
}
