//! Imported tree models against their own libraries: raw scores bit for bit, predictions within a few last places.
//!
//! The models and the libraries' answers come from `tests/python/trees_cases.py`; `HOLOGRAM_CASES` names their folder
//! (default `target/cases/trees`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::print_stdout, reason = "the number of compared models is for people to read")]

use std::fs;
use std::path::{Path, PathBuf};

use hologram_ops::forest::{Forest, Precision};
use hologram_ops::{DType, Tensor};
use hologram_planner::import::trees::{Category, ImportError, ImportOptions, TreeModel, import_bytes};
use hologram_planner::{Compiler, CompilerConfig, Mode, TableOptions};
use hologram_resolver::{Model, ModelOptions};
use hologram_store::Archive;
use serde_json::Value;

/// Fewer compared models than this is a failure, whatever was found.
const CASES_MIN: usize = 200;

fn cases_folder() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::env::var_os("HOLOGRAM_CASES").map_or_else(|| workspace.join("target/cases/trees"), PathBuf::from)
}

fn read_f64s(path: &Path) -> Vec<f64> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap())).collect()
}

fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Distance in units of the last place of `width`, around the larger magnitude.
fn last_places(width: Precision, a: f64, b: f64) -> f64 {
    if same_bits(a, b) || a == b {
        return 0.0;
    }
    let (epsilon, least) = match width {
        Precision::F32 => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
        Precision::F64 => (f64::EPSILON, f64::MIN_POSITIVE),
    };
    (a - b).abs() / (a.abs().max(b.abs()).max(least) * epsilon)
}

struct Case {
    name: String,
    folder: PathBuf,
    meta: Value,
}

impl Case {
    fn count(&self, key: &str) -> usize {
        self.meta[key].as_u64().unwrap_or_else(|| panic!("{}: {key}", self.name)) as usize
    }

    fn models(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.meta["models"].as_array().unwrap().iter().map(|file| {
            let path = self.folder.join(file.as_str().unwrap());
            (format!("{}/{}", self.name, file.as_str().unwrap()), fs::read(path).unwrap())
        })
    }

    fn options(&self) -> ImportOptions {
        ImportOptions { iterations: self.meta["iterations"].as_u64().map(|n| n as u32) }
    }

    /// Compares one model with the library's answers; what differs, in words.
    fn compare(&self, model: &TreeModel) -> Result<(), String> {
        let (n_features, n_targets) = (self.count("n_features"), self.count("n_targets"));
        let forest = &model.forest;
        if (forest.n_features as usize, forest.n_targets as usize) != (n_features, n_targets) {
            return Err(format!("{} features and {} targets", forest.n_features, forest.n_targets));
        }
        if model.library.to_string() != self.meta["library"].as_str().unwrap() {
            return Err(format!("library {}", model.library));
        }
        let width = if self.count("width") == 32 { Precision::F32 } else { Precision::F64 };
        let rows = read_f64s(&self.folder.join("rows.f64"));
        let raw = read_f64s(&self.folder.join("raw.f64"));
        let predict =
            self.meta["n_outputs"].as_u64().map(|n| (n as usize, read_f64s(&self.folder.join("predict.f64"))));
        let decoded = Forest::from_bytes(&forest.to_bytes()).map_err(|error| error.to_string())?;
        let (mut wrong, mut first, mut worst) = (0, None, 0.0_f64);
        let mut out = vec![0.0; n_targets];
        for (index, row) in rows.chunks_exact(n_features).enumerate() {
            decoded.evaluate_row(row, &mut out).map_err(|error| error.to_string())?;
            let expected = &raw[index * n_targets..][..n_targets];
            if !out.iter().zip(expected).all(|(&a, &b)| same_bits(a, b)) {
                wrong += 1;
                first.get_or_insert(format!("row {index} {row:?}: {out:?}, {expected:?} expected"));
            }
            if let Some((n_outputs, predict)) = &predict {
                if model.transform.n_outputs(n_targets as u32) as usize != *n_outputs {
                    return Err(format!("{:?} gives no {n_outputs} outputs", model.transform));
                }
                let answer = transformed(model, width, expected);
                for (&a, &b) in answer.iter().zip(&predict[index * n_outputs..][..*n_outputs]) {
                    worst = worst.max(last_places(width, a, b));
                }
            }
        }
        if let Some(first) = first {
            return Err(format!("{wrong} of {} rows differ; {first}", self.count("rows")));
        }
        if worst > 8.0 {
            return Err(format!("a prediction is {worst} last places off ({:?})", model.transform));
        }
        self.compare_words(model)
    }

