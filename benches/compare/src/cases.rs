//! What is measured: a row a model and input size.

use crate::{
    arguments::{Arguments, root},
    inputs::{Draw, Input},
};
use anyhow::{Result, bail};
use hologram_ops::DType;
use hologram_planner::Mode;
use std::path::{Path, PathBuf};

/// One model at one input size.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The model's name and the size, such as `forest rows=1`.
    pub(crate) name: String,
    /// The model file.
    pub(crate) model: PathBuf,
    /// What python/models.py calls it, for models that are made.
    pub(crate) made_as: Option<&'static str>,
    /// The model's inputs; empty: those of its signature, a free size being 1, drawn from -1..1.
    pub(crate) inputs: Vec<Input>,
    /// Named free dimensions, fixed for onnxruntime before it optimizes.
    pub(crate) dimensions: Vec<(&'static str, usize)>,
    /// How Hologram is given the rows.
    pub(crate) door: Door,
    /// Where layers are computed in eight bits: by so many rows, which are drawn like those that are timed.
    pub(crate) quantized: Option<usize>,
    /// What runs beside it: onnxruntime, or a library of python/libraries.py.
    pub(crate) peer: &'static str,
}

/// The engine that answers ONNX models.
pub(crate) const ONNXRUNTIME: &str = "onnxruntime";

/// The same with its own static quantization: scales by channel, ranges by rows that are drawn like those that are timed.
pub(crate) const ONNXRUNTIME_INT8: &str = "onnxruntime-int8";

/// How Hologram is given rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// As tensors.
    Values,
    /// As tensors whose columns lie apart, as Arrow has them.
    Tables,
    /// As Arrow columns; beside it, computing every row is measured.
    Columns(Mode),
    /// As above, texts being dictionaries, and integers too, with keys of a byte each.
    Dictionaries(Mode),
}

impl Door {
    /// What is worked out beforehand.
    pub(crate) fn mode(self) -> Mode {
        match self {
            Self::Values | Self::Tables => Mode::Auto,
            Self::Columns(mode) | Self::Dictionaries(mode) => mode,
        }
    }
}

/// Words in the vocabulary of MiniLM.
const VOCABULARY: f64 = 30_522.0;

/// Least and greatest of each feature in examples/data/breast_cancer.parquet.
#[rustfmt::skip]
const BREAST_CANCER: [(f64, f64); 30] = [
    (6.981, 28.11), (9.71, 39.28), (43.79, 188.5), (143.5, 2501.0), (0.05263, 0.1634), (0.01938, 0.3454),
    (0.0, 0.4268), (0.0, 0.2012), (0.106, 0.304), (0.04996, 0.09744), (0.1115, 2.873), (0.3602, 4.885),
    (0.757, 21.98), (6.802, 542.2), (0.001713, 0.03113), (0.002252, 0.1354), (0.0, 0.396), (0.0, 0.05279),
    (0.007882, 0.07895), (0.0008948, 0.02984), (7.93, 36.04), (12.02, 49.54), (50.41, 251.2), (185.2, 4254.0),
    (0.07117, 0.2226), (0.02729, 1.058), (0.0, 1.252), (0.0, 0.291), (0.1565, 0.6638), (0.05504, 0.2075),
];

/// The words of examples/data/wine.parquet.
const WINE_WORDS: [(&str, &[&str]); 2] =
    [("strength", &["light", "medium", "strong"]), ("colour", &["pale", "ruby", "deep"])];

/// The texts of one_hot.onnx and one_hot_wide.onnx; a column takes the first of them.
#[rustfmt::skip]
const CATEGORIES: [&str; 30] = [
    "category 0", "category 1", "category 2", "category 3", "category 4", "category 5", "category 6", "category 7",
    "category 8", "category 9", "category 10", "category 11", "category 12", "category 13", "category 14", "category 15",
    "category 16", "category 17", "category 18", "category 19", "category 20", "category 21", "category 22", "category 23",
    "category 24", "category 25", "category 26", "category 27", "category 28", "category 29",
];

