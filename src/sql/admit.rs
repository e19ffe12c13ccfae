//! The rule that filters by the codes of a table before anything else is done with a row.
//!
//! `WHERE predict('m', a, b) = 'x'` over a model with a table has one value for each entry of it. The rule works that out
//! while it plans, and puts a filter below the predictions that asks a row's entry for one bit ([`TableMask`]). It is a
//! function of columns like any other, so DataFusion moves it down, through joins and into scans that filter while they
//! decode. The condition itself stays where it stands: rows outside of the table pass the first filter and are computed
//! above it, and the filter never fails.

use super::{PredictNode, through::through};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use datafusion::{
    common::{Column, DFSchema, ToDFSchema, cast::as_boolean_array, tree_node::Transformed},
    error::Result,
    execution::context::ExecutionProps,
    logical_expr::{
        ColumnarValue, Expr, Filter, LogicalPlan, Projection, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility, physical_planning_context::PhysicalPlanningContext, utils::split_conjunction,
    },
    optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule},
    physical_expr::create_physical_expr,
};
use hologram_resolver::rows::TableMask;
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Tables of more entries are not looked through while a query is planned.
const ENTRIES_MAX: usize = 1 << 22;

/// Puts first filters below predictions whose answers come from a table.
#[derive(Debug, Default, Clone, Copy)]
pub struct AdmitByTables;

impl OptimizerRule for AdmitByTables {
    fn name(&self) -> &str {
        "admit_by_tables"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let conditions: Vec<Expr> = split_conjunction(&filter.predicate).into_iter().cloned().collect();
        let Some(input) = admit_below(&filter.input, conditions)? else { return Ok(Transformed::no(plan)) };
        Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(input))?)))
    }
}

/// A plan with the first filters of conditions on its rows below its predictions, where there are some that were not there.
fn admit_below(plan: &LogicalPlan, conditions: Vec<Expr>) -> Result<Option<LogicalPlan>> {
    if let LogicalPlan::Projection(projection) = plan {
        let below = conditions.iter().filter_map(|c| through(projection, c).transpose());
        let conditions = below.collect::<Result<Vec<Expr>>>()?;
        let Some(input) = admit_below(&projection.input, conditions)? else { return Ok(None) };
        let rebuilt =
            Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), projection.schema.clone())?;
        return Ok(Some(LogicalPlan::Projection(rebuilt)));
    }
    let Some(node) = PredictNode::of(plan).filter(|node| node.is_row_independent()) else { return Ok(None) };
    let mut node = node.clone();
    let mut admitted = false;
    for condition in &conditions {
        admitted |= admit(&mut node, condition)?;
    }
    Ok(admitted.then(|| node.into_plan()))
}

/// Puts the first filter of a condition below a node; whether there is one that was not there.
fn admit(node: &mut PredictNode, condition: &Expr) -> Result<bool> {
    let columns = condition.column_refs();
    let [column] = columns.into_iter().collect::<Vec<&Column>>()[..] else { return Ok(false) };
    let Some(place) = node.calls.iter().position(|c| column.relation.is_none() && c.name == column.name) else {
        return Ok(false);
    };
    let call = &mut node.calls[place];
    // A condition is looked at once: what became of it is not found again once DataFusion has moved it.
    if call.looked_at.contains(condition) {
        return Ok(false);
    }
    call.looked_at.push(condition.clone());
    // Arguments that may fail are for the rows that the conditions before them let through.
    if call.guard.is_some() || condition.is_volatile() || !call.columns.iter().all(is_plain) {
        return Ok(false);
    }
    let Some(answers) = call.rows.table_answers().filter(|a| a.len() <= ENTRIES_MAX) else { return Ok(false) };
    // What cannot be said of some entry is left to the condition, which meets only the entries that rows have.
    let Ok(keeps) = holds(condition, &call.name, answers) else { return Ok(false) };
    // Most rows would be looked up twice.
    if keeps.true_count() * 2 > keeps.len() {
        return Ok(false);
    }
    let mask = call.rows.table_mask(keeps.values()).map_err(crate::Error::from)?;
    let name =
        format!("table_admits('{}', {condition}: {} of {} entries)", call.reference, mask.kept(), mask.entries());
    let function = TableAdmits { name, signature: Signature::variadic_any(Volatility::Immutable), mask };
    let first = ScalarUDF::from(function).call(call.columns.clone());
    let input = LogicalPlan::Filter(Filter::try_new(first, Arc::new(node.input.clone()))?);
    *node = PredictNode::try_new(input, node.calls.clone())?;
    Ok(true)
}

/// Whether an expression is a column, a field of one, or a constant: it has a value for every row.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Alias(alias) => is_plain(&alias.expr),
        Expr::ScalarFunction(f) => f.name() == "get_field" && f.args.iter().all(is_plain),
        _ => false,
    }
}

/// For each answer whether a condition on the column `name` keeps it.
fn holds(condition: &Expr, name: &str, answers: &ArrayRef) -> Result<BooleanArray> {
    let field = Field::new(name, answers.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let known: DFSchema = schema.clone().to_dfschema()?;
    let condition =
        create_physical_expr(condition, &known, &ExecutionProps::new(), &PhysicalPlanningContext::default())?;
    let batch = RecordBatch::try_new(schema, vec![answers.clone()])?;
    let held = condition.evaluate(&batch)?.into_array(answers.len())?;
    Ok(super::exec::true_only(as_boolean_array(&held)?))
}

/// Whether the table's entry of a row is one of some, as a function of the columns that feed the model.
#[derive(Debug)]
struct TableAdmits {
    /// Says of which condition, for `EXPLAIN`.
    name: String,
    signature: Signature,
    mask: TableMask,
}

impl PartialEq for TableAdmits {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.mask.is_same(&other.mask)
    }
}

impl Eq for TableAdmits {}

impl Hash for TableAdmits {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for TableAdmits {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let kept = self.mask.admits(&arrays, rows).map_err(crate::Error::from)?;
        Ok(ColumnarValue::Array(Arc::new(kept)))
    }
}
