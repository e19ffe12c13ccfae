//! Signatures: what a caller gives and gets.

use crate::{
    Result,
    plan::{EntryPoint, PortData},
};
use hologram_ops::{DType, Dim, Type};

/// One named input or output.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// The name.
    pub name: String,
    /// The type, with symbolic dimensions.
    pub ty: Type,
    /// The names of the columns of a `[rows, f]` input; empty when the model does not know them.
    pub features: Vec<String>,
    /// Feature index and categories: text whose code is its position in the list.
    pub categories: Vec<(usize, Vec<String>)>,
    /// Whether NULL may enter as a missing value.
    pub missing: bool,
    /// The names of the columns of a `[rows, k]` output, or the labels of a label output; empty when there are none.
    pub labels: Vec<String>,
    /// The labels as integers, when they are integers.
    pub int_labels: Vec<i64>,
    /// Whether the value door gives the output as a sequence of maps by label.
    pub zipped: bool,
    /// The columns of an input that no answer depends on, ascending: rows are answered without them.
    pub unread: Vec<usize>,
}

impl Port {
    /// The element type of a tensor.
    pub fn dtype(&self) -> Option<DType> {
        match &self.ty {
            Type::Tensor { dtype, .. } => Some(*dtype),
            _ => None,
        }
    }

    /// Whether no answer depends on a column.
    pub fn is_unread(&self, column: usize) -> bool {
        self.unread.binary_search(&column).is_ok()
    }

    /// The dimensions of a tensor of known rank.
    pub fn shape(&self) -> Option<&[Dim]> {
        match &self.ty {
            Type::Tensor { shape: Some(shape), .. } => Some(shape),
            _ => None,
        }
    }
}

impl TryFrom<&PortData> for Port {
    type Error = crate::Error;
    fn try_from(data: &PortData) -> Result<Self> {
        Ok(Self {
            name: data.name.clone(),
            ty: data.ty.as_ref().map_or(Ok(Type::Unknown), Type::try_from)?,
            features: data.features.clone(),
            categories: data.categories.iter().map(|c| (c.feature as usize, c.values.clone())).collect(),
            missing: data.missing,
            labels: data.labels.clone(),
            int_labels: data.int_labels.clone(),
            zipped: data.zipped,
            unread: data.unread.iter().map(|column| *column as usize).collect(),
        })
    }
}

/// What is known of a plan's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProof {
    /// Whether axis 0 of every input and output counts rows that do not touch each other.
    pub independent: bool,
    /// The number of rows that each run must have, when it is fixed.
    pub fixed: Option<usize>,
    /// Why, in words.
    pub reason: String,
}

/// What a caller gives and gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The inputs, in order.
    pub inputs: Vec<Port>,
    /// The outputs, in order.
    pub outputs: Vec<Port>,
    /// What is known of the rows.
    pub rows: RowProof,
}

impl TryFrom<&EntryPoint> for Signature {
    type Error = crate::Error;
    fn try_from(entry: &EntryPoint) -> Result<Self> {
        let ports = |list: &[PortData]| list.iter().map(Port::try_from).collect::<Result<Vec<_>>>();
        let rows = entry.rows.clone().unwrap_or_default();
        Ok(Self {
            inputs: ports(&entry.inputs)?,
            outputs: ports(&entry.outputs)?,
            rows: RowProof {
                independent: rows.independent,
                fixed: usize::try_from(rows.fixed).ok().filter(|n| *n > 0),
                reason: rows.reason,
            },
        })
    }
}
