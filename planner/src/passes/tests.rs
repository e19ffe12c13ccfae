//! Every pass on random graphs: the reference evaluation gives the same bits before and after it.
//!
//! The operators and constants are drawn so that the passes find work: neutral elements of both signs, casts there and
//! back, transposes, reshapes, equal nodes, nodes that nobody reads. Values hold zeros of both signs, infinities, NaN and
//! subnormal numbers. The seed is printed; `HOLOGRAM_SEED` runs one again.

use super::PASSES;
use hologram_ops::{
    Attribute, Attributes, DType, Registry, Tensor, Type, Value,
    graph::{Graph, NewNode, ValueId},
    registry::NEWEST_OPSET,
};

/// Graphs that one run draws.
const GRAPHS: u64 = 2_000;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    fn tensor(&mut self, dtype: DType, shape: &[usize]) -> Tensor {
        const FLOATS: [f32; 12] =
            [0.0, -0.0, 1.0, -1.0, 0.5, -2.75, 3e9, 1e-40, -1e-44, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let count = shape.iter().product();
        match dtype {
            DType::I64 => {
                let v = (0..count).map(|_| *self.of(&[0, 1, -1, 7, i64::MIN, i64::MAX, -40_000])).collect();
                Tensor::from_vec::<i64>(shape, v).unwrap()
            }
            DType::Bool => Tensor::from_vec::<bool>(shape, (0..count).map(|_| self.below(2) == 0).collect()).unwrap(),
            _ => {
                let v = (0..count).map(|_| *self.of(&FLOATS)).collect();
                Tensor::from_vec::<f32>(shape, v).unwrap().cast(dtype).unwrap()
            }
        }
    }
}

/// The operator of another domain that is drawn; its texts are what is read of it.
const CLASSIFIER: &str = "LinearClassifier";

