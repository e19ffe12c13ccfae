//! The rule that takes away predictions that nobody reads.

use super::PredictNode;
use datafusion::{
    common::{Column, tree_node::Transformed},
    error::Result,
    logical_expr::{Expr, LogicalPlan},
    optimizer::{OptimizerConfig, OptimizerRule},
};
use std::collections::HashSet;

/// Removes calls whose answers no node above reads, and nodes without calls.
#[derive(Debug, Default, Clone, Copy)]
pub struct PrunePredictions;

impl OptimizerRule for PrunePredictions {
    fn name(&self) -> &str {
        "prune_predictions"
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_down_with_subqueries(|node| match &node {
            // These read what their expressions name and nothing else.
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => {
                let mut read = HashSet::new();
                note(&node.expressions(), &mut read);
                let Some(input) = below(node.inputs().first().copied(), read)? else {
                    return Ok(Transformed::no(node));
                };
                Ok(Transformed::yes(node.with_new_exprs(node.expressions(), vec![input])?))
            }
            _ => Ok(Transformed::no(node)),
        })
    }
}

/// The names of unqualified columns in some expressions.
fn note(exprs: &[Expr], read: &mut HashSet<String>) {
    for expr in exprs {
        read.extend(expr.column_refs().into_iter().filter(|c: &&Column| c.relation.is_none()).map(|c| c.name.clone()));
    }
}

/// A plan without the answers that are not read, when there are some; looks through nodes that hand columns on.
fn below(plan: Option<&LogicalPlan>, mut read: HashSet<String>) -> Result<Option<LogicalPlan>> {
    let Some(plan) = plan else { return Ok(None) };
    if let Some(node) = PredictNode::of(plan) {
        let calls: Vec<_> = node.calls.iter().filter(|c| read.contains(&c.name)).cloned().collect();
        let dropped = calls.len() < node.calls.len();
        for call in &calls {
            note(&call.columns, &mut read);
            note(call.guard.as_slice(), &mut read);
        }
        let input = below(Some(&node.input), read)?;
        if !dropped && input.is_none() {
            return Ok(None);
        }
        let input = input.unwrap_or_else(|| node.input.clone());
        return Ok(Some(match calls.is_empty() {
            true => input,
            false => PredictNode::try_new(input, calls)?.into_plan(),
        }));
    }
    match plan {
        LogicalPlan::Filter(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
            let exprs = plan.expressions();
            note(&exprs, &mut read);
            let input = below(plan.inputs().first().copied(), read)?;
            input.map(|input| plan.with_new_exprs(exprs, vec![input])).transpose()
        }
        _ => Ok(None),
    }
}
