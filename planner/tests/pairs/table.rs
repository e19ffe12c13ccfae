//! The table of uses, and what is drawn for their inputs.

use hologram_ops::{Attribute, Attributes, DType, Tensor, Value};

/// One way to use an operator after another one.
pub(crate) struct Use {
    /// The domain.
    pub(crate) domain: &'static str,
    /// The operator.
    pub(crate) op: String,
    /// The attributes.
    pub(crate) attributes: Attributes,
    /// The position of the incoming value.
    pub(crate) incoming: usize,
    inputs: Vec<String>,
}

/// Reads the table.
pub(crate) fn uses() -> Vec<Use> {
    let lines = include_str!("table.txt").lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    lines
        .map(|line| {
            let [op, attributes, inputs] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
                panic!("three columns are expected: {line}")
            };
            let inputs: Vec<String> = inputs.split_whitespace().map(str::to_owned).collect();
            let (domain, op) = match op.split_once(':') {
                Some(("ml", op)) => ("ai.onnx.ml", op),
                Some(("ms", op)) => ("com.microsoft", op),
                _ => ("", op),
            };
            let incoming = inputs.iter().position(|i| i == "x" || i == "x!").unwrap_or_else(|| panic!("no x: {line}"));
            let attributes = attributes.split_whitespace().fold(Attributes::new(), |all, pair| {
                let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{pair} in {line}"));
                all.with(name, attribute(value))
            });
            Use { domain, op: op.to_owned(), attributes, incoming, inputs }
        })
        .collect()
}

fn attribute(text: &str) -> Attribute {
    let quoted = |t: &str| t.trim_matches('\'').to_owned();
    match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some(list) if list.contains('\'') => Attribute::Strings(list.split(',').map(quoted).collect()),
        Some(list) if list.contains('.') => Attribute::Floats(list.split(',').map(|t| t.parse().unwrap()).collect()),
        Some(list) => Attribute::Ints(list.split(',').map(|t| t.parse().unwrap()).collect()),
        None if text.starts_with('\'') => Attribute::String(quoted(text)),
        None if text.contains('.') => Attribute::Float(text.parse().unwrap()),
        None => Attribute::Int(text.parse().unwrap()),
    }
}

/// A stream of numbers that a seed fixes (SplitMix64).
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for i in (1..values.len()).rev() {
            values.swap(i, (self.bits() % (i as u64 + 1)) as usize);
        }
    }

    /// Between -2 and 2, now and then a zero of either sign, one or a value far out.
    fn number(&mut self) -> f64 {
        let uniform = self.bits() as f64 / u64::MAX as f64 * 4.0 - 2.0;
        match self.bits() % 24 {
            0 => 0.0,
            1 => -0.0,
            2 => 1.0,
            3 => uniform * 40.0,
            _ => uniform,
        }
    }

    pub(crate) fn tensor(&mut self, dtype: DType, shape: &[usize]) -> Tensor {
        self.make(dtype, shape, false)
    }

    fn make(&mut self, dtype: DType, shape: &[usize], positive: bool) -> Tensor {
        let count: usize = shape.iter().product();
        match dtype {
            DType::String => {
                let texts = ["a", "b", "12.5", "", "a text that is longer than twelve bytes"];
                let chosen: Vec<&str> = (0..count).map(|_| texts[(self.bits() % 5) as usize]).collect();
                Tensor::from_string_iter(shape, chosen).unwrap()
            }
            DType::Bool => {
                Tensor::from_vec(shape, (0..count).map(|_| self.bits() & 1 == 0).collect::<Vec<bool>>()).unwrap()
            }
            d if d.is_integer() => {
                let signed = matches!(d, DType::I8 | DType::I16 | DType::I32 | DType::I64) && !positive;
                let least = if signed { -3 } else { i64::from(positive) };
                let v: Vec<i64> = (0..count).map(|_| least + (self.bits() % 5) as i64).collect();
                Tensor::from_vec(shape, v).unwrap().cast(d).unwrap()
            }
            d => {
                let v: Vec<f64> =
                    (0..count).map(|_| if positive { self.number().abs() + 0.25 } else { self.number() }).collect();
                Tensor::from_vec(shape, v).unwrap().cast(d).unwrap()
            }
        }
    }
}

