//! The logical node: a relation with predictions beside its columns.

use super::{HologramOptions, ModelCatalog, call};
use arrow_schema::Field;
use datafusion::{
    common::{DFSchema, DFSchemaRef, internal_err},
    error::Result,
    logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore},
};
use hologram_resolver::rows::RowSession;
use std::{
    cmp::Ordering,
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// What the names of the node's own columns begin with.
pub(crate) const PREFIX: &str = "__predict_";

/// One call of a node: its model open, its columns bound.
#[derive(Clone)]
pub struct PredictCall {
    /// The call as it stood in the query.
    pub(crate) original: Expr,
    /// The model as the query names it.
    pub(crate) reference: String,
    /// The name of the answer's column.
    pub(crate) name: String,
    /// The expressions that feed the model.
    pub(crate) columns: Vec<Expr>,
    /// True on the rows that need an answer; `None` when all do.
    pub(crate) guard: Option<Expr>,
    /// The session that answers.
    pub(crate) rows: RowSession,
    /// Conditions on the answer that [`AdmitByTables`](super::AdmitByTables) has seen.
    pub(crate) looked_at: Vec<Expr>,
}

impl PredictCall {
    /// Binds a call over a relation; the answer's column is called `name`.
    pub(crate) fn new(
        models: &ModelCatalog,
        original: Expr,
        guard: Option<Expr>,
        name: String,
        schema: &DFSchema,
        options: &HologramOptions,
    ) -> Result<Self> {
        let Some(function) = call::as_call(&original) else {
            return internal_err!("{original} is no call of predict()");
        };
        let bound = call::bind(models, function, schema, options)?;
        models.notice(&bound.reference, &bound.rows);
        Ok(Self {
            reference: bound.reference,
            name,
            columns: bound.columns,
            guard,
            rows: bound.rows,
            original,
            looked_at: Vec::new(),
        })
    }

    /// The model as the query names it.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The name of the answer's column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a row's answer depends on that row alone.
    pub fn is_row_independent(&self) -> bool {
        self.rows.session().signature().rows.independent
    }

    fn key(&self) -> (&str, &str, &[Expr], Option<&Expr>, &[Expr]) {
        (&self.reference, &self.name, &self.columns, self.guard.as_ref(), &self.looked_at)
    }
}

impl fmt::Debug for PredictCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        write!(f, "{} = {}({})", self.name, self.reference, columns.join(", "))?;
        match &self.guard {
            Some(guard) => write!(f, " where {guard}"),
            None => Ok(()),
        }
    }
}

impl PartialEq for PredictCall {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for PredictCall {}

impl Hash for PredictCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The node `Predict`: the input's columns, then one column a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PredictNode {
    pub(crate) input: LogicalPlan,
    pub(crate) calls: Vec<PredictCall>,
    schema: DFSchemaRef,
}

impl PredictNode {
    /// The answers of some calls beside the columns of a relation.
    ///
    /// # Errors
    /// Names of answers that the relation has already.
    pub fn try_new(input: LogicalPlan, calls: Vec<PredictCall>) -> Result<Self> {
        let mut fields: Vec<_> = input.schema().iter().map(|(q, f)| (q.cloned(), f.clone())).collect();
        for call in &calls {
            let answer = call.rows.binding().output();
            let field =
                Field::new(&call.name, answer.data_type().clone(), true).with_metadata(answer.metadata().clone());
            fields.push((None, Arc::new(field)));
        }
        let schema = DFSchema::new_with_metadata(fields, input.schema().metadata().clone())?;
        Ok(Self { input, calls, schema: Arc::new(schema) })
    }

    /// The calls.
    pub fn calls(&self) -> &[PredictCall] {
        &self.calls
    }

    /// The node as a plan.
    pub(crate) fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The node that a plan is, if it is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&Self> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// Whether each row's answers depend on that row alone.
    pub(crate) fn is_row_independent(&self) -> bool {
        self.calls.iter().all(PredictCall::is_row_independent)
    }
}

impl PartialOrd for PredictNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let names = |n: &Self| n.calls.iter().map(|c| (c.reference.clone(), c.name.clone())).collect::<Vec<_>>();
        if self == other {
            return Some(Ordering::Equal);
        }
        names(self).partial_cmp(&names(other)).filter(|o| *o != Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for PredictNode {
    fn name(&self) -> &str {
        "Predict"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.calls.iter().flat_map(|c| c.columns.iter().chain(&c.guard).cloned()).collect()
    }

    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        if self.is_row_independent() {
            return self.calls.iter().map(|c| c.name.clone()).collect();
        }
        // Without some rows the others would be answered differently.
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    fn supports_limit_pushdown(&self) -> bool {
        self.is_row_independent()
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        // Those of the node's own expressions are added by the caller.
        let width = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|i| *i < width).collect()])
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Predict: ")?;
        for (i, call) in self.calls.iter().enumerate() {
            write!(f, "{}{call:?}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let mut calls = Vec::with_capacity(self.calls.len());
        for call in &self.calls {
            let columns: Vec<Expr> = exprs.by_ref().take(call.columns.len()).collect();
            let guard = match call.guard {
                Some(_) => exprs.next(),
                None => None,
            };
            if columns.len() != call.columns.len() || guard.is_some() != call.guard.is_some() {
                return internal_err!("Predict takes {} expressions", self.expressions().len());
            }
            calls.push(PredictCall { columns, guard, ..call.clone() });
        }
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => Self::try_new(input, calls),
            Err(inputs) => internal_err!("Predict takes one input, not {}", inputs.len()),
        }
    }
}
