//! Forests as the converters of scikit-learn, LightGBM and XGBoost export them, against onnxruntime: labels are equal, scores
//! as close as two sums of the same numbers are.
//!
//! The models and onnxruntime's answers come from `tests/python/ensembles_cases.py`; `HOLOGRAM_ENSEMBLES` names their folder
//! (default `target/cases/ensembles`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::print_stdout, reason = "the greatest difference is for people to read")]

use hologram_ops::{Tensor, Value};
use hologram_planner::{Compiler, CompilerConfig, Mode, TableOptions};
use hologram_resolver::{Model, ModelOptions, Session};
use hologram_store::Archive;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Fewer compared forests than this is a failure, whatever was found.
const CASES_MIN: usize = 200;

fn read<const N: usize, T>(path: &Path, of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect()
}

fn cases() -> Vec<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder =
        std::env::var_os("HOLOGRAM_ENSEMBLES").map_or_else(|| workspace.join("target/cases/ensembles"), PathBuf::from);
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nmake the cases with tests/python/setup.sh, or point HOLOGRAM_ENSEMBLES at them",
            folder.display()
        )
    });
    let mut cases: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn session(model: &Path) -> Result<Session, String> {
    let tables = TableOptions { mode: Mode::Exact, ..TableOptions::default() };
    let compiler = Compiler::new(CompilerConfig { tables, ..CompilerConfig::default() });
    let bytes = compiler.compile(model).and_then(|model| model.to_bytes()).map_err(|e| e.to_string())?;
    let archive = Archive::from_buffer(bytes.into()).map_err(|e| e.to_string())?;
    let model = Model::open(archive, &ModelOptions::default()).map_err(|e| e.to_string())?;
    model.session(None).map_err(|e| e.to_string())
}

/// Compares a case; the greatest difference, as a part of what two sums may lie apart.
fn compare(folder: &Path) -> Result<f64, String> {
    let meta: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
    let count = |key: &str| meta[key].as_u64().unwrap() as usize;
    let (features, outputs, bound) = (count("features"), count("outputs"), meta["bound"].as_f64().unwrap());
    let rows = read(&folder.join("rows.f32"), f32::from_le_bytes);
    let scores = read(&folder.join("scores.f32"), f32::from_le_bytes);
    let labels = folder.join("labels.i64");
    let labels = labels.is_file().then(|| read(&labels, i64::from_le_bytes));
    let session = session(&folder.join("model.onnx"))?;
    let n_rows = rows.len() / features;
    let mut greatest = 0.0_f64;
    // One row, a few and blocks of many are worked out in different ways.
    for count in [1, 5, n_rows, 1_100] {
        let given = rows.iter().copied().cycle().take(count * features).collect();
        let tensor = Tensor::from_vec(vec![count, features], given).unwrap();
        let port = session.signature().inputs[0].name.clone();
        let answers = session.run(&[(port.as_str(), Value::from(tensor))]).map_err(|e| e.to_string())?;
        let found = answers.last().unwrap().1.as_tensor().unwrap();
        let found = found.as_slice::<f32>().map_err(|e| e.to_string())?;
        if found.len() != count * outputs {
            return Err(format!("{} scores of {count} rows", found.len()));
        }
        for (at, (found, expected)) in found.iter().zip(scores.iter().cycle()).enumerate() {
            let apart = f64::from((found - expected).abs());
            if found.to_bits() != expected.to_bits() && (apart.is_nan() || apart > bound) {
                return Err(format!("row {}: {found}, {expected} expected within {bound:e}", at / outputs));
            }
            greatest = greatest.max(apart / bound);
        }
        let Some(labels) = &labels else { continue };
        let found = answers[0].1.as_tensor().unwrap();
        let found = found.as_slice::<i64>().map_err(|e| e.to_string())?;
        for (row, (found, expected)) in found.iter().zip(labels.iter().cycle()).enumerate() {
            let own = &scores[row % n_rows * outputs..][..outputs];
            let top = own.iter().copied().fold(f32::MIN, f32::max);
            // Two scores that are as good as equal may be told apart either way.
            let is_tie = own.get(*found as usize).is_some_and(|score| f64::from(top - score) <= 2.0 * bound);
            if found != expected && !is_tie {
                return Err(format!("row {row}: label {found}, {expected} expected"));
            }
        }
    }
    Ok(greatest)
}

#[test]
fn exported_forests_answer_as_onnxruntime_does() {
    let (mut compared, mut greatest, mut failures) = (0, 0.0_f64, Vec::new());
    for folder in cases() {
        match compare(&folder) {
            Ok(apart) => {
                compared += 1;
                greatest = greatest.max(apart);
            }
            Err(reason) => failures.push(format!("{}: {reason}", folder.display())),
        }
    }
    println!("{compared} forests answer as onnxruntime does, at most {greatest:.3} of what two sums may lie apart");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(compared >= CASES_MIN, "only {compared} forests were compared, {CASES_MIN} are asked for");
}
