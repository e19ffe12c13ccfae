//! What is measured: a model, and columns of seeded rows.

use crate::rows::Column;
use hologram::planner::Mode;
use std::path::{Path, PathBuf};

/// One model over one table.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) model: PathBuf,
    pub(crate) mode: Mode,
    pub(crate) rows: usize,
    /// The model's columns, by name.
    pub(crate) columns: Vec<(String, Column)>,
    /// A condition on the answer, which few rows fulfil; the file has eight columns more, which are selected by it.
    pub(crate) condition: Option<&'static str>,
}

/// The texts of one_hot.onnx: the first of them for each column.
fn texts(count: usize) -> Column {
    Column::Texts((0..count).map(|i| format!("category {i}")).collect())
}

/// Every case, over tables of so many rows.
pub(crate) fn all(models: &Path, rows: usize) -> Vec<Case> {
    let named = |name: &str| models.join(name).with_extension("onnx");
    let categories = |coded: bool| {
        let column = move |count| if coded { Column::Small(count) } else { Column::Integers(count) };
        [10, 20, 50, 100].into_iter().enumerate().map(move |(i, count)| (format!("c{i}"), column(count))).collect()
    };
    let one_hot = |counts: &[usize]| counts.iter().enumerate().map(|(i, n)| (format!("c{i}"), texts(*n))).collect();
    let features = (0..30).map(|i| (format!("f{i}"), Column::Floats(-2.0, 2.0))).collect();
    vec![
        Case {
            name: "categories_1e6 int64",
            model: named("categories"),
            mode: Mode::Table,
            rows,
            columns: categories(false),
            condition: Some("p > 0.6"),
        },
        Case {
            name: "categories_1e6 uint8",
            model: named("categories"),
            mode: Mode::Table,
            rows,
            columns: categories(true),
            condition: Some("p > 0.6"),
        },
        Case {
            name: "one_hot texts",
            model: named("one_hot"),
            mode: Mode::Auto,
            rows,
            columns: one_hot(&[12, 8, 5, 20]),
            condition: Some("p['label'] = 'yes' AND p['probabilities'][2] > 0.99"),
        },
        Case {
            name: "one_hot_wide texts",
            model: named("one_hot_wide"),
            mode: Mode::Auto,
            rows,
            columns: one_hot(&[30; 8]),
            condition: None,
        },
        Case {
            name: "forest_500x64",
            model: named("forest_500x64"),
            mode: Mode::Auto,
            rows: rows / 10,
            columns: features,
            condition: None,
        },
    ]
}