/// `[1,2]` or `:3` after a type's name.
fn constant(token: &str) -> Option<Tensor> {
    let types = ["i64", "i32", "f32", "u8", "i8", "bool"];
    let (ty, rest) = types.iter().find_map(|t| Some((*t, token.strip_prefix(t)?)))?;
    if !rest.starts_with(['[', ':']) {
        return None;
    }
    let dtype = DType::from_name(ty).unwrap();
    let (shape, list) = match rest.strip_prefix(':') {
        Some(value) => (Vec::new(), value),
        None => {
            let nested = rest.starts_with("[[");
            let list = rest.trim_matches(['[', ']']);
            let count = list.split(',').count();
            (if nested { vec![1, count] } else { vec![count] }, list)
        }
    };
    let values: Vec<f64> = list.split(',').map(|v| v.parse().unwrap()).collect();
    Some(Tensor::from_vec(shape, values).unwrap().cast(dtype).unwrap())
}

impl Use {
    /// The operator set that the use is written for.
    pub(crate) fn version(&self) -> u32 {
        match self.domain {
            "" => 26,
            "ai.onnx.ml" => 4,
            _ => 1,
        }
    }

    /// The other inputs for this incoming value (`None` at its own position), or nothing where it has no such shape.
    pub(crate) fn others(&self, x: &Value, draw: &mut Draw) -> Option<Vec<Option<Tensor>>> {
        let tensor = match x {
            Value::Tensor(t) => Some(t),
            _ => None,
        };
        let sizes = self.inputs[self.incoming] == "x!";
        if sizes && !tensor.is_some_and(|t| product(t).is_some_and(|p| p <= 10_000.0)) {
            return None;
        }
        self.inputs
            .iter()
            .enumerate()
            .map(|(i, token)| {
                if i == self.incoming || token == "-" {
                    return Some(None);
                }
                if let Some(constant) = constant(token) {
                    return Some(Some(constant));
                }
                if let Some(text) = token.strip_prefix('\'') {
                    return Some(Some(Tensor::from_string_iter([], [text.trim_matches('\'')]).ok()?));
                }
                by_shape(token, tensor?, draw).map(Some)
            })
            .collect()
    }
}

/// The product of the elements' magnitudes.
fn product(sizes: &Tensor) -> Option<f64> {
    let sizes = sizes.cast(DType::F64).ok()?;
    Some(sizes.as_slice::<f64>().ok()?.iter().map(|v| v.abs().max(1.0)).product())
}

fn by_shape(token: &str, x: &Tensor, draw: &mut Draw) -> Option<Tensor> {
    let (dtype, shape) = (x.dtype(), x.shape());
    let ints = |v: Vec<i64>| Tensor::from_vec([v.len()], v).ok();
    let rank = shape.len();
    if let Some(dims) = token.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let extent = |d: &str| match d {
            "N" => shape.first().copied(),
            "C" => shape.get(1).copied(),
            "L" => shape.last().copied(),
            number => number.parse().ok(),
        };
        let extents = dims.1.split(',').map(extent).collect::<Option<Vec<usize>>>()?;
        return Some(draw.make(dtype, &extents, dims.0 == "pos"));
    }
    match token {
        "x" => Some(x.clone()),
        "like" => Some(draw.tensor(dtype, shape)),
        "pos" => Some(draw.make(dtype, shape, true)),
        "last" => Some(draw.tensor(dtype, &[*shape.last()?])),
        "one" => Some(draw.make(dtype, &[], true)),
        "zero" => Tensor::zeros(dtype, []).ok(),
        "bools" => Some(draw.tensor(DType::Bool, shape)),
        "argzeros" => Tensor::zeros(DType::I64, shape).ok(),
        "t1" => Some(draw.tensor(dtype, &[&[1], shape.get(1..)?].concat())),
        "lengths" => ints(vec![1; *shape.first()?]),
        "reps" => ints((0..rank).map(|a| if a + 1 == rank { 2 } else { 1 }).collect()),
        "pads" => ints((0..2 * rank).map(|a| i64::from((a + 1) % rank.max(1) == 0)).collect()),
        "grown" => ints([2].into_iter().chain(shape.iter().map(|d| *d as i64)).collect()),
        "sizes" => ints((0..rank).map(|a| shape[a] as i64 + i64::from(a + 1 == rank) * 2).collect()),
        _ => panic!("no token is called {token}"),
    }
}