/// A node over values of the graph: operator, inputs, attributes.
type Drawn = (&'static str, Vec<Option<ValueId>>, Attributes);

fn code(dtype: DType) -> i64 {
    match dtype {
        DType::F32 => 1,
        DType::F16 => 10,
        DType::F64 => 11,
        DType::I64 => 7,
        _ => 9,
    }
}

fn draw_node(draw: &mut Draw, graph: &mut Graph, values: &[ValueId]) -> Drawn {
    let x = *draw.of(values);
    let ty = graph.value(x).fact.ty.clone();
    let Type::Tensor { dtype, shape: Some(shape) } = ty else { return ("Identity", vec![Some(x)], Attributes::new()) };
    let shape: Vec<usize> = shape.iter().filter_map(|d| d.known()).collect();
    let none = Attributes::new;
    let alone = |op| (op, vec![Some(x)], none());
    let constant = |graph: &mut Graph, tensor: Tensor| Some(graph.add_fresh_constant("c", tensor).unwrap());
    let ints = |v: &[i64]| Tensor::from_slice([v.len()], v).unwrap();
    match draw.below(15) {
        0 => {
            let op =
                *draw.of(if dtype == DType::Bool { &["Not", "Identity"][..] } else { &["Neg", "Abs", "Sign"][..] });
            alone(op)
        }
        1 if dtype.is_float() => alone(*draw.of(&["Relu", "Floor", "Ceil", "Round", "Neg", "Exp", "Dropout"])),
        2 | 3 if dtype != DType::Bool => {
            let op = *draw.of(&["Add", "Sub", "Mul", "Div"]);
            let number = *draw.of(&[0.0f32, -0.0, 1.0, -1.0, 1.0]);
            let number = if dtype == DType::I64 && op == "Div" { 1.0 } else { number };
            let wide: &[usize] = if draw.below(4) == 0 { &[2, 1, 1, 1] } else { &[] };
            let all = Tensor::from_vec(wide, vec![number; wide.iter().product()]).unwrap().cast(dtype).unwrap();
            let c = constant(graph, all);
            let inputs = if op != "Div" && draw.below(2) == 0 { vec![c, Some(x)] } else { vec![Some(x), c] };
            (op, inputs, none())
        }
        4 => {
            let to = *draw.of(&[DType::F32, DType::F64, DType::F16, DType::I64, DType::Bool]);
            // What becomes of a float beyond the integers is left open by the standard.
            let to = if dtype.is_float() && to == DType::I64 { DType::F64 } else { to };
            ("Cast", vec![Some(x)], none().with("to", code(to).into()))
        }
        5 | 6 if shape.len() > 1 => {
            let mut perm: Vec<i64> = (0..shape.len() as i64).collect();
            for i in (1..perm.len()).rev() {
                perm.swap(i, draw.below(i + 1));
            }
            ("Transpose", vec![Some(x)], none().with("perm", Attribute::Ints(perm)))
        }
        7 | 8 => {
            let count: usize = shape.iter().product();
            let to = match draw.below(4) {
                0 => vec![-1],
                1 => shape.iter().map(|d| *d as i64).collect(),
                2 if count.is_multiple_of(2) => vec![2, -1],
                _ => vec![0; shape.len()],
            };
            let c = constant(graph, ints(&to));
            ("Reshape", vec![Some(x), c], none())
        }
        9 => {
            let c = constant(graph, ints(&vec![1; shape.len()]));
            let zeros = constant(graph, ints(&vec![0; 2 * shape.len()]));
            if draw.below(2) == 0 { ("Tile", vec![Some(x), c], none()) } else { ("Pad", vec![Some(x), zeros], none()) }
        }
        10 => {
            let op = *draw.of(if dtype == DType::Bool { &["And", "Or"][..] } else { &["Max", "Min"][..] });
            (op, vec![Some(x), Some(x)], none())
        }
        11 if dtype.is_float() => alone(*draw.of(&["Max", "Min", "Sum", "Mean", "Clip"])),
        12 => ("Concat", vec![Some(x)], none().with("axis", 0i64.into())),
        13 if shape.len() == 2 => {
            let classes = 2 + draw.below(2);
            let coefficients = (0..classes * shape[1]).map(|i| i as f32 - 1.5).collect();
            let texts = ["a", "a text of more than twelve bytes", "c"][..classes].iter().map(|t| (*t).to_owned());
            let attributes = none()
                .with("coefficients", Attribute::Floats(coefficients))
                .with("classlabels_strings", Attribute::Strings(texts.collect()));
            (CLASSIFIER, vec![Some(x)], attributes)
        }
        _ => {
            let y = *draw.of(values);
            let fits = graph.value(y).fact.dtype() == Some(dtype);
            if fits && dtype != DType::Bool { ("Add", vec![Some(x), Some(y)], none()) } else { alone("Identity") }
        }
    }
}

/// One-hot columns of a table of the graph, beside the table itself where it holds floats, under a matrix product.
fn draw_encoded(draw: &mut Draw, graph: &mut Graph, values: &[ValueId]) -> Option<ValueId> {
    let x = *draw.of(values);
    let fact = graph.value(x).fact.clone();
    let (dtype, shape) = (fact.dtype()?, fact.known_shape()?);
    let &[rows, columns] = shape.as_slice() else { return None };
    if !matches!(dtype, DType::F32 | DType::I64) || rows == 0 || columns == 0 {
        return None;
    }
    let categories = Attribute::Ints(vec![0, 1, -1, -2, 7]);
    let one = graph.add_op("OneHotEncoder").domain("ai.onnx.ml", 1).attribute("cats_int64s", categories);
    let one = one.input(x, 0, 0).finish().ok()?;
    let mut features = columns * 5;
    let flat = Tensor::from_slice([2], &[-1, features as i64]).ok()?;
    let flat = graph.add_fresh_constant("flat", flat).ok()?;
    let flat = graph.add_op("Reshape").input(one, 0, 0).input(flat, 0, 1).finish().ok()?;
    let mut all = graph.output_of(flat, 0).ok()?;
    if dtype == DType::F32 {
        features += columns;
        let first = draw.below(2);
        let joined = graph.add_op("Concat").attribute("axis", Attribute::Int(1));
        let joined = joined.input(all, 0, first).input(x, 0, 1 - first).finish().ok()?;
        all = graph.output_of(joined, 0).ok()?;
    }
    let targets = 1 + draw.below(3);
    let weights = (0..features * targets).map(|_| *draw.of(&[1.0f32, -0.0, 0.0, -2.5, 1e-40, -1e-30])).collect();
    let weights = graph.add_fresh_constant("w", Tensor::from_vec([features, targets], weights).ok()?).ok()?;
    let product = graph.add_op("MatMul").input(all, 0, 0).input(weights, 0, 1).finish().ok()?;
    let product = graph.output_of(product, 0).ok()?;
    graph.infer().ok()?;
    Some(product)
}

fn draw_graph(draw: &mut Draw, registry: &Registry) -> (Graph, Vec<Value>) {
    let mut graph = Graph::new("random");
    let (mut values, mut given) = (Vec::new(), Vec::new());
    for (i, dtype) in [DType::F32, DType::I64, DType::Bool, DType::F16].into_iter().enumerate() {
        const SHAPES: [&[usize]; 4] = [&[2, 3], &[2, 2, 3], &[4], &[1, 3]];
        let shape = *draw.of(&SHAPES);
        values.push(graph.add_input(&format!("x{i}"), Type::tensor(dtype, shape.to_vec())).unwrap());
        given.push(Value::Tensor(draw.tensor(dtype, shape)));
    }
    let mut made = Vec::new();
    // Nodes on this one are folded.
    let known = draw.tensor(DType::F32, &[2, 3]);
    values.push(graph.add_constant("known", known).unwrap());
    for i in 0..3 + draw.below(12) {
        let (op, inputs, attributes) = draw_node(draw, &mut graph, &values);
        let name = format!("v{i}");
        let (domain, version) = if op == CLASSIFIER { ("ai.onnx.ml", 1) } else { ("", NEWEST_OPSET) };
        let spec = NewNode { name: &name, domain, op, version, attributes };
        // What does not fit (a rank, a shape) is drawn anew.
        let mut attempt = graph.clone();
        let Ok(node) = attempt.add_node(registry, spec, inputs, &[&name]) else { continue };
        if attempt.infer().is_err() {
            continue;
        }
        graph = attempt;
        values.push(graph.output_of(node, 0).unwrap());
        made.push(values[values.len() - 1]);
    }
    if draw.below(4) == 0 {
        made.extend(draw_encoded(draw, &mut graph, &values));
    }
    for (i, value) in made.iter().enumerate() {
        if draw.below(3) == 0 || i + 1 == made.len() {
            graph.add_output(format!("y{i}"), *value);
        }
    }
    (graph, given)
}

#[test]
fn every_pass_keeps_every_bit() {
    let registry = Registry::standard();
    let seed = std::env::var("HOLOGRAM_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs());
    let mut worked = vec![0usize; PASSES.len()];
    for i in 0..GRAPHS {
        let mut draw = Draw(seed.wrapping_add(i));
        let (graph, given) = draw_graph(&mut draw, &registry);
        let Ok(want) = graph.evaluate(&given) else { continue };
        let mut all = graph.clone();
        for (n, pass) in PASSES.iter().enumerate() {
            for alone in [true, false] {
                let mut graph = if alone { graph.clone() } else { all.clone() };
                graph.infer().unwrap();
                let (patch, note) = (pass.run)(&graph, &hologram_ops::Limits::default()).unwrap();
                worked[n] += usize::from(!patch.is_empty());
                graph.apply(patch, &registry).unwrap();
                graph.infer().unwrap_or_else(|e| panic!("HOLOGRAM_SEED={}: {}: {e}", seed.wrapping_add(i), pass.name));
                let got = graph.evaluate(&given);
                let which = if alone { "alone" } else { "after those before it" };
                let place = || format!("HOLOGRAM_SEED={}: pass {} {which} ({note})", seed.wrapping_add(i), pass.name);
                assert!(got.as_ref() == Ok(&want), "{}: {got:?} where {want:?} is expected", place());
                if !alone {
                    all = graph;
                }
            }
        }
    }
    for (pass, n) in PASSES.iter().zip(worked) {
        assert!(n > 100, "seed {seed}: pass {} changed {n} of {GRAPHS} graphs", pass.name);
    }
}
