//! The registry: plain rows, one for each operator and version.

use crate::{Error, Node, Operator, Result, family};
use std::{collections::HashMap, sync::Arc};

/// The newest operator set of the default domain that operators are read under.
pub const NEWEST_OPSET: u32 = 28;

/// One operator from one version on.
#[derive(Debug, Clone, Copy)]
pub struct OpRow {
    /// The domain; empty for `ai.onnx`.
    pub domain: &'static str,
    /// The operator's name.
    pub op: &'static str,
    /// The operator set version in which this meaning began.
    pub since: u32,
    /// Reads the attributes; every unsupported combination is an error here.
    pub parse: fn(&Node<'_>) -> Result<Arc<dyn Operator>>,
}

/// Operators by domain, name and version. Passed explicitly; there is no global one.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    rows: HashMap<(String, String), Vec<OpRow>>,
}

/// The domain's name as registries and programs write it: `ai.onnx` is the empty string.
pub fn canonical_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

impl Registry {
    /// An empty registry.
    pub fn empty() -> Self {
        Self::default()
    }

    /// All operators of this library.
    pub fn standard() -> Self {
        family::ALL.iter().fold(Self::empty(), |registry, rows| registry.with(rows))
    }

    /// The same registry with these rows added; a row of the same domain, name and version replaces the older one.
    #[must_use]
    pub fn with(mut self, rows: &[OpRow]) -> Self {
        for row in rows {
            let list = self.rows.entry((canonical_domain(row.domain).to_owned(), row.op.to_owned())).or_default();
            list.retain(|r| r.since != row.since);
            list.push(*row);
            list.sort_by_key(|r| r.since);
        }
        self
    }

    /// All rows, ordered by domain, name and version.
    pub fn rows(&self) -> Vec<OpRow> {
        let mut all: Vec<OpRow> = self.rows.values().flatten().copied().collect();
        all.sort_by_key(|r| (r.domain, r.op, r.since));
        all
    }

    /// The row that holds for this operator in this version of its domain's operator set.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there is none; the message says which versions or which similar names there are.
    pub fn find(&self, domain: &str, op: &str, version: u32) -> Result<OpRow> {
        let domain = canonical_domain(domain);
        let shown = if domain.is_empty() { "ai.onnx" } else { domain };
        let Some(list) = self.rows.get(&(domain.to_owned(), op.to_owned())) else {
            let near = self.nearest(domain, op).map(|n| format!("; the nearest name is {n}")).unwrap_or_default();
            return Err(Error::unsupported(format!("operator {shown}::{op} (operator set {version}){near}")));
        };
        list.iter().rev().find(|r| r.since <= version).copied().ok_or_else(|| {
            Error::unsupported(format!(
                "operator {shown}::{op} in operator set {version}; it is read from version {} on",
                list[0].since
            ))
        })
    }

    /// Finds and parses in one step.
    ///
    /// # Errors
    /// Those of [`find`](Self::find) and of the operator's own parsing.
    pub fn parse(&self, node: &Node<'_>) -> Result<(OpRow, Arc<dyn Operator>)> {
        let row = self.find(node.domain, node.op, node.version)?;
        let operator = (row.parse)(&Node { since: row.since, ..*node })?;
        Ok((row, operator))
    }

    fn nearest(&self, domain: &str, op: &str) -> Option<String> {
        self.rows
            .keys()
            .map(|(d, o)| (distance(o, op) + usize::from(d != domain), o))
            .filter(|(score, _)| *score <= 2.max(op.len() / 4))
            .min()
            .map(|(_, o)| o.clone())
    }
}

/// Levenshtein distance, for messages.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_and_reachable() {
        let registry = Registry::standard();
        let mut seen = std::collections::BTreeSet::new();
        for row in family::ALL.iter().flat_map(|rows| rows.iter()) {
            assert!(
                seen.insert((row.domain, row.op, row.since)),
                "{}::{} from {} stands twice",
                row.domain,
                row.op,
                row.since
            );
            assert_eq!(registry.find(row.domain, row.op, row.since).unwrap().since, row.since);
        }
    }

    /// Every operator of `ai.onnx` that operator sets 1 to 6 have and later ones kept.
    const FIRST: &str = "Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv \
        ConvTranspose DepthToSpace Div Dropout Elu Equal Exp Flatten Floor GRU Gather Gemm GlobalAveragePool \
        GlobalLpPool GlobalMaxPool Greater HardSigmoid Hardmax Identity If InstanceNormalization LRN LSTM LeakyRelu \
        Less Log LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean Min Mul Neg Not Or PRelu \
        Pad Pow RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal ReduceL1 ReduceL2 \
        ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu \
        Reshape Selu Shape Sigmoid Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh \
        Tile TopK Transpose Unsqueeze Upsample Xor";

    #[test]
    fn operators_of_the_first_set_are_read_and_its_experiments_refused_by_name() {
        let registry = Registry::standard();
        for op in FIRST.split_whitespace() {
            assert_eq!(registry.find("", op, 1).map(|row| row.since), Ok(1), "{op}");
        }
        for op in ["ATen", "ConstantFill", "Crop", "DynamicSlice", "FC", "GRUUnit", "GivenTensorFill"] {
            let error = registry.find("", op, 6).unwrap_err().to_string();
            assert!(error.contains(&format!("ai.onnx::{op}")), "{error}");
        }
    }

    #[test]
    fn a_misspelt_operator_is_met_with_its_nearest_name() {
        let error = Registry::standard().find("", "Ad", 13).unwrap_err().to_string();
        assert!(error.contains("Add"), "{error}");
    }
}
