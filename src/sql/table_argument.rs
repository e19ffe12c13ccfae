//! `predict('model', t)`, where `t` is a relation in scope: its columns as one struct, bound by name.
//!
//! DataFusion's planner knows columns only. A statement that does not plan because a column of that name does not exist
//! is rewritten: the argument becomes a struct of the relation's columns, which planning the relation alone tells.

use super::call::PREDICT;
use crate::{Error, Result};
use datafusion::{
    common::{DataFusionError, SchemaError},
    logical_expr::LogicalPlan,
    prelude::SessionContext,
    sql::{
        parser::{CopyToSource, Statement as Parsed},
        sqlparser::{
            ast::{
                Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr,
                Ident, ObjectName, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Value,
                VisitMut, VisitorMut, With, visit_expressions_mut,
            },
            dialect::GenericDialect,
            parser::Parser,
        },
    },
};
use std::ops::ControlFlow;

/// Relations that one statement may give to calls.
const REWRITES_MAX: usize = 64;

/// Plans a statement of DataFusion's SQL in which calls of `predict` may take relations.
///
/// # Errors
/// Those of parsing and planning.
pub async fn plan_sql(context: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(sql, &dialect)?;
    select_all(&mut statement);
    for _ in 0..REWRITES_MAX {
        let error = match state.statement_to_plan(statement.clone()).await {
            Ok(plan) => return Ok(plan),
            Err(error) => error,
        };
        let Some(name) = missing_column(&error) else { return Err(error.into()) };
        let Some(relation) = relation_argument(&mut statement, &name) else { return Err(error.into()) };
        // The relation's columns: what selecting all of it gives.
        let probe = Parsed::Statement(Box::new(Statement::Query(Box::new(relation))));
        let plan = state.statement_to_plan(probe).await?;
        let columns: Vec<String> = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
        if columns.is_empty() {
            return Err(Error::invalid(format!("predict() over '{name}': the relation has no columns")));
        }
        expand(&mut statement, &name, &columns);
    }
    Err(Error::invalid(format!("more than {REWRITES_MAX} relations are given to predict() in one statement")))
}

/// Turns `FROM predict('model', t)` into `FROM predict('model', (SELECT * FROM t))`, so that `t` is looked up as a table.
fn select_all(statement: &mut Parsed) {
    struct Named;

    impl VisitorMut for Named {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: Some(list), .. } = factor
                && name.to_string().eq_ignore_ascii_case(PREDICT)
                && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = &mut list.args[..]
                && let Some(table) = table_name(argument)
                && let Ok(mut parser) = Parser::new(&GenericDialect {}).try_with_sql(&format!("SELECT * FROM {table}"))
                && let Ok(query) = parser.parse_query()
            {
                *argument = Expr::Subquery(query);
            }
            ControlFlow::Continue(())
        }
    }

    // Nothing breaks this visit.
    let _ = visit(statement, &mut Named);
}

