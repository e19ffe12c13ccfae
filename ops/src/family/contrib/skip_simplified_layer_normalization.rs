//! [SkipSimplifiedLayerNormalization](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.SkipSimplifiedLayerNormalization):
//! a residual connection and the sum divided by its root mean square.
//!
//! Tests are those of the form with a mean.

use super::skip_layer_normalization::read;
use crate::{Node, Operator, Result};
use std::sync::Arc;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    read(node, true)
}
