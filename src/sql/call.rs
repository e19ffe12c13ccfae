//! A call of `predict`, bound: which expressions feed the model, and in which way.

use super::{HologramOptions, ModelCatalog};
use crate::{Error, Result};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::{
    common::{DFSchema, ExprSchema, ScalarValue},
    functions::core::expr_fn::get_field,
    logical_expr::{Expr, ExprSchemable, expr::ScalarFunction},
};
use hologram_resolver::rows::RowSession;
use std::sync::Arc;

/// The name of the function.
pub(crate) const PREDICT: &str = "predict";

/// A call with its model open.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// The model as the query names it.
    pub(crate) reference: String,
    /// The session that answers.
    pub(crate) rows: RowSession,
    /// The expressions of the columns that are used, in the order in which the session takes them.
    pub(crate) columns: Vec<Expr>,
}

/// The call in an expression that is one.
pub(crate) fn as_call(expr: &Expr) -> Option<&ScalarFunction> {
    match expr {
        Expr::ScalarFunction(f) if f.func.inner().downcast_ref::<super::PredictFunction>().is_some() => Some(f),
        _ => None,
    }
}

/// The text of the first argument.
///
/// # Errors
/// `Invalid` for anything but a string literal.
pub(crate) fn reference(first: Option<&ScalarValue>) -> Result<String> {
    match first.and_then(|v| v.try_as_str()) {
        Some(Some(text)) => Ok(text.to_owned()),
        _ => Err(Error::invalid(
            "predict() takes a model's name or path as a string literal first, then columns: predict('model', a, b)",
        )),
    }
}

/// The fields that the columns of a call have, and whether they are bound by name: the fields of a single struct are.
pub(crate) fn fields(arguments: &[FieldRef]) -> (Vec<FieldRef>, bool) {
    match arguments {
        [one] => match one.data_type() {
            DataType::Struct(children) => (children.iter().cloned().collect(), true),
            _ => (arguments.to_vec(), false),
        },
        _ => (arguments.to_vec(), false),
    }
}

/// Binds the arguments of a call over a relation.
///
/// # Errors
/// `Missing` for a model that is not there; `Invalid` for arguments that do not fit.
pub(crate) fn bind(
    models: &ModelCatalog,
    call: &ScalarFunction,
    schema: &DFSchema,
    options: &HologramOptions,
) -> Result<Bound> {
    let first = match call.args.first() {
        Some(Expr::Literal(value, _)) => Some(value),
        _ => None,
    };
    let reference = reference(first)?;
    let arguments = &call.args[1..];
    let given: Vec<FieldRef> = arguments.iter().map(|e| field_of(e, schema)).collect::<Result<_>>()?;
    let (fields, named) = fields(&given);
    let rows = models.bind(&reference, &fields, named, options)?;
    let used = rows.binding().columns();
    let columns = match (named, arguments) {
        (true, [one]) => used.iter().map(|i| member(one, fields[*i].name())).collect(),
        _ => used.iter().map(|i| arguments[*i].clone()).collect(),
    };
    Ok(Bound { reference, rows, columns })
}

/// The field of an argument, under the column's own name where it is one.
fn field_of(expr: &Expr, schema: &DFSchema) -> Result<FieldRef> {
    if let Expr::Column(column) = expr {
        return Ok(schema.field_from_column(column)?.clone());
    }
    let (_, field) = expr.to_field(schema)?;
    Ok(Arc::new(
        Field::new(expr.schema_name().to_string(), field.data_type().clone(), field.is_nullable())
            .with_metadata(field.metadata().clone()),
    ))
}

/// A field of a struct expression; of a struct that is made on the spot, what it is made of.
fn member(expr: &Expr, name: &str) -> Expr {
    if let Expr::ScalarFunction(f) = expr
        && f.name() == "named_struct"
    {
        for pair in f.args.chunks(2) {
            if let [Expr::Literal(key, _), value] = pair
                && key.try_as_str().flatten() == Some(name)
            {
                return value.clone();
            }
        }
    }
    get_field(expr.clone(), name)
}