/// The table that an argument of a relation names: `t`, `s.t` or `TABLE(t)`.
fn table_name(argument: &Expr) -> Option<String> {
    match argument {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => Some(argument.to_string()),
        Expr::Function(f) if f.name.to_string().eq_ignore_ascii_case("table") => match &f.args {
            FunctionArguments::List(list) if list.args.len() == 1 => Some(list.args[0].to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The column that planning did not find, when that is why it failed.
fn missing_column(error: &DataFusionError) -> Option<String> {
    match error.find_root() {
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => Some(field.name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression is a call of `predict` with only this name after the model.
fn takes(expr: &Expr, name: &str) -> bool {
    let Expr::Function(function) = expr else { return false };
    let FunctionArguments::List(list) = &function.args else { return false };
    function.name.to_string().eq_ignore_ascii_case(PREDICT)
        && matches!(&list.args[..], [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(id)))] if same(id, name))
}

/// Whether an identifier names a relation, under SQL's rule for upper and lower case.
fn same(id: &Ident, name: &str) -> bool {
    if id.quote_style.is_some() { id.value == name } else { id.value.eq_ignore_ascii_case(name) }
}

/// The name that a relation goes by in its query.
fn known_as(factor: &TableFactor) -> Option<&Ident> {
    match factor {
        TableFactor::Table { name, alias, .. } => match alias {
            Some(alias) => Some(&alias.name),
            None => name.0.last().and_then(|part| part.as_ident()),
        },
        TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. } => alias.as_ref().map(|a| &a.name),
        _ => None,
    }
}

fn factors(from: &[TableWithJoins]) -> impl Iterator<Item = &TableFactor> {
    from.iter().flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)))
}

/// A query for all of a relation that a call takes, with the common tables that are in scope there.
fn relation_argument(statement: &mut Parsed, name: &str) -> Option<Query> {
    /// Looks for the select, with the queries around it.
    struct Find<'a> {
        name: &'a str,
        around: Vec<Query>,
    }

    impl VisitorMut for Find<'_> {
        type Break = Query;

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Query> {
            self.around.push(query.clone());
            if let SetExpr::Select(select) = query.body.as_ref()
                && let Some(factor) = factors(&select.from).find(|f| known_as(f).is_some_and(|id| same(id, self.name)))
                && mentions(select, query, self.name)
            {
                return ControlFlow::Break(self.all_of(query, select, factor));
            }
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Query> {
            self.around.pop();
            ControlFlow::Continue(())
        }
    }

    impl Find<'_> {
        fn all_of(&self, query: &Query, select: &Select, factor: &TableFactor) -> Query {
            let mut query = query.clone();
            let mut only = select.clone();
            only.from = vec![TableWithJoins { relation: factor.clone(), joins: Vec::new() }];
            only.projection = vec![SelectItem::Wildcard(Default::default())];
            only.distinct = None;
            only.top = None;
            only.selection = None;
            only.having = None;
            only.qualify = None;
            only.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
            only.named_window = Vec::new();
            query.body = Box::new(SetExpr::Select(Box::new(only)));
            query.order_by = None;
            query.limit_clause = None;
            query.fetch = None;
            // The common tables of every query around, the outer ones first; an inner one hides an outer one of its name.
            let mut with: Option<With> = None;
            for one in self.around.iter().filter_map(|q| q.with.clone()) {
                match &mut with {
                    None => with = Some(one),
                    Some(all) => {
                        all.recursive |= one.recursive;
                        let hidden: Vec<String> = one.cte_tables.iter().map(|c| c.alias.name.value.clone()).collect();
                        all.cte_tables.retain(|c| !hidden.contains(&c.alias.name.value));
                        all.cte_tables.extend(one.cte_tables);
                    }
                }
            }
            query.with = with;
            query
        }
    }

    let mut find = Find { name, around: Vec::new() };
    match visit(statement, &mut find) {
        ControlFlow::Break(query) => Some(query),
        ControlFlow::Continue(()) => None,
    }
}

/// Whether a select, or the order of its query, holds a call that takes the name.
fn mentions(select: &Select, query: &Query, name: &str) -> bool {
    let mut whole = Query { with: None, body: Box::new(SetExpr::Select(Box::new(select.clone()))), ..query.clone() };
    let found = visit_expressions_mut(&mut whole, |e| {
        if takes(e, name) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found.is_break()
}

/// Visits the SQL inside DataFusion's own statements.
fn visit<V: VisitorMut>(statement: &mut Parsed, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        Parsed::Statement(inner) => inner.visit(visitor),
        Parsed::Explain(explain) => visit(&mut explain.statement, visitor),
        Parsed::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => ControlFlow::Continue(()),
    }
}

/// Puts a struct of a relation's columns into every call that takes the relation, and names the output after the call.
fn expand(statement: &mut Parsed, name: &str, columns: &[String]) {
    struct Expand<'a> {
        name: &'a str,
        columns: &'a [String],
    }

    impl VisitorMut for Expand<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let SetExpr::Select(select) = query.body.as_mut() {
                for item in &mut select.projection {
                    if let SelectItem::UnnamedExpr(expr) = item
                        && takes(expr, self.name)
                    {
                        let alias = Ident::with_quote('"', expr.to_string());
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                    }
                }
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if takes(expr, self.name)
                && let Expr::Function(function) = expr
                && let FunctionArguments::List(list) = &mut function.args
                && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.last_mut()
                && let Expr::Identifier(relation) = argument.clone()
            {
                *argument = whole_row(&relation, self.columns);
            }
            ControlFlow::Continue(())
        }
    }

    // Nothing breaks this visit.
    let _ = visit(statement, &mut Expand { name, columns });
}

/// `named_struct('a', t.a, ...)`.
fn whole_row(relation: &Ident, columns: &[String]) -> Expr {
    let mut args = Vec::with_capacity(columns.len() * 2);
    for column in columns {
        let key = Expr::Value(Value::SingleQuotedString(column.clone()).into());
        let value = Expr::CompoundIdentifier(vec![relation.clone(), Ident::with_quote('"', column)]);
        args.extend([key, value].map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))));
    }
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("named_struct")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
