//! Quantizing: trained networks keep their answers, layers that lose too much go back, and what cannot be is refused.
//!
//! The networks and onnxruntime's answers in single precision come from `tests/python/quantized_cases.py`;
//! `HOLOGRAM_QUANTIZED` names their folder (default `target/cases/quantized`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field};
use hologram_ops::{
    DType, Dim, Tensor, Type, Value,
    graph::{Graph, ValueId},
};
use hologram_planner::{CalibrationRows, CompiledModel, Compiler, CompilerConfig, Observer, QuantizeOptions, Scheme};
use hologram_resolver::{ErrorKind, Model, ModelOptions, Session};
use hologram_store::Archive;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// Rows as one column of lists, or of numbers where a row has one.
fn batch(name: &str, width: usize, values: &[f32]) -> RecordBatch {
    let values: ArrayRef = Arc::new(Float32Array::from(values.to_vec()));
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let list = FixedSizeListArray::try_new(item, i32::try_from(width).unwrap(), values, None).unwrap();
    RecordBatch::try_from_iter([(name, Arc::new(list) as ArrayRef)]).unwrap()
}

fn options(batch: &RecordBatch, accuracy: f64) -> QuantizeOptions {
    let mut calibration = CalibrationRows::new();
    calibration.push(batch).unwrap();
    QuantizeOptions { accuracy, calibration, ..QuantizeOptions::default() }
}

fn compiler(options: QuantizeOptions) -> Compiler {
    Compiler::new(CompilerConfig { quantize: Some(options), ..CompilerConfig::default() })
}

fn open(model: &CompiledModel) -> Session {
    let archive = Archive::from_buffer(model.to_bytes().unwrap().into()).unwrap();
    Model::open(archive, &ModelOptions::default()).unwrap().session(None).unwrap()
}

fn run(session: &Session, shape: &[usize], rows: &[f32]) -> Vec<Tensor> {
    let count = rows.len() / shape.iter().product::<usize>();
    let shape = [&[count], shape].concat();
    let name = session.signature().inputs[0].name.clone();
    let answers = session.run(&[(name.as_str(), Tensor::from_slice(shape, rows).unwrap().into())]).unwrap();
    answers.into_iter().map(|(_, value)| value.into_tensor().unwrap()).collect()
}

/// Where the networks are.
fn folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("HOLOGRAM_QUANTIZED").map_or_else(|| workspace.join("target/cases/quantized"), PathBuf::from)
}

fn cases() -> Vec<PathBuf> {
    let folder = folder();
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nmake the cases with tests/python/setup.sh, or point HOLOGRAM_QUANTIZED at them",
            folder.display()
        )
    });
    let mut cases: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn read<const N: usize, T>(path: &Path, of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect()
}

/// The part of the exact numbers' variance that others keep.
fn kept(exact: &[f32], other: &[f32], width: usize) -> f64 {
    let column = |c: usize| exact.iter().skip(c).step_by(width).map(|x| f64::from(*x)).collect::<Vec<_>>();
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    let all: f64 = (0..width).map(|c| spread(&column(c))).sum();
    let apart: f64 = exact.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    1.0 - apart / all
}

