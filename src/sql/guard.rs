//! Guards: which rows reach a call inside `CASE`, `AND`, `OR`, `COALESCE` and aggregates with a filter.
//!
//! A guard is the expression around the call with its branches replaced by true and false, so that it evaluates exactly
//! the conditions that the expression itself evaluates, on the same rows.

use super::call::as_call;
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    error::Result,
    logical_expr::{
        BinaryExpr, Case, Expr, Operator,
        expr::{AggregateFunction, AggregateFunctionParams},
        lit,
    },
};

/// A call, and the condition under which a row reaches it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reached {
    /// The call.
    pub(crate) call: Expr,
    /// True on the rows that reach it; `None` when all do.
    pub(crate) guard: Option<Expr>,
}

/// The calls in some expressions that can be answered before them: innermost ones, each once.
///
/// Left out are calls whose arguments or guards still hold calls (they come after those), calls over subqueries,
/// columns of an outer query or volatile expressions, and calls inside lambdas.
pub(crate) fn reachable(exprs: &[Expr]) -> Result<Vec<Reached>> {
    let mut found = Vec::new();
    for expr in exprs {
        visit(expr, None, &mut found)?;
    }
    let mut calls: Vec<Reached> = Vec::new();
    for one in found {
        let Some(known) = calls.iter_mut().find(|c| c.call == one.call) else {
            calls.push(one);
            continue;
        };
        known.guard = match (known.guard.take(), one.guard) {
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(a), Some(b)) => Some(first_true(a, b)),
            _ => None,
        };
    }
    Ok(calls.into_iter().filter(is_free).collect())
}

/// Whether an expression holds a call.
pub(crate) fn holds_call(expr: &Expr) -> bool {
    expr.exists(|e| Ok(as_call(e).is_some())).unwrap_or(false)
}

/// Whether a call can be answered on its own before the expression that it stands in.
fn is_free(one: &Reached) -> bool {
    let Some(call) = as_call(&one.call) else { return false };
    let fixed = |e: &Expr| {
        !holds_call(e)
            && !e.is_volatile()
            && !e.contains_outer()
            && !e
                .exists(|x| {
                    Ok(matches!(
                        x,
                        Expr::ScalarSubquery(_)
                            | Expr::Exists(_)
                            | Expr::InSubquery(_)
                            | Expr::SetComparison(_)
                            | Expr::Placeholder(_)
                            | Expr::LambdaVariable(_)
                            | Expr::AggregateFunction(_)
                            | Expr::WindowFunction(_)
                    ))
                })
                .unwrap_or(true)
    };
    call.args.iter().chain(&one.guard).all(fixed)
}

fn visit(expr: &Expr, guard: Option<&Expr>, found: &mut Vec<Reached>) -> Result<()> {
    if !holds_call(expr) {
        return Ok(());
    }
    if let Some(call) = as_call(expr) {
        for argument in &call.args {
            visit(argument, guard, found)?;
        }
        found.push(Reached { call: expr.clone(), guard: guard.cloned() });
        return Ok(());
    }
    match expr {
        Expr::Lambda(_) => Ok(()),
        Expr::Case(case) => visit_case(case, guard, found),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            visit(left, guard, found)?;
            // The right side is needed where the left one does not decide.
            let decides = match op {
                Operator::And => left.as_ref().clone().is_false(),
                _ => left.as_ref().clone().is_true(),
            };
            let needed = case(None, vec![(decides, lit(false))], lit(true));
            visit(right, Some(&within(guard, needed)), found)
        }
        Expr::ScalarFunction(f) if f.name() == "coalesce" => {
            for (i, argument) in f.args.iter().enumerate() {
                let before: Vec<_> = f.args[..i].iter().map(|a| (a.clone().is_not_null(), lit(false))).collect();
                match before.is_empty() {
                    true => visit(argument, guard, found)?,
                    false => visit(argument, Some(&within(guard, case(None, before, lit(true)))), found)?,
                }
            }
            Ok(())
        }
        // Which rows reach which argument of another lazy function is not known here.
        Expr::ScalarFunction(f) if f.func.short_circuits() => Ok(()),
        Expr::AggregateFunction(AggregateFunction {
            params: AggregateFunctionParams { args, filter: Some(filter), order_by, .. },
            ..
        }) => {
            visit(filter, guard, found)?;
            let kept = within(guard, filter.as_ref().clone().is_true());
            for argument in args.iter().chain(order_by.iter().map(|s| &s.expr)) {
                visit(argument, Some(&kept), found)?;
            }
            Ok(())
        }
        _ => expr
            .apply_children(|child| {
                visit(child, guard, found)?;
                Ok(TreeNodeRecursion::Continue)
            })
            .map(drop),
    }
}

fn visit_case(whole: &Case, guard: Option<&Expr>, found: &mut Vec<Reached>) -> Result<()> {
    if let Some(operand) = &whole.expr {
        visit(operand, guard, found)?;
    }
    // A case like this one that is true where its first `upto` conditions lead to what is asked for.
    let reaches = |upto: usize, last: bool| {
        let branches: Vec<(Expr, Expr)> = whole.when_then_expr[..upto]
            .iter()
            .enumerate()
            .map(|(i, (when, _))| (when.as_ref().clone(), lit(last && i + 1 == upto)))
            .collect();
        case(whole.expr.as_deref().cloned(), branches, lit(!last))
    };
    for (i, (when, then)) in whole.when_then_expr.iter().enumerate() {
        match i {
            0 => visit(when, guard, found)?,
            _ => visit(when, Some(&within(guard, reaches(i, false))), found)?,
        }
        visit(then, Some(&within(guard, reaches(i + 1, true))), found)?;
    }
    match &whole.else_expr {
        Some(otherwise) => visit(otherwise, Some(&within(guard, reaches(whole.when_then_expr.len(), false))), found),
        None => Ok(()),
    }
}

fn case(operand: Option<Expr>, branches: Vec<(Expr, Expr)>, otherwise: Expr) -> Expr {
    let boxed = branches.into_iter().map(|(when, then)| (Box::new(when), Box::new(then))).collect();
    Expr::Case(Case::new(operand.map(Box::new), boxed, Some(Box::new(otherwise))))
}

/// A guard inside another one.
fn within(outer: Option<&Expr>, inner: Expr) -> Expr {
    match outer {
        Some(outer) => case(None, vec![(outer.clone(), inner)], lit(false)),
        None => inner,
    }
}

/// True where either is, the second looked at only where the first is not.
fn first_true(a: Expr, b: Expr) -> Expr {
    case(None, vec![(a, lit(true))], b)
}
