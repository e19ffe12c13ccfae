//! The rule that takes calls of `predict` out of expressions into nodes of their own.
//!
//! For each node that evaluates expressions, from the leaves up: its calls move into a [`PredictNode`] between it and its
//! input, and columns stand where they stood. A filter becomes a chain, cheap conditions first, one node and filter for
//! each condition with calls, so that each model sees only the rows that the conditions before it let through. Nodes
//! whose output would grow get a projection above them that restores it; the node above takes that projection away again
//! when it wants an answer that is there already.

use super::{
    HologramOptions, ModelCatalog, PredictCall, PredictNode, call,
    guard::{Reached, holds_call, reachable},
    node::PREFIX,
};
use datafusion::{
    common::{
        Column, DFSchema,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    config::ConfigOptions,
    error::Result,
    logical_expr::{
        Expr, Filter, Join, JoinType, LogicalPlan, Projection,
        expr_rewriter::NamePreserver,
        utils::{conjunction, split_conjunction_owned},
    },
    optimizer::AnalyzerRule,
};
use std::sync::Arc;

/// Hoists calls of `predict` into [`PredictNode`]s.
#[derive(Debug)]
pub struct HoistPredictions {
    models: Arc<ModelCatalog>,
}

impl HoistPredictions {
    /// The rule over the models of a catalog.
    pub fn new(models: Arc<ModelCatalog>) -> Self {
        Self { models }
    }
}

impl AnalyzerRule for HoistPredictions {
    fn name(&self) -> &str {
        "hoist_predictions"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let hoist = Hoist { models: &self.models, options: HologramOptions::of(config) };
        plan.transform_up_with_subqueries(|node| hoist.node(node)).map(|t| t.data)
    }
}

/// The rule at work on one plan.
struct Hoist<'a> {
    models: &'a ModelCatalog,
    options: HologramOptions,
}