#[test]
fn trained_networks_keep_their_answers_on_rows_that_were_not_calibrated_on() {
    let cases = cases();
    assert!(cases.len() >= 5, "{} networks", cases.len());
    for folder in cases {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let meta: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let shape: Vec<usize> = serde_json::from_value(meta["shape"].clone()).unwrap();
        let outputs = meta["outputs"].as_u64().unwrap() as usize;
        let rows = read(&folder.join("rows.f32"), f32::from_le_bytes);
        let scores = read(&folder.join("scores.f32"), f32::from_le_bytes);
        let width: usize = shape.iter().product();
        let half = rows.len() / width / 2;
        let compiler = compiler(options(&batch("x", width, &rows[..half * width]), 0.98));
        let compiled = compiler.compile(folder.join("model.onnx")).unwrap();
        let report = compiled.entries[0].quantized.clone().unwrap();
        assert!(report.agreement >= 0.98 && report.rows as usize == half / 2, "{name}: {report:?}");
        // Of the convolutions the first has one channel, which stands alone.
        let layers = match name.as_str() {
            "convolutions" => 2,
            _ => 3 - usize::from(name == "diabetes"),
        };
        assert_eq!(report.layers.len(), layers, "{name}: {report:?}");
        assert!(report.layers.iter().all(|layer| layer.is_quantized && layer.error < 0.05), "{name}: {report:?}");
        let decisions = &compiled.entries[0].decisions;
        assert!(decisions[0].contains(&format!("{layers} of {layers} layers in int8")), "{decisions:?}");
        let plain = Compiler::new(CompilerConfig::default()).compile(folder.join("model.onnx")).unwrap();
        let (bytes, plain) = (compiled.to_bytes().unwrap(), plain.to_bytes().unwrap());
        assert!(bytes.len() < plain.len(), "{name}: {} bytes, {} before", bytes.len(), plain.len());
        let again = compiler.compile(folder.join("model.onnx")).unwrap().to_bytes().unwrap();
        assert!(bytes == again, "{name}: other bytes of the same rows");

        let session = open(&compiled);
        let held = &rows[half * width..];
        let answers = run(&session, &shape, held);
        let found = answers.last().unwrap().as_slice::<f32>().unwrap();
        let agreement = kept(&scores[half * outputs..], found, outputs);
        assert!(agreement > 0.98, "{name}: {agreement} of the variance is kept");
        let labels = folder.join("labels.i64");
        if labels.is_file() {
            let labels = &read(&labels, i64::from_le_bytes)[half..];
            let same = answers[0].as_slice::<i64>().unwrap().iter().zip(labels).filter(|(a, b)| a == b).count();
            assert!(same * 100 >= labels.len() * 97, "{name}: {same} of {} labels", labels.len());
        }
        // A row's bits are its own.
        for row in [0, 17, 100] {
            let alone = run(&session, &shape, &held[row * width..][..width]);
            let alone = alone.last().unwrap().as_slice::<f32>().unwrap();
            assert_eq!(alone, &found[row * outputs..][..outputs], "{name}: row {row}");
        }
    }
}

/// Seeded numbers about zero.
fn drawn(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next() + next() + next()).collect()
}

/// A layer over a value, with an addend a column.
fn layer(graph: &mut Graph, x: ValueId, [k, n]: [usize; 2], name: &str, weight: impl Fn(usize) -> f32) -> ValueId {
    let weights = Tensor::from_vec([k, n], (0..k * n).map(weight).collect()).unwrap();
    let weights = graph.add_constant(&format!("{name}.w"), weights).unwrap();
    let addends = Tensor::from_vec([n], drawn(n, 99)).unwrap();
    let addends = graph.add_constant(&format!("{name}.b"), addends).unwrap();
    let product = graph.add_op("MatMul").name(name).input(x, 0, 0).input(weights, 0, 1).finish().unwrap();
    let sum = graph.add_op("Add").input(addends, 0, 0).input(product, 0, 1).finish().unwrap();
    graph.output_of(sum, 0).unwrap()
}

fn input(width: usize) -> (Graph, ValueId) {
    let mut graph = Graph::new("layers");
    let ty = Type::tensor(DType::F32, [Dim::symbol("n"), Dim::Known(width)]);
    let x = graph.add_input("x", ty).unwrap();
    (graph, x)
}

fn finished(mut graph: Graph, y: ValueId) -> Graph {
    graph.add_output("y", y);
    graph.infer().unwrap();
    graph
}

/// x, through a layer that two large numbers, which weigh little, push all others out of.
fn with_a_fragile_layer() -> Graph {
    let (mut graph, x) = input(32);
    let weights = drawn(32 * 24, 5);
    let a = layer(&mut graph, x, [32, 24], "sturdy", |i| weights[i]);
    let scale: Vec<f32> = (0..24).map(|i| if i < 2 { 1e5 } else { 1.0 }).collect();
    let scale = graph.add_constant("scale", Tensor::from_vec([24], scale).unwrap()).unwrap();
    let scaled = graph.add_op("Mul").input(a, 0, 0).input(scale, 0, 1).finish().unwrap();
    let b = graph.output_of(scaled, 0).unwrap();
    let weights = drawn(24 * 32, 6);
    let c = layer(&mut graph, b, [24, 32], "fragile", |i| if i < 64 { 0.0 } else { weights[i] });
    let tanh = graph.add_op("Tanh").input(c, 0, 0).finish().unwrap();
    let d = graph.output_of(tanh, 0).unwrap();
    let weights = drawn(32 * 16, 7);
    let y = layer(&mut graph, d, [32, 16], "last", |i| weights[i]);
    finished(graph, y)
}