/// Least and greatest of each number in examples/data/wine.parquet.
const WINE_NUMBERS: [(&str, f64, f64); 11] = [
    ("malic_acid", 0.74, 5.8),
    ("ash", 1.36, 3.23),
    ("alcalinity_of_ash", 10.6, 30.0),
    ("magnesium", 70.0, 162.0),
    ("total_phenols", 0.98, 3.88),
    ("flavanoids", 0.34, 5.08),
    ("nonflavanoid_phenols", 0.13, 0.66),
    ("proanthocyanins", 0.41, 3.58),
    ("hue", 0.48, 1.71),
    ("od280_od315_of_diluted_wines", 1.27, 4.0),
    ("proline", 278.0, 1680.0),
];

/// The cases that the arguments ask for, in the order they run.
///
/// # Errors
/// A name that no case starts with.
pub(crate) fn chosen(arguments: &Arguments) -> Result<Vec<Case>> {
    let mut all = Vec::new();
    all.extend([(1, 16), (1, 128), (8, 128)].map(|(batch, sequence)| minilm(&arguments.models, batch, sequence)));
    all.push(resnet50(&arguments.models));
    all.extend([1, 16, 100, 10_000, 1_000_000].map(|rows| forest(&arguments.models, rows)));
    all.extend([1, 16, 100, 10_000, 1_000_000].map(|rows| own_file(&arguments.models, "lightgbm", rows)));
    all.extend(["oneDAL", "tl2cgen", "treelite"].map(|peer| own_file(&arguments.models, peer, 10_000)));
    all.extend([1, 16, 100, 10_000, 1_000_000].map(|rows| own_file(&arguments.models, "xgboost", rows)));
    all.extend([1, 16, 10_000].map(|rows| other_forest(&arguments.models, "forest_deep", rows)));
    all.extend([1, 16, 10_000].map(|rows| other_forest(&arguments.models, "forest_wide", rows)));
    all.extend([1, 100, 10_000].map(breast_cancer));
    all.extend([1, 100, 10_000].map(wine));
    all.extend([1, 1_000].map(digits));
    all.extend([10_000, 1_000_000].map(|rows| categories(&arguments.models, rows)));
    let coded = categories(&arguments.models, 1_000_000);
    let (name, door) = (format!("{} dictionaries", coded.name), Door::Dictionaries(coded.door.mode()));
    all.push(Case { name, door, ..coded });
    all.push(repeats(&arguments.models, 100_000));
    for (made_as, counts) in [("one_hot", &[12, 8, 5, 20][..]), ("one_hot_wide", &[30; 8])] {
        all.extend(one_hot(&arguments.models, made_as, counts, 100_000));
    }
    let [_, coded] = one_hot(&arguments.models, "one_hot", &[12, 8, 5, 20], 1_000_000);
    all.push(coded);
    for peer in [ONNXRUNTIME, ONNXRUNTIME_INT8] {
        let plain = minilm(&arguments.models, 8, 128);
        all.push(Case { name: format!("{} int8 beside {peer}", plain.name), quantized: Some(64), peer, ..plain });
    }
    for activation in ["relu", "gelu"] {
        for rows in [1, 16, 1_000] {
            all.extend(layers(&arguments.models, activation, rows));
        }
    }
    all.extend([forest(&arguments.models, 10_000), breast_cancer(10_000), wine(10_000)].map(by_columns));
    all.extend(light(&arguments.cases));
    let unknown: Vec<&str> = arguments
        .only
        .iter()
        .map(String::as_str)
        .filter(|name| !all.iter().any(|case| case.name.starts_with(name)))
        .collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
        bail!("no case is named {}; there are {}", unknown.join(", "), names.join(", "));
    }
    let names: Vec<String> = all.iter().map(|case| case.name.clone()).collect();
    // A whole name is that case alone.
    let asks = |only: &String, name: &str| if names.contains(only) { name == only } else { name.starts_with(only) };
    let wanted = |case: &Case| arguments.only.is_empty() || arguments.only.iter().any(|only| asks(only, &case.name));
    Ok(all.into_iter().filter(wanted).collect())
}

fn input(name: &str, dtype: DType, shape: &[usize], draw: Draw) -> Input {
    Input { name: name.into(), dtype, shape: shape.into(), draw }
}

