//! What tests of this family share: cases recorded from onnxruntime, in lines of text.
//!
//! `case NAME OP VERSION` begins one; `attr NAME KIND VALUES...`, `in TENSOR`, `out TENSOR` and `map TENSOR TENSOR` (one
//! map of an output sequence) follow; a tensor is `TYPE RANK DIMENSIONS... ELEMENTS...`. Texts are written with `%xx` for
//! bytes that are no letters, digits or underscores, and a leading `'`.

use crate::{Attribute, Attributes, DType, Fact, Inputs, Node, Registry, Result, Tensor, Value, fact::Facts};

/// A case.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) version: u32,
    pub(crate) attributes: Attributes,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) outputs: Vec<Tensor>,
    pub(crate) maps: Vec<(Tensor, Tensor)>,
}

fn text(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word.strip_prefix('\'').unwrap().bytes();
    while let Some(b) = rest.next() {
        if b == b'%' {
            let hex = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn tensor<'a>(words: &mut impl Iterator<Item = &'a str>) -> Tensor {
    let dtype = DType::from_name(words.next().unwrap()).unwrap();
    let rank: usize = words.next().unwrap().parse().unwrap();
    let shape: Vec<usize> = (0..rank).map(|_| words.next().unwrap().parse().unwrap()).collect();
    let words: Vec<&str> = words.take(shape.iter().product()).collect();
    macro_rules! of {
        ($t:ty) => {
            Tensor::from_vec(shape, words.iter().map(|w| w.parse::<$t>().unwrap()).collect()).unwrap()
        };
    }
    match dtype {
        DType::String => Tensor::from_string_iter(shape, words.iter().map(|w| text(w))).unwrap(),
        DType::F32 => of!(f32),
        DType::F64 => of!(f64),
        DType::I64 => of!(i64),
        DType::I32 => of!(i32),
        DType::I16 => of!(i16),
        DType::U8 => of!(u8),
        other => panic!("no cases of {other}"),
    }
}

/// Reads cases.
pub(crate) fn read(lines: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in lines.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("case") => {
                let mut next = || words.next().unwrap().to_owned();
                let (name, op) = (next(), next());
                cases.push(Case { name, op, version: next().parse().unwrap(), ..Case::default() });
            }
            Some("attr") => {
                let (name, kind) = (words.next().unwrap(), words.next().unwrap());
                let attribute = match kind {
                    "f" => Attribute::Float(words.next().unwrap().parse().unwrap()),
                    "i" => Attribute::Int(words.next().unwrap().parse().unwrap()),
                    "s" => Attribute::String(text(words.next().unwrap())),
                    "F" => Attribute::Floats(words.map(|w| w.parse().unwrap()).collect()),
                    "I" => Attribute::Ints(words.map(|w| w.parse().unwrap()).collect()),
                    "S" => Attribute::Strings(words.map(text).collect()),
                    _ => Attribute::Tensor(tensor(&mut words)),
                };
                cases.last_mut().unwrap().attributes.insert(name, attribute);
            }
            Some("in") => cases.last_mut().unwrap().inputs.push(tensor(&mut words)),
            Some("out") => cases.last_mut().unwrap().outputs.push(tensor(&mut words)),
            Some("map") => {
                let map = (tensor(&mut words), tensor(&mut words));
                cases.last_mut().unwrap().maps.push(map);
            }
            _ => {}
        }
    }
    cases
}

/// Parses, infers and evaluates; inferred types and known shapes must be those of the outputs.
pub(crate) fn run(
    domain: &str,
    op: &str,
    version: u32,
    attributes: &Attributes,
    inputs: &[Value],
) -> Result<Vec<Value>> {
    let node = Node { domain, op, version, since: 0, attributes, inputs: inputs.len(), outputs: 2 };
    let operator = Registry::standard().parse(&node)?.1;
    let facts: Vec<Fact> = inputs
        .iter()
        .map(|v| match v {
            Value::Tensor(t) => Fact::constant(t.clone()),
            other => Fact::of(crate::Type::of(other)),
        })
        .collect();
    let facts: Vec<Option<&Fact>> = facts.iter().map(Some).collect();
    let inferred = operator.infer(Facts(&facts));
    let got = operator.evaluate(Inputs(&inputs.iter().map(Some).collect::<Vec<_>>()))?;
    let inferred = inferred?;
    assert_eq!(inferred.len(), got.len(), "{op}: number of outputs");
    for (fact, value) in inferred.iter().zip(&got) {
        if let Value::Tensor(t) = value {
            assert_eq!(fact.dtype(), Some(t.dtype()), "{op}: inferred type");
            if let Some(shape) = fact.known_shape() {
                assert_eq!(shape, t.shape(), "{op}: inferred shape");
            } else {
                assert!(matches!(op, "CastMap"), "{op}: the shape is not known");
            }
        }
    }
    Ok(got)
}

/// Where two tensors first differ: floats by more than a part in 100,000 of the largest expected one.
pub(crate) fn difference(got: &Tensor, expected: &Tensor) -> Option<String> {
    if got.dtype() != expected.dtype() || got.shape() != expected.shape() {
        return Some(format!("{}{:?} is not {}{:?}", got.dtype(), got.shape(), expected.dtype(), expected.shape()));
    }
    if !got.dtype().is_float() {
        return (got != expected).then(|| format!("{got:?} is not {expected:?}"));
    }
    let (a, b) = (super::table::wide(got).unwrap(), super::table::wide(expected).unwrap());
    let largest = b.iter().filter(|v| v.is_finite()).fold(0.0f64, |max, v| max.max(v.abs()));
    let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-5 * largest;
    let at = (0..a.len()).find(|i| !same(a[*i], b[*i]))?;
    Some(format!("element {at} is {}, not {}", a[at], b[at]))
}

/// Runs a case; what differs, if anything does.
pub(crate) fn check(case: &Case) -> std::result::Result<(), String> {
    let inputs: Vec<Value> = case.inputs.iter().cloned().map(Value::Tensor).collect();
    let got = run("ai.onnx.ml", &case.op, case.version, &case.attributes, &inputs).map_err(|e| e.to_string())?;
    if let [Value::Sequence(maps)] = &got[..] {
        let same = maps.len() == case.maps.len()
            && maps.iter().zip(&case.maps).all(
                |(m, (k, v))| matches!(m, Value::Map { keys, values } if keys == k && difference(values, v).is_none()),
            );
        return if same { Ok(()) } else { Err(format!("{maps:?} is not {:?}", case.maps)) };
    }
    for (i, (g, e)) in got.iter().zip(&case.outputs).enumerate() {
        let g = g.as_tensor().map_err(|e| e.to_string())?;
        if let Some(text) = difference(g, e) {
            return Err(format!("output {i}: {text}"));
        }
    }
    if got.len() < case.outputs.len() { Err("outputs are missing".to_owned()) } else { Ok(()) }
}