#[test]
fn layers_that_lose_too_much_go_back() {
    let rows = batch("x", 32, &drawn(400 * 32, 1));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let observer = Observer::new(move |progress| keep.lock().unwrap().push(progress));
    let options = QuantizeOptions { observer, ..options(&rows, 0.99) };
    let model = compiler(options).compile_graph(with_a_fragile_layer()).unwrap();
    let report = model.entries[0].quantized.as_ref().unwrap();
    let quantized: Vec<(&str, bool)> = report.layers.iter().map(|l| (l.name.as_str(), l.is_quantized)).collect();
    assert_eq!(quantized, [("sturdy", true), ("fragile", false), ("last", true)], "{report:?}");
    assert!(report.agreement >= 0.99 && report.layers[1].error > 0.5, "{report:?}");
    let decisions = model.entries[0].decisions.join("\n");
    assert!(decisions.contains("2 of 3 layers in int8") && decisions.contains("stepped back"), "{decisions}");
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 4 && seen.windows(2).all(|w| w[0].done < w[1].done), "{seen:?}");
    assert!(seen.iter().all(|progress| progress.done < progress.most), "{seen:?}");
}

/// Layers with activations between them, some as several nodes, some that are read twice.
fn network(seed: u64) -> Graph {
    let pick = |i: u64, n: u64| (seed.wrapping_mul(2_654_435_761).wrapping_add(i * 40_503) >> 7) % n;
    let width = |i: u64| 16 + pick(i, 40) as usize;
    let (mut graph, x) = input(width(0));
    let mut value = x;
    for i in 0..3 {
        let [k, n] = [width(i), width(i + 1)];
        let weights = drawn(k * n, seed + i);
        value = layer(&mut graph, value, [k, n], &format!("fc{i}"), |i| weights[i] / (k as f32).sqrt());
        if i == 2 {
            break;
        }
        let ops = [&["Relu"][..], &["Tanh"], &["Sigmoid"], &["Erf", "Abs"], &["HardSwish"], &[]];
        for op in ops[pick(10 + i, 6) as usize] {
            let node = graph.add_op(*op).input(value, 0, 0).finish().unwrap();
            value = graph.output_of(node, 0).unwrap();
        }
        if pick(20 + i, 3) == 0 {
            // x * sigmoid(1.5 x): two readers of one value, and a single number.
            let number = graph.add_constant(&format!("number{i}"), Tensor::scalar(1.5_f32)).unwrap();
            let scaled = graph.add_op("Mul").input(value, 0, 0).input(number, 0, 1).finish().unwrap();
            let gate = graph.add_op("Sigmoid").input(scaled, 0, 0).finish().unwrap();
            let product = graph.add_op("Mul").input(value, 0, 0).input(gate, 0, 1).finish().unwrap();
            value = graph.output_of(product, 0).unwrap();
        }
        if pick(30 + i, 4) == 0 {
            graph.add_output(format!("inner{i}"), value);
        }
    }
    finished(graph, value)
}

#[test]
fn the_plan_equals_the_reference_of_its_own_graph() {
    for seed in 1..=40 {
        let graph = network(seed);
        let Some(width) = graph.value(graph.inputs()[0]).fact.shape().and_then(|s| s[1].known()) else {
            panic!("seed {seed}: no width");
        };
        let rows = drawn(300 * width, seed + 100);
        let model = compiler(options(&batch("x", width, &rows), 0.9)).compile_graph(graph.clone()).unwrap();
        let mut rows = rows[..60 * width].to_vec();
        (rows[3], rows[width + 1], rows[2 * width]) = (f32::NAN, f32::INFINITY, -1e30);
        let found = run(&open(&model), &[width], &rows);
        let given = [Value::from(Tensor::from_slice([60, width], &rows).unwrap())];
        let expected = model.entries[0].graph.evaluate(&given).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected.as_tensor().unwrap(), "seed {seed}");
        }
        // What is not finite does not become an answer.
        let exact = graph.evaluate(&given).unwrap();
        let exact = exact.last().unwrap().as_tensor().unwrap().as_slice::<f32>().unwrap().to_vec();
        let last = found.last().unwrap().as_slice::<f32>().unwrap();
        assert!(last[0].is_nan() && exact[0].is_nan(), "seed {seed}: NaN was lost");
    }
}

