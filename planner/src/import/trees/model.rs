//! An imported model: a forest and what its file says around it.

use std::fmt;

use hologram_ops::forest::{Forest, PostTransform};

/// The library that wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Library {
    /// LightGBM
    LightGbm,
    /// XGBoost
    XgBoost,
    /// CatBoost
    CatBoost,
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LightGbm => "LightGBM",
            Self::XgBoost => "XGBoost",
            Self::CatBoost => "CatBoost",
        })
    }
}

/// A category's or a class's own value.
#[derive(Debug, Clone, PartialEq)]
pub enum Category {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A real number.
    Real(f64),
    /// A text.
    Text(String),
}

/// The categories of one feature: the value at position `c` is given to the forest as the number `c`; a missing value, and
/// one that is not in the list, as NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureCategories {
    /// The values, by code.
    pub values: Vec<Category>,
}

/// What to read of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOptions {
    /// Only the first iterations (boosting rounds), as the libraries' `num_iteration`, `iteration_range` and `ntree_end`;
    /// all when absent. [`TreeModel::best_iteration`] + 1 is what XGBoost's scikit-learn classes use.
    pub iterations: Option<u32>,
}

/// An imported tree ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeModel {
    /// Gives the raw scores, `[n_targets]` for a row of `[n_features]`; bit for bit those of the library.
    pub forest: Forest,
    /// From raw scores to what the library's `predict` returns by default (CatBoost: `predict_proba` for classes). A binary
    /// model has one score, and its prediction is the second class's probability.
    pub transform: PostTransform,
    /// One name a feature.
    pub feature_names: Vec<String>,
    /// For each feature its categories, where the file has them.
    pub categories: Vec<Option<FeatureCategories>>,
    /// The objective or loss, in the library's words; empty where the file names none.
    pub objective: String,
    /// The number of classes; 1 where the model does not classify, 2 for binary ones.
    pub num_class: u32,
    /// The classes' own values by index, where the file has them.
    pub class_labels: Vec<Category>,
    /// The number of boosting rounds that the forest holds.
    pub iterations: u32,
    /// The best round by early stopping, counted from 0, where the file has one. The forest holds all rounds of the file
    /// unless [`ImportOptions::iterations`] says otherwise: `save_model` of LightGBM and CatBoost cuts by itself, and
    /// XGBoost's `Booster.predict` uses all.
    pub best_iteration: Option<u32>,
    /// Who wrote the file.
    pub library: Library,
    /// The library's version, or the format's where the file does not say.
    pub library_version: String,
}
