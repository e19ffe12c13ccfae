//! Exported transformers and a residual network against what their framework answered.
//!
//! `tests/fixtures/<family>/` holds `model.onnx` and `case.safetensors` with inputs `in.*` and outputs `out.*`; the models
//! are small, with seeded random weights.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hologram_ops::{DType, Tensor, Value, control::Control};
use hologram_planner::{Compiler, CompilerConfig};
use hologram_resolver::{Model, ModelOptions};
use hologram_store::Archive;
use std::{collections::BTreeMap, path::Path};

/// How far an output may be from the framework's: `|got - want| <= 1e-4 (1 + |want|)`.
const TOLERANCE: f64 = 1e-4;

/// The tensors of a safetensors file: a length, a JSON header, bytes.
fn safetensors(path: &Path) -> BTreeMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).unwrap();
    let number = |v: &serde_json::Value| usize::try_from(v.as_u64().unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for (name, info) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        let dtype = match info["dtype"].as_str().unwrap() {
            "F32" => DType::F32,
            "I64" => DType::I64,
            "BOOL" => DType::Bool,
            other => panic!("{name} is {other}"),
        };
        let shape: Vec<usize> = info["shape"].as_array().unwrap().iter().map(number).collect();
        let at = number(&info["data_offsets"][0])..number(&info["data_offsets"][1]);
        found.insert(name.clone(), Tensor::from_buffer(dtype, shape, data[at].to_vec().into()).unwrap());
    }
    found
}

fn check(family: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family);
    let case = safetensors(&folder.join("case.safetensors"));
    let compiled = Compiler::new(CompilerConfig::default()).compile(folder.join("model.onnx")).unwrap();
    let reference = compiled.graph().unwrap().clone();
    let archive = Archive::from_buffer(compiled.to_bytes().unwrap().into()).unwrap();
    let session = Model::open(archive, &ModelOptions::default()).unwrap().session(None).unwrap();
    let signature = session.signature().clone();
    let inputs: Vec<Value> = signature
        .inputs
        .iter()
        .map(|p| {
            case.get(&format!("in.{}", p.name))
                .unwrap_or_else(|| panic!("{family}: no input {}", p.name))
                .clone()
                .into()
        })
        .collect();
    let by_reference = reference.evaluate(&inputs).unwrap();
    let by_plan = session.run_values(inputs, &Control::default()).unwrap();
    assert_eq!(by_plan, by_reference, "{family}: the plan's bits are the reference's");
    let mut compared = 0;
    for (port, got) in signature.outputs.iter().zip(&by_plan) {
        let Some(want) = case.get(&format!("out.{}", port.name)) else { continue };
        let (got, want) = (got.as_tensor().unwrap(), want);
        assert_eq!(got.shape(), want.shape(), "{family}: {}", port.name);
        for (i, (g, w)) in got.as_slice::<f32>().unwrap().iter().zip(want.as_slice::<f32>().unwrap()).enumerate() {
            let (g, w) = (f64::from(*g), f64::from(*w));
            assert!(
                (g - w).abs() <= TOLERANCE * (1.0 + w.abs()),
                "{family}: {}[{i}] is {g} where {w} is expected",
                port.name
            );
        }
        compared += 1;
    }
    assert!(compared > 0, "{family}: no output was compared");
}

macro_rules! families {
    ($($test:ident = $family:literal;)+) => {$(
        #[test]
        fn $test() {
            check($family);
        }
    )+};
}

families! {
    bert = "bert";
    bert_classifier = "bert-classifier";
    clip = "clip";
    gpt2 = "gpt2";
    resnet = "resnet";
    t5_encoder = "t5-encoder";
    vit = "vit";
}