#[test]
fn what_cannot_be_quantized_is_refused() {
    let rows = batch("x", 32, &drawn(100 * 32, 1));
    let refused = |options: QuantizeOptions, graph: Graph| -> (ErrorKind, String) {
        let error = compiler(options).compile_graph(graph).unwrap_err();
        (error.kind(), error.to_string())
    };
    let plain = |width: usize| {
        let (mut graph, x) = input(width);
        let weights = drawn(width * 16, 3);
        let y = layer(&mut graph, x, [width, 16], "only", |i| weights[i]);
        finished(graph, y)
    };
    let (mut gate, x) = input(32);
    let relu = gate.add_op("Relu").input(x, 0, 0).finish().unwrap();
    let y = gate.output_of(relu, 0).unwrap();
    let small = |values: &[f32]| options(&batch("x", 32, values), 0.99);
    let nulls = {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let values: ArrayRef = Arc::new(Float32Array::from(vec![0.0; 64]));
        let list = FixedSizeListArray::try_new(item, 32, values, Some(vec![false, false].into())).unwrap();
        RecordBatch::try_from_iter([("x", Arc::new(list) as ArrayRef)]).unwrap()
    };
    for (what, options, graph, says) in [
        ("no rows", QuantizeOptions::default(), plain(32), "no calibration data"),
        ("rows of none", small(&[]), plain(32), "no calibration data"),
        ("accuracy 0", options(&rows, 0.0), plain(32), "an accuracy of 0"),
        ("accuracy 2", options(&rows, 2.0), plain(32), "an accuracy of 2"),
        ("accuracy NaN", options(&rows, f64::NAN), plain(32), "an accuracy of NaN"),
        ("no layers", options(&rows, 0.99), finished(gate, y), "no product and no convolution"),
        ("another width", options(&rows, 0.99), plain(33), "calibration data"),
        ("another column", options(&batch("z", 32, &[0.0; 32]), 0.99), plain(32), "calibration data"),
        ("NULL alone", options(&nulls, 0.99), plain(32), "no rows without NULL"),
        ("all of it", options(&rows, 1.0), plain(32), "layer 'only' alone in int8"),
    ] {
        let (kind, message) = refused(options, graph);
        assert!(message.contains(says), "{what}: {message}");
        assert!(matches!(kind, ErrorKind::Invalid | ErrorKind::Missing), "{what}: {kind:?}");
    }
    // One row is enough to calibrate with, if not to be right.
    let one = options(&batch("x", 32, &drawn(32, 1)), 0.5);
    assert_eq!(compiler(one).compile_graph(plain(32)).unwrap().entries[0].quantized.as_ref().unwrap().rows, 1);
}

#[test]
fn wide_layers_by_codebooks_say_what_they_keep() {
    let folder = folder().join("digits_relu");
    let rows = read(&folder.join("rows.f32"), f32::from_le_bytes);
    let labels = read(&folder.join("labels.i64"), i64::from_le_bytes);
    let half = labels.len() / 2;
    let by_codebooks = |accuracy| {
        let options = options(&batch("x", 64, &rows[..half * 64]), accuracy);
        compiler(QuantizeOptions { scheme: Scheme::Codebooks, ..options }).compile(folder.join("model.onnx"))
    };
    let model = by_codebooks(0.85).unwrap();
    let report = model.entries[0].quantized.as_ref().unwrap();
    // The last layer is too narrow.
    assert_eq!((report.scheme, report.layers.len()), (Scheme::Codebooks, 2), "{report:?}");
    assert!(report.agreement >= 0.85 && report.layers.iter().any(|layer| layer.is_quantized), "{report:?}");
    assert!(model.entries[0].decisions[0].contains("layers in codebooks"), "{:?}", model.entries[0].decisions);
    let answers = run(&open(&model), &[64], &rows[half * 64..]);
    let same = answers[0].as_slice::<i64>().unwrap().iter().zip(&labels[half..]).filter(|(a, b)| a == b).count();
    assert!(same * 100 >= (labels.len() - half) * 80, "{same} of {} labels", labels.len() - half);
    let refused = by_codebooks(0.9999).unwrap_err().to_string();
    assert!(refused.contains("alone in codebooks") && refused.contains("--accuracy"), "{refused}");
}