    /// Compares the compiled model's raw scores with the library's: a few rows, and so many that they go in blocks.
    fn compare_compiled(&self, file: &Path) -> Result<(), String> {
        let tables = TableOptions { mode: Mode::Exact, ..TableOptions::default() };
        let config = CompilerConfig { tables, ..CompilerConfig::default() };
        let bytes =
            Compiler::new(config).compile(file).and_then(|model| model.to_bytes()).map_err(|e| e.to_string())?;
        let archive = Archive::from_buffer(bytes.into()).map_err(|e| e.to_string())?;
        let model = Model::open(archive, &ModelOptions::default()).map_err(|e| e.to_string())?;
        let session = model.session(Some("raw")).map_err(|e| e.to_string())?;
        let port = session.signature().inputs[0].clone();
        let (rows, raw) = (read_f64s(&self.folder.join("rows.f64")), read_f64s(&self.folder.join("raw.f64")));
        let (n_features, n_targets) = (self.count("n_features"), self.count("n_targets"));
        let n_rows = rows.len() / n_features;
        for times in [1, 1_100 / n_rows + 1] {
            let given = rows.repeat(times);
            let shape = vec![n_rows * times, n_features];
            let tensor = match port.dtype() {
                Some(DType::F32) => Tensor::from_vec(shape, given.iter().map(|x| *x as f32).collect()),
                _ => Tensor::from_vec(shape, given),
            };
            let inputs = [(port.name.as_str(), hologram_ops::Value::from(tensor.map_err(|e| e.to_string())?))];
            let answers = session.run(&inputs).map_err(|e| e.to_string())?;
            let tensor = answers[0].1.as_tensor().map_err(|e| e.to_string())?;
            let found: Vec<f64> = match tensor.dtype() {
                DType::F32 => tensor.as_slice::<f32>().unwrap().iter().map(|x| f64::from(*x)).collect(),
                _ => tensor.as_slice::<f64>().unwrap().to_vec(),
            };
            let expected = raw.repeat(times);
            if let Some(at) = (0..expected.len()).find(|at| !same_bits(found[*at], expected[*at])) {
                let row = at / n_targets;
                return Err(format!("compiled, row {row}: {}, {} expected", found[at], expected[at]));
            }
        }
        Ok(())
    }

    /// Compares categories and the best round, where the case names them.
    fn compare_words(&self, model: &TreeModel) -> Result<(), String> {
        if let Some(lists) = self.meta["categories"].as_array() {
            let found: Vec<Vec<Value>> =
                model.categories.iter().flatten().map(|c| c.values.iter().map(json_of).collect()).collect();
            if serde_json::to_value(&found).unwrap() != Value::Array(lists.clone()) {
                return Err(format!("categories {found:?}, {lists:?} expected"));
            }
        }
        match self.meta["best_iteration"].as_u64() {
            Some(best) if model.best_iteration != Some(best as u32) => {
                Err(format!("best iteration {:?}, {best} expected", model.best_iteration))
            }
            _ => Ok(()),
        }
    }
}

fn transformed(model: &TreeModel, width: Precision, raw: &[f64]) -> Vec<f64> {
    let mut scores = raw.to_vec();
    match width {
        Precision::F64 => model.transform.apply(Precision::F64, &mut scores),
        Precision::F32 => {
            let mut narrow: Vec<f32> = raw.iter().map(|&x| x as f32).collect();
            model.transform.apply_f32(&mut narrow);
            scores = narrow.into_iter().map(f64::from).collect();
        }
    }
    scores.truncate(model.transform.n_outputs(raw.len() as u32) as usize);
    scores
}

fn json_of(category: &Category) -> Value {
    match category {
        Category::Bool(bit) => Value::from(*bit),
        Category::Integer(whole) => Value::from(*whole),
        Category::Real(real) => Value::from(*real),
        Category::Text(text) => Value::from(text.as_str()),
    }
}

fn cases() -> Vec<Case> {
    let folder = cases_folder();
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nmake the cases with `python tests/python/trees_cases.py {}` (numpy, pandas, lightgbm, xgboost, \
             catboost), or point HOLOGRAM_CASES at them",
            folder.display(),
            folder.display()
        )
    });
    let mut cases: Vec<Case> = listing
        .map(|entry| {
            let folder = entry.unwrap().path();
            let meta = fs::read(folder.join("meta.json")).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            Case { name, folder, meta: serde_json::from_slice(&meta).unwrap() }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

#[test]
fn raw_scores_are_those_of_the_libraries() {
    let (mut compared, mut compiled, mut refused, mut failures) = (0, 0, 0, Vec::new());
    for case in cases() {
        let mut ok = true;
        for (name, bytes) in case.models() {
            let outcome = match (import_bytes(&name, &bytes, &case.options()), case.meta["refused"].as_str()) {
                // Rounds are chosen when a file is imported, and compiling takes what the file says.
                (Ok(model), None) if case.meta["iterations"].is_u64() => case.compare(&model),
                (Ok(model), None) => {
                    compiled += 1;
                    case.compare(&model).and_then(|()| case.compare_compiled(&cases_folder().join(&name)))
                }
                (Err(ImportError::Unsupported { reason, .. }), Some(word)) if reason.contains(word) => Ok(()),
                (Err(error), _) => Err(error.to_string()),
                (Ok(_), Some(word)) => Err(format!("imported, although {word} cannot be")),
            };
            if let Err(reason) = outcome {
                ok = false;
                failures.push(format!("{name}: {reason}"));
            }
        }
        if case.meta["refused"].is_string() {
            refused += usize::from(ok);
        } else {
            compared += usize::from(ok);
        }
    }
    println!(
        "{compared} models equal their libraries bit for bit, {refused} refused as they should be; {compiled} files compiled"
    );
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(compiled >= CASES_MIN, "only {compiled} files were compiled, {CASES_MIN} are asked for");
    assert!(compared >= CASES_MIN, "only {compared} models were compared, {CASES_MIN} are asked for");
}