impl Hoist<'_> {
    fn node(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let exprs = plan.expressions();
        if !exprs.iter().any(holds_call) {
            return Ok(Transformed::no(plan));
        }
        self.check(&plan, &exprs)?;
        // A node above columns of an outer query must stay what the optimizer's decorrelation knows.
        if !plan.all_out_ref_exprs().is_empty() {
            return Ok(Transformed::no(plan));
        }
        match plan {
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Projection(_) | LogicalPlan::Sort(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) => {
                self.unary(plan)
            }
            other => Ok(Transformed::no(other)),
        }
    }

    /// Binds every call with the session's settings, those that stay where they are too.
    fn check(&self, plan: &LogicalPlan, exprs: &[Expr]) -> Result<()> {
        let mut schema = DFSchema::empty();
        for input in plan.inputs() {
            schema.merge(input.schema());
        }
        for expr in exprs {
            expr.apply(|e| {
                if let Some(function) = call::as_call(e)
                    && !e.contains_outer()
                    && e.column_refs().iter().all(|c| schema.has_column(c))
                {
                    call::bind(self.models, function, &schema, &self.options)?;
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(())
    }

    fn unary(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let [input] = plan.inputs()[..] else { return Ok(Transformed::no(plan)) };
        let (input, exprs, changed) = self.lift(peel(input.clone()), plan.expressions())?;
        if !changed {
            return Ok(Transformed::no(plan));
        }
        let exprs = match &plan {
            LogicalPlan::Projection(_) => {
                let names = NamePreserver::new_for_projection();
                let saved = plan.expressions().into_iter().map(|e| names.save(&e));
                saved.zip(exprs).map(|(name, e)| name.restore(e)).collect()
            }
            _ => exprs,
        };
        restore(plan.with_new_exprs(exprs, vec![input])?, &plan).map(Transformed::yes)
    }

    fn filter(&self, filter: Filter) -> Result<Transformed<LogicalPlan>> {
        let original = LogicalPlan::Filter(filter.clone());
        let (calls, plain): (Vec<Expr>, Vec<Expr>) =
            split_conjunction_owned(filter.predicate).into_iter().partition(holds_call);
        let mut input = peel(filter.input.as_ref().clone());
        if let Some(predicate) = conjunction(plain) {
            input = LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(input))?);
        }
        let mut changed = false;
        for condition in calls {
            let (below, mut condition, lifted) = self.lift(input, vec![condition])?;
            changed |= lifted;
            input = match condition.pop() {
                Some(predicate) => LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(below))?),
                None => below,
            };
        }
        match changed {
            true => restore(input, &original).map(Transformed::yes),
            false => Ok(Transformed::no(original)),
        }
    }

    fn join(&self, join: Join) -> Result<Transformed<LogicalPlan>> {
        let original = LogicalPlan::Join(join.clone());
        let (mut left, mut right) = (peel(join.left.as_ref().clone()), peel(join.right.as_ref().clone()));
        let mut changed = false;
        let mut on = Vec::with_capacity(join.on.len());
        for (l, r) in join.on {
            let (below, mut l, a) = self.lift(left, vec![l])?;
            left = below;
            let (below, mut r, b) = self.lift(right, vec![r])?;
            right = below;
            changed |= a || b;
            on.extend(l.pop().zip(r.pop()));
        }
        let mut kept = Vec::new();
        let mut above = Vec::new();
        for condition in join.filter.map(split_conjunction_owned).unwrap_or_default() {
            if !holds_call(&condition) {
                kept.push(condition);
                continue;
            }
            // A call over the columns of one side is answered on that side, before rows meet.
            let (below, condition, a) = self.lift_from(left, vec![condition])?;
            left = below;
            let (below, mut condition, b) = self.lift_from(right, condition)?;
            right = below;
            changed |= a || b;
            match condition.pop() {
                Some(rest) if holds_call(&rest) && join.join_type == JoinType::Inner => above.push(rest),
                rest => kept.extend(rest),
            }
        }
        if !changed && above.is_empty() {
            return Ok(Transformed::no(original));
        }
        let joined = LogicalPlan::Join(Join::try_new(
            Arc::new(left),
            Arc::new(right),
            on,
            conjunction(kept),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?);
        let whole = match conjunction(above) {
            Some(predicate) => self.filter(Filter::try_new(predicate, Arc::new(joined))?)?.data,
            None => joined,
        };
        restore(whole, &original).map(Transformed::yes)
    }

    /// Lifts the calls of some expressions out, into nodes above `input`; whether there were some.
    fn lift(&self, input: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>, bool)> {
        self.lift_if(input, exprs, |_, _| true)
    }

    /// As [`lift`](Self::lift), for calls over columns of `input` that every row reaches.
    fn lift_from(&self, input: LogicalPlan, exprs: Vec<Expr>) -> Result<(LogicalPlan, Vec<Expr>, bool)> {
        self.lift_if(input, exprs, |one, schema| {
            one.guard.is_none() && one.call.column_refs().iter().all(|c| schema.has_column(c))
        })
    }

    fn lift_if(
        &self,
        mut input: LogicalPlan,
        mut exprs: Vec<Expr>,
        fits: impl Fn(&Reached, &DFSchema) -> bool,
    ) -> Result<(LogicalPlan, Vec<Expr>, bool)> {
        let mut changed = false;
        // Each round lifts the innermost calls; calls over their answers follow in the next one.
        loop {
            let mut places: Vec<(Expr, Expr)> = Vec::new();
            let mut calls: Vec<PredictCall> = Vec::new();
            for one in reachable(&exprs)?.into_iter().filter(|r| fits(r, input.schema())) {
                if let Some(name) = answered(&input, &one) {
                    places.push((one.call, Expr::Column(Column::new_unqualified(name))));
                    continue;
                }
                let name = free_name(input.schema(), calls.len());
                places.push((one.call.clone(), Expr::Column(Column::new_unqualified(&name))));
                calls.push(PredictCall::new(self.models, one.call, one.guard, name, input.schema(), &self.options)?);
            }
            if places.is_empty() {
                return Ok((input, exprs, changed));
            }
            changed = true;
            if !calls.is_empty() {
                input = PredictNode::try_new(input, calls)?.into_plan();
            }
            exprs = exprs.into_iter().map(|e| replace(e, &places)).collect::<Result<_>>()?;
        }
    }
}