fn minilm(models: &Path, batch: usize, sequence: usize) -> Case {
    let words = |name, draw| input(name, DType::I64, &[batch, sequence], draw);
    Case {
        name: format!("minilm batch={batch} words={sequence}"),
        model: models.join("minilm.onnx"),
        made_as: Some("minilm"),
        inputs: vec![
            words("input_ids", Draw::Between(0.0, VOCABULARY)),
            words("attention_mask", Draw::Fill(1)),
            words("token_type_ids", Draw::Fill(0)),
        ],
        dimensions: vec![("batch", batch), ("sequence", sequence)],
        door: Door::Values,
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

fn resnet50(models: &Path) -> Case {
    Case {
        name: "resnet50".into(),
        model: models.join("resnet50.onnx"),
        made_as: Some("resnet50"),
        inputs: Vec::new(),
        dimensions: Vec::new(),
        door: Door::Values,
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

fn forest(models: &Path, rows: usize) -> Case {
    Case {
        name: format!("forest_500x64 rows={rows}"),
        model: models.join("forest_500x64.onnx"),
        made_as: Some("forest"),
        inputs: vec![input("features", DType::F32, &[rows, 30], Draw::Between(-2.0, 2.0))],
        dimensions: Vec::new(),
        door: Door::Tables,
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

/// A forest from the file of the library that trained it, in that library's own arithmetic, beside a library that reads such
/// files: LightGBM's, or one of the same size that XGBoost made.
fn own_file(models: &Path, peer: &'static str, rows: usize) -> Case {
    let of_xgboost = peer == "xgboost";
    let (model, made_as, dtype) = match of_xgboost {
        true => ("forest_xgboost.xgb.json", "forest_xgboost", DType::F32),
        false => ("forest_500x64.lgbm.txt", "forest", DType::F64),
    };
    Case {
        name: format!("{} {peer} rows={rows}", if of_xgboost { "forest_xgboost" } else { "forest_lightgbm" }),
        model: models.join(model),
        made_as: Some(made_as),
        inputs: vec![input("features", dtype, &[rows, 30], Draw::Between(-2.0, 2.0))],
        dimensions: Vec::new(),
        door: Door::Tables,
        quantized: None,
        peer,
    }
}

/// A forest of deep trees, or of many leaves with categories below 12 in columns 20 to 24.
fn other_forest(models: &Path, made_as: &'static str, rows: usize) -> Case {
    const PLAIN: [(f64, f64); 30] = [(-2.0, 2.0); 30];
    const WIDE: [(f64, f64); 30] = {
        let mut columns = PLAIN;
        let mut i = 20;
        while i < 25 {
            columns[i] = (0.0, 12.0);
            i += 1;
        }
        columns
    };
    let draw = if made_as == "forest_wide" { Draw::Categories(&WIDE, 20, 25) } else { Draw::Columns(&PLAIN) };
    Case {
        name: format!("{made_as} rows={rows}"),
        model: models.join(made_as).with_extension("onnx"),
        made_as: Some(made_as),
        inputs: vec![input("features", DType::F32, &[rows, 30], draw)],
        dimensions: Vec::new(),
        door: Door::Tables,
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

/// Four columns of 10, 20, 50 and 100 categories: a million answers, which are worked out beforehand.
fn categories(models: &Path, rows: usize) -> Case {
    let column = |(i, count)| input(&format!("c{i}"), DType::I64, &[rows], Draw::Between(0.0, count));
    Case {
        name: format!("categories_1e6 rows={rows}"),
        model: models.join("categories.onnx"),
        made_as: Some("categories"),
        inputs: [10.0, 20.0, 50.0, 100.0].into_iter().enumerate().map(column).collect(),
        dimensions: vec![("N", rows)],
        door: Door::Columns(Mode::Table),
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

/// Ten thousand distinct rows, over and over.
fn repeats(models: &Path, rows: usize) -> Case {
    let column = |i| input(&format!("c{i}"), DType::I64, &[rows], Draw::Between(0.0, 10.0));
    Case {
        name: format!("repeats_1e4 rows={rows}"),
        model: models.join("categories_wide.onnx"),
        made_as: Some("categories_wide"),
        inputs: (0..4).map(column).collect(),
        dimensions: vec![("N", rows)],
        door: Door::Columns(Mode::Exact),
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

/// Texts, one-hot, and a logistic regression: as columns of texts and as dictionaries.
fn one_hot(models: &Path, made_as: &'static str, counts: &[usize], rows: usize) -> [Case; 2] {
    let column = |(i, count): (usize, &usize)| {
        input(&format!("c{i}"), DType::String, &[rows, 1], Draw::Words(&CATEGORIES[..*count]))
    };
    let texts = Case {
        name: format!("{made_as} rows={rows} texts"),
        model: models.join(made_as).with_extension("onnx"),
        made_as: Some(made_as),
        inputs: counts.iter().enumerate().map(column).collect(),
        dimensions: Vec::new(),
        door: Door::Columns(Mode::Auto),
        quantized: None,
        peer: ONNXRUNTIME,
    };
    let coded = Case {
        name: format!("{made_as} rows={rows} dictionaries"),
        door: Door::Dictionaries(Mode::Auto),
        ..texts.clone()
    };
    [texts, coded]
}

/// Three layers of 512 and 10 over 256 numbers in eight bits, beside onnxruntime in single precision and in eight bits.
fn layers(models: &Path, activation: &str, rows: usize) -> [Case; 2] {
    let made_as = if activation == "relu" { "layers_relu" } else { "layers_gelu" };
    [ONNXRUNTIME, ONNXRUNTIME_INT8].map(|peer| Case {
        name: format!("{made_as} rows={rows} int8 beside {peer}"),
        model: models.join(made_as).with_extension("onnx"),
        made_as: Some(made_as),
        inputs: vec![input("x", DType::F32, &[rows, 256], Draw::Between(-2.0, 2.0))],
        dimensions: vec![("N", rows)],
        door: Door::Values,
        quantized: Some(1_024),
        peer,
    })
}

/// A case whose rows are columns, none of which repeats.
fn by_columns(case: Case) -> Case {
    Case { name: format!("{} columns", case.name), door: Door::Columns(Mode::Exact), ..case }
}

fn example(name: &str, rows: usize, inputs: Vec<Input>) -> Case {
    Case {
        name: format!("{name} rows={rows}"),
        model: root().join("examples/models").join(name).with_extension("onnx"),
        made_as: None,
        inputs,
        dimensions: vec![("N", rows)],
        door: Door::Values,
        quantized: None,
        peer: ONNXRUNTIME,
    }
}

fn breast_cancer(rows: usize) -> Case {
    let features = input("features", DType::F32, &[rows, BREAST_CANCER.len()], Draw::Columns(&BREAST_CANCER));
    example("breast_cancer", rows, vec![features])
}

fn wine(rows: usize) -> Case {
    let words = WINE_WORDS.map(|(name, words)| input(name, DType::String, &[rows, 1], Draw::Words(words)));
    let numbers = WINE_NUMBERS.map(|(name, low, high)| input(name, DType::F32, &[rows, 1], Draw::Between(low, high)));
    example("wine_pipeline", rows, words.into_iter().chain(numbers).collect())
}

fn digits(rows: usize) -> Case {
    example("digits_cnn", rows, vec![input("image", DType::F32, &[rows, 1, 8, 8], Draw::Between(0.0, 1.0))])
}

/// The light models, when tests/python/light_models.py has written them.
fn light(cases: &Path) -> Vec<Case> {
    let Ok(folders) = std::fs::read_dir(cases.join("light-random")) else { return Vec::new() };
    let mut found: Vec<Case> = folders
        .flatten()
        .filter(|folder| folder.path().join("model.onnx").is_file())
        .map(|folder| Case {
            name: folder.file_name().to_string_lossy().into_owned(),
            model: folder.path().join("model.onnx"),
            made_as: None,
            inputs: Vec::new(),
            dimensions: Vec::new(),
            door: Door::Values,
            quantized: None,
            peer: ONNXRUNTIME,
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
