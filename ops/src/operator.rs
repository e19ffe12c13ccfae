//! The operator: a meaning, with a signature and a reference evaluation.

use crate::{Attributes, Effort, Error, Fact, Result, Rows, Tensor, Type, Value, fact::Facts, rows};
use std::any::Any;

/// What a node fixes when it is loaded: everything an operator is parsed from.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    /// The domain; empty for `ai.onnx`.
    pub domain: &'a str,
    /// The operator's name, such as `Add`.
    pub op: &'a str,
    /// The operator set version that the model imports for the domain.
    pub version: u32,
    /// The version in which the chosen row's meaning began.
    pub since: u32,
    /// The attributes.
    pub attributes: &'a Attributes,
    /// The number of inputs, absent ones counted.
    pub inputs: usize,
    /// The number of outputs, unused ones counted.
    pub outputs: usize,
}

/// What an operator makes of missing values (NaN that stands for NULL) at its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It has a meaning for them (a tree, an imputer).
    Consumes,
    /// It passes them on unchanged and unmixed (a cast, a reshape).
    Carries,
    /// It would compute with them as numbers.
    Rejects,
}

/// One operator with its attributes fixed.
///
/// Backends recognise an operator by downcasting (`operator as &dyn Any`), and must return the same bits as
/// [`evaluate`](Self::evaluate) wherever the operator's documentation declares an order of arithmetic.
pub trait Operator: Any + Send + Sync + std::fmt::Debug {
    /// Types, shapes and, where they follow from shapes, values of the outputs.
    ///
    /// With every input shape and shape-like value known, every output shape must be known unless it depends on data.
    ///
    /// # Errors
    /// [`Error::Invalid`] when types or shapes do not fit; the message names the input by index.
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>>;

    /// The plain reference: slow, obvious, and the meaning that everything faster must equal.
    ///
    /// # Errors
    /// [`Error::Invalid`] when values do not fit, which includes everything that only values can tell.
    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>>;

    /// [`infer`](Self::infer) within bounds, for an operator that holds subgraphs.
    ///
    /// # Errors
    /// Those of [`infer`](Self::infer); [`Error::Exhausted`] when it takes more than the effort allows.
    fn infer_within(&self, inputs: Facts<'_>, _effort: &Effort) -> Result<Vec<Fact>> {
        self.infer(inputs)
    }

    /// [`evaluate`](Self::evaluate) within bounds, for an operator that holds subgraphs.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate); [`Error::Exhausted`] when it takes more than the effort allows and
    /// [`Error::Cancelled`] when that is cancelled.
    fn evaluate_within(&self, inputs: Inputs<'_>, _effort: &Effort) -> Result<Vec<Value>> {
        self.evaluate(inputs)
    }

    /// How the rows of the inputs become rows of the outputs; part of the independence proof. Says nothing by default.
    fn rows(&self, rows: &[Rows], _inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::opaque(rows, outputs.len())
    }

    /// What missing values mean at the inputs.
    fn missing(&self) -> Missing {
        Missing::Rejects
    }

    /// Whether equal inputs give equal outputs, so that the node may be folded or shared.
    fn is_pure(&self) -> bool {
        true
    }
}

/// The values of a node's inputs, with the checks that every operator makes of them.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a>(pub &'a [Option<&'a Value>]);

impl<'a> Inputs<'a> {
    /// The number of inputs, absent ones in the middle counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All there is to know of the inputs.
    pub fn known(&self) -> Vec<Option<Fact>> {
        let fact = |value: &Value| match value {
            Value::Tensor(tensor) => Fact::constant(tensor.clone()),
            other => Fact::of(Type::of(other)),
        };
        self.0.iter().map(|v| v.map(fact)).collect()
    }

    /// Input `i`, if it is given.
    pub fn get(&self, i: usize) -> Option<&'a Value> {
        self.0.get(i).copied().flatten()
    }

    /// Input `i`, which must be given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is absent.
    pub fn value(&self, i: usize) -> Result<&'a Value> {
        self.get(i).ok_or_else(|| Error::invalid(format!("input {i} is required and missing")))
    }

    /// Tensor input `i`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is absent or no tensor.
    pub fn tensor(&self, i: usize) -> Result<&'a Tensor> {
        self.value(i)?.as_tensor().map_err(|e| e.at(format!("input {i}")))
    }

    /// Tensor input `i`, if it is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no tensor.
    pub fn optional_tensor(&self, i: usize) -> Result<Option<&'a Tensor>> {
        self.get(i).map(|v| v.as_tensor().map_err(|e| e.at(format!("input {i}")))).transpose()
    }

    /// The integers of input `i`, if it is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it does not hold integers.
    pub fn ints(&self, i: usize) -> Result<Option<Vec<i64>>> {
        self.optional_tensor(i)?.map(|t| t.to_i64_vec().map_err(|e| e.at(format!("input {i}")))).transpose()
    }
}

/// Resolves an axis in `-rank..rank` to an index.
///
/// # Errors
/// [`Error::Invalid`] when it is out of range.
pub fn axis_index(axis: i64, rank: usize) -> Result<usize> {
    let r = i64::try_from(rank).unwrap_or(i64::MAX);
    let resolved = if axis < 0 { axis + r } else { axis };
    usize::try_from(resolved)
        .ok()
        .filter(|a| *a < rank)
        .ok_or_else(|| Error::invalid(format!("axis {axis} is out of range for rank {rank}")))
}