/// An expression with columns in the places of calls.
fn replace(expr: Expr, places: &[(Expr, Expr)]) -> Result<Expr> {
    let transformed = expr.transform_down(|e| {
        if matches!(e, Expr::Lambda(_)) {
            return Ok(Transformed::new(e, false, TreeNodeRecursion::Jump));
        }
        Ok(match places.iter().find(|(call, _)| *call == e) {
            Some((_, column)) => Transformed::new(column.clone(), true, TreeNodeRecursion::Jump),
            None => Transformed::no(e),
        })
    })?;
    Ok(transformed.data)
}

/// The column of a call that a node below answers already for every row.
fn answered(input: &LogicalPlan, wanted: &Reached) -> Option<String> {
    let mut plan = input;
    // Where rows were taken away since, what a model says of all rows together is another answer.
    let mut fewer = false;
    loop {
        if let Some(node) = PredictNode::of(plan) {
            let fits = |c: &&PredictCall| {
                c.original == wanted.call
                    && (c.guard.is_none() || c.guard == wanted.guard)
                    && (c.is_row_independent() || !fewer)
            };
            if let Some(call) = node.calls.iter().find(fits) {
                return Some(call.name.clone());
            }
            plan = &node.input;
            continue;
        }
        fewer |= !matches!(plan, LogicalPlan::Sort(_));
        plan = match plan {
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::Sort(sort) => &sort.input,
            LogicalPlan::Limit(limit) => &limit.input,
            _ => return None,
        };
    }
}

/// A name that no column of a relation has, nor the `taken` answers beside it.
fn free_name(schema: &DFSchema, taken: usize) -> String {
    let first = (0..).find(|i| !schema.has_column_with_unqualified_name(&format!("{PREFIX}{i}"))).unwrap_or(0);
    let free = (first..).filter(|i| !schema.has_column_with_unqualified_name(&format!("{PREFIX}{i}")));
    format!("{PREFIX}{}", free.into_iter().nth(taken).unwrap_or(first))
}

/// A plan under a projection that does nothing but hide answers.
fn peel(plan: LogicalPlan) -> LogicalPlan {
    match &plan {
        LogicalPlan::Projection(p) if p.expr.iter().all(|e| matches!(e, Expr::Column(_))) => {
            let hides = |name: &String| name.starts_with(PREFIX) && !p.schema.has_column_with_unqualified_name(name);
            match p.input.schema().fields().iter().any(|f| hides(f.name())) {
                true => p.input.as_ref().clone(),
                false => plan,
            }
        }
        _ => plan,
    }
}

/// A rewritten plan with the columns and names that the original has.
fn restore(plan: LogicalPlan, original: &LogicalPlan) -> Result<LogicalPlan> {
    let (new, old) = (plan.schema(), original.schema());
    let name =
        |(q, f): (Option<&datafusion::common::TableReference>, &arrow_schema::FieldRef)| (q.cloned(), f.name().clone());
    if new.iter().map(name).eq(old.iter().map(name)) {
        return Ok(plan);
    }
    let (new_width, old_width) = (new.fields().len(), old.fields().len());
    // Where output is computed it comes last and keeps its place; columns that pass through keep their names.
    let computed = match &plan {
        LogicalPlan::Aggregate(_) => old_width,
        LogicalPlan::Window(window) => window.window_expr.len(),
        _ => 0,
    };
    let mut exprs = Vec::with_capacity(old_width);
    for (i, (qualifier, field)) in old.iter().enumerate() {
        if i + computed < old_width {
            exprs.push(Expr::Column(Column::new(qualifier.cloned(), field.name())));
            continue;
        }
        let (new_qualifier, new_field) = new.qualified_field(new_width - (old_width - i));
        let column = Expr::Column(Column::new(new_qualifier.cloned(), new_field.name()));
        exprs.push(match new_field.name() == field.name() && new_qualifier == qualifier {
            true => column,
            false => column.alias_qualified(qualifier.cloned(), field.name()),
        });
    }
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(plan))?))
}
