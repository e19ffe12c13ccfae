//! The `ai.onnx.ml` domain: tables, trees, linear and kernel models; and our own operators on forests.
//!
//! Where the specification is silent, the meaning is onnxruntime's: exported models were checked against it.

pub mod array_feature_extractor;
pub mod binarizer;
pub mod cast_map;
pub mod category_code;
pub mod category_mapper;
pub mod class_scores;
pub mod dict_vectorizer;
pub mod encoded_product;
pub mod ensemble;
pub mod feature_vectorizer;
pub mod forest;
pub mod forest_transform;
pub mod imputer;
pub mod kernel;
pub mod keys;
pub mod label_encoder;
pub mod linear_classifier;
pub mod linear_regressor;
mod node_columns;
pub mod normalizer;
pub mod one_hot_encoder;
pub mod post;
pub mod scaler;
pub mod svm_classifier;
pub mod svm_regressor;
pub mod table;
pub mod tree_ensemble;
pub mod tree_ensemble_classifier;
pub mod tree_ensemble_regressor;
pub mod zip_map;

#[cfg(test)]
mod forest_tests;
#[cfg(test)]
mod hostile;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use crate::{Node, OpRow, Operator, Result};
use std::sync::Arc;

const fn row(op: &'static str, since: u32, parse: fn(&Node<'_>) -> Result<Arc<dyn Operator>>) -> OpRow {
    OpRow { domain: "ai.onnx.ml", op, since, parse }
}

const fn own(op: &'static str, parse: fn(&Node<'_>) -> Result<Arc<dyn Operator>>) -> OpRow {
    OpRow { domain: "ai.hologram", op, since: 1, parse }
}

/// The operators of this family.
pub const ROWS: &[OpRow] = &[
    row("ArrayFeatureExtractor", 1, array_feature_extractor::parse),
    row("Binarizer", 1, binarizer::parse),
    row("CastMap", 1, cast_map::parse),
    row("CategoryMapper", 1, category_mapper::parse),
    row("DictVectorizer", 1, dict_vectorizer::parse),
    row("FeatureVectorizer", 1, feature_vectorizer::parse),
    own("CategoryCode", category_code::parse),
    own("ClassScores", class_scores::parse),
    own("EncodedProduct", encoded_product::parse),
    own("Forest", forest::parse),
    own("ForestTransform", forest_transform::parse),
    row("Imputer", 1, imputer::parse),
    row("LabelEncoder", 1, label_encoder::parse),
    row("LabelEncoder", 2, label_encoder::parse),
    row("LabelEncoder", 4, label_encoder::parse),
    row("LinearClassifier", 1, linear_classifier::parse),
    row("LinearRegressor", 1, linear_regressor::parse),
    row("Normalizer", 1, normalizer::parse),
    row("OneHotEncoder", 1, one_hot_encoder::parse),
    row("SVMClassifier", 1, svm_classifier::parse),
    row("SVMRegressor", 1, svm_regressor::parse),
    row("Scaler", 1, scaler::parse),
    row("TreeEnsemble", 5, tree_ensemble::parse),
    row("TreeEnsembleClassifier", 1, tree_ensemble_classifier::parse),
    row("TreeEnsembleClassifier", 3, tree_ensemble_classifier::parse),
    row("TreeEnsembleRegressor", 1, tree_ensemble_regressor::parse),
    row("TreeEnsembleRegressor", 3, tree_ensemble_regressor::parse),
    row("ZipMap", 1, zip_map::parse),
];
