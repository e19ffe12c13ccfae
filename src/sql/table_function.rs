//! `FROM predict('model', relation)`: a relation with the model's answers beside its columns.

use super::call::PREDICT;
use crate::Error;
use arrow_schema::DataType;
use datafusion::{
    common::{Column, DFSchema},
    error::Result,
    functions::core::expr_fn::get_field,
    logical_expr::{
        Expr, ExprSchemable, LogicalPlanBuilder,
        planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning},
    },
    prelude::lit,
    sql::sqlparser::{
        ast::{Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArguments, SetExpr, TableFactor},
        dialect::GenericDialect,
        parser::Parser,
    },
};

/// Plans `predict('model', t)`, `predict('model', TABLE(t))` and `predict('model', (SELECT ...))` as relations.
///
/// The relation's columns are bound by name. Its output has all of them, then the fields of the answer, or the answer as
/// `prediction` when it is one value.
#[derive(Debug, Default, Clone, Copy)]
pub struct PredictRelation;

impl RelationPlanner for PredictRelation {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (arguments, alias) = match &relation {
            TableFactor::Table { name, args: Some(list), alias, .. }
                if name.to_string().eq_ignore_ascii_case(PREDICT) =>
            {
                (list.args.clone(), alias.clone())
            }
            _ => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let wrong = || Error::invalid("predict() as a relation takes a model and a relation: FROM predict('model', t)");
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(model)), FunctionArg::Unnamed(FunctionArgExpr::Expr(source))] =
            &arguments[..]
        else {
            return Err(wrong().into());
        };
        let model = context.sql_to_expr(model.clone(), &DFSchema::empty())?;
        let text = match source {
            Ast::Function(f) if f.name.to_string().eq_ignore_ascii_case("table") => match &f.args {
                FunctionArguments::Subquery(query) => format!("({query})"),
                FunctionArguments::List(list) if list.args.len() == 1 => list.args[0].to_string(),
                _ => return Err(wrong().into()),
            },
            Ast::Subquery(query) => match query.body.as_ref() {
                SetExpr::Table(table) if table.table_name.is_some() => table.table_name.clone().unwrap_or_default(),
                _ => format!("({query})"),
            },
            other => other.to_string(),
        };
        let factor = Parser::new(&GenericDialect {})
            .try_with_sql(&text)
            .and_then(|mut parser| parser.parse_table_factor())
            .map_err(|e| Error::invalid(format!("predict() over {text}: {e}")))?;
        let input = context.plan(factor)?;
        let Some(function) = context.context_provider().get_function_meta(PREDICT) else {
            return Err(Error::invalid("the function predict() is not registered").into());
        };
        let mut pairs = Vec::new();
        let mut output = Vec::new();
        for (qualifier, field) in input.schema().iter() {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            pairs.extend([lit(field.name()), column.clone()]);
            output.push(column);
        }
        let call = function.call(vec![model, datafusion::functions::core::named_struct().call(pairs)]);
        match call.get_type(input.schema())? {
            DataType::Struct(fields) => {
                output.extend(fields.iter().map(|f| get_field(call.clone(), f.name()).alias(f.name())));
            }
            _ => output.push(call.alias("prediction")),
        }
        let plan = LogicalPlanBuilder::from(input).project(output)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}
