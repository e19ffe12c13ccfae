//! Expressions over a projection's output as expressions over its input.

use datafusion::{
    common::tree_node::{Transformed, TreeNode},
    error::Result,
    logical_expr::{Expr, Projection},
};

/// The expression with what each column stands for; `None` where one is not of the projection.
pub(super) fn through(projection: &Projection, expr: &Expr) -> Result<Option<Expr>> {
    let mut known = true;
    let expr = expr.clone().transform_up(|e| {
        let Expr::Column(column) = &e else { return Ok(Transformed::no(e)) };
        let found = projection.schema.maybe_index_of_column(column).map(|i| projection.expr[i].clone().unalias());
        known &= found.is_some();
        Ok(found.map_or(Transformed::no(e), Transformed::yes))
    })?;
    Ok(known.then_some(expr.data))
}
