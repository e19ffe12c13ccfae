//! The rule that answers only the rows that a sort with a limit keeps.

use super::{PredictNode, through::through};
use datafusion::{
    common::{Column, tree_node::Transformed},
    error::Result,
    logical_expr::{LogicalPlan, Projection, Sort, SortExpr},
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
};
use std::sync::Arc;

/// `ORDER BY other LIMIT n`: puts a copy of the sort below the predictions, when its keys do not read them.
///
/// The sort above stays: it states the order, costs n rows, and is dropped where the copy's order is kept.
#[derive(Debug, Default, Clone, Copy)]
pub struct LatePredictions;

impl OptimizerRule for LatePredictions {
    fn name(&self) -> &str {
        "late_predictions"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = &plan else { return Ok(Transformed::no(plan)) };
        if sort.fetch.is_none() {
            return Ok(Transformed::no(plan));
        }
        match copy_below(&sort.input, &sort.expr, sort.fetch)? {
            Some(input) => Ok(Transformed::yes(LogicalPlan::Sort(Sort { input: Arc::new(input), ..sort.clone() }))),
            None => Ok(Transformed::no(plan)),
        }
    }
}

/// A plan with the sort below its predictions.
fn copy_below(plan: &LogicalPlan, keys: &[SortExpr], fetch: Option<usize>) -> Result<Option<LogicalPlan>> {
    if let LogicalPlan::Projection(projection) = plan {
        let below = keys.iter().map(|key| Ok(through(projection, &key.expr)?.map(|e| key.with_expr(e))));
        let Some(keys) = below.collect::<Result<Option<Vec<SortExpr>>>>()? else { return Ok(None) };
        let Some(input) = copy_below(&projection.input, &keys, fetch)? else { return Ok(None) };
        let rebuilt =
            Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), projection.schema.clone())?;
        return Ok(Some(LogicalPlan::Projection(rebuilt)));
    }
    let Some(node) = PredictNode::of(plan) else { return Ok(None) };
    let reads = |c: &Column| c.relation.is_none() && node.calls.iter().any(|call| call.name == c.name);
    if !node.is_row_independent()
        || keys.iter().any(|k| k.expr.is_volatile() || k.expr.column_refs().into_iter().any(reads))
    {
        return Ok(None);
    }
    let input = match copy_below(&node.input, keys, fetch)? {
        Some(input) => input,
        // A second pass finds what the first one put there.
        None if matches!(&node.input, LogicalPlan::Sort(s) if s.fetch.is_some() && s.expr == keys) => return Ok(None),
        None => LogicalPlan::Sort(Sort { expr: keys.to_vec(), input: Arc::new(node.input.clone()), fetch }),
    };
    Ok(Some(PredictNode::try_new(input, node.calls.clone())?.into_plan()))
}
