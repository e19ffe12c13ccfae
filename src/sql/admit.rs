//! The rule that filters by the codes of a table before anything else is done with a row.
//!
//! `WHERE predict('m', a, b) = 'x'` over a model with a table has one value for each entry of it. The rule works that out
//! while it plans, and puts a filter below the predictions that asks a row's entry for one bit ([`TableMask`]). It is a
//! function of columns like any other, so DataFusion moves it down, through joins and into scans that filter while they
//! decode. The condition itself stays where it stands: rows outside of the table pass the first filter and are computed
//! above it, and the filter never fails.

use super::{PredictCall, PredictNode, narrow, through::through};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use datafusion::{
    arrow::compute::filter,
    common::{Column, DFSchema, ToDFSchema, cast::as_boolean_array, tree_node::Transformed},
    error::Result,
    execution::context::ExecutionProps,
    logical_expr::{
        ColumnarValue, Distinct, Expr, Filter, LogicalPlan, Projection, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility, physical_planning_context::PhysicalPlanningContext, utils::split_conjunction,
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

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let conditions: Vec<Expr> = split_conjunction(&filter.predicate).into_iter().cloned().collect();
        let mut properties = ExecutionProps::new();
        properties.config_options = Some(config.options());
        let below = admit_below(&filter.input, conditions, &properties)?;
        let Some(input) = below else { return Ok(Transformed::no(plan)) };
        Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(input))?)))
    }
}

/// A plan whose predictions have looked at conditions on its rows, with the first filters of these below them; `None` where
/// they had looked at all of them before.
fn admit_below(plan: &LogicalPlan, conditions: Vec<Expr>, properties: &ExecutionProps) -> Result<Option<LogicalPlan>> {
    if let LogicalPlan::Projection(projection) = plan {
        let below = conditions.iter().filter_map(|c| through(projection, c).transpose());
        let conditions = below.collect::<Result<Vec<Expr>>>()?;
        let Some(input) = admit_below(&projection.input, conditions, properties)? else { return Ok(None) };
        let rebuilt =
            Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), projection.schema.clone())?;
        return Ok(Some(LogicalPlan::Projection(rebuilt)));
    }
    let Some(node) = PredictNode::of(plan).filter(|node| node.is_row_independent()) else { return Ok(None) };
    let mut node = node.clone();
    let mut is_changed = false;
    for condition in &conditions {
        is_changed |= admit(&mut node, condition, properties)?;
    }
    Ok(is_changed.then(|| node.into_plan()))
}

/// Looks at a condition, and puts its first filter below a node where it has one; whether it had not looked at it before.
fn admit(node: &mut PredictNode, condition: &Expr, properties: &ExecutionProps) -> Result<bool> {
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
    let call = &node.calls[place];
    let Some(first) = first_filter(node, call, condition, properties)? else { return Ok(true) };
    let input = LogicalPlan::Filter(Filter::try_new(first, Arc::new(node.input.clone()))?);
    *node = PredictNode::try_new(input, node.calls.clone())?;
    Ok(true)
}

/// The first filter of a condition on the answers of a call.
fn first_filter(
    node: &PredictNode,
    call: &PredictCall,
    condition: &Expr,
    properties: &ExecutionProps,
) -> Result<Option<Expr>> {
    // Arguments that may fail are for the rows that the conditions before them let through.
    if call.guard.is_some() || condition.is_volatile() || !call.columns.iter().all(|e| is_plain_in(e, &node.input)) {
        return Ok(None);
    }
    let Some(answers) = call.rows.table_answers().filter(|a| a.len() <= ENTRIES_MAX) else { return Ok(None) };
    // What other conditions say of the columns: no row has an entry outside of that region.
    let region = call.rows.table_region(&narrow::spans(&node.input, &call.columns, None));
    let asked = match &region {
        Some(region) => filter(answers, &BooleanArray::new(region.clone(), None))?,
        None => answers.clone(),
    };
    let entries = asked.len();
    // What cannot be said of some entry is left to the condition, which meets only the entries that rows have.
    let Ok(keeps) = holds(condition, &call.name, &asked, properties) else { return Ok(None) };
    // Most rows would be looked up twice.
    if keeps.true_count() * 2 > entries {
        return Ok(None);
    }
    let keeps = match &region {
        Some(region) => {
            let mut next = keeps.values().iter();
            region.iter().map(|is_in| is_in && next.next().unwrap_or(false)).collect()
        }
        None => keeps.values().clone(),
    };
    let mask = call.rows.table_mask(&keeps).map_err(crate::Error::from)?;
    let name = format!("table_admits('{}', {condition}: {} of {entries} entries)", call.reference, mask.kept());
    let function = TableAdmits { name, signature: Signature::variadic_any(Volatility::Immutable), mask };
    Ok(Some(ScalarUDF::from(function).call(call.columns.clone())))
}

/// Whether an expression over a plan's rows is still plain wherever DataFusion may move it: what stands for its columns in
/// the projections and groupings below is.
fn is_plain_in(expr: &Expr, plan: &LogicalPlan) -> bool {
    is_plain(expr) && expr.column_refs().into_iter().all(|column| is_plain_column(column, plan))
}

fn is_plain_column(column: &Column, plan: &LogicalPlan) -> bool {
    let place = plan.schema().maybe_index_of_column(column);
    let same = |input: &LogicalPlan| place.is_some_and(|place| is_plain_place(place, input));
    match plan {
        LogicalPlan::TableScan(_) | LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Filter(filter) => same(&filter.input),
        LogicalPlan::Sort(sort) => same(&sort.input),
        LogicalPlan::Limit(limit) => same(&limit.input),
        LogicalPlan::SubqueryAlias(alias) => same(&alias.input),
        LogicalPlan::Repartition(repartition) => same(&repartition.input),
        LogicalPlan::Distinct(Distinct::All(input)) => same(input),
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| same(input)),
        LogicalPlan::Projection(projection) => {
            place.is_some_and(|place| is_plain_in(&projection.expr[place].clone().unalias(), &projection.input))
        }
        LogicalPlan::Join(join) => [&join.left, &join.right]
            .into_iter()
            .filter(|input| input.schema().has_column(column))
            .all(|input| is_plain_column(column, input)),
        // Conditions on what is aggregated stay above.
        LogicalPlan::Aggregate(aggregate)
            if !aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) =>
        {
            match place.and_then(|place| aggregate.group_expr.get(place)) {
                Some(group) => is_plain_in(&group.clone().unalias(), &aggregate.input),
                None => place.is_some(),
            }
        }
        // And so do those on answers.
        LogicalPlan::Extension(_) => PredictNode::of(plan).is_some_and(|node| {
            let is_answer = |call: &PredictCall| column.relation.is_none() && call.name == column.name;
            node.calls.iter().any(is_answer) || is_plain_column(column, &node.input)
        }),
        _ => false,
    }
}

/// As above, of the column at a place of a plan's rows.
fn is_plain_place(place: usize, plan: &LogicalPlan) -> bool {
    place < plan.schema().fields().len() && is_plain_column(&Column::from(plan.schema().qualified_field(place)), plan)
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
fn holds(condition: &Expr, name: &str, answers: &ArrayRef, properties: &ExecutionProps) -> Result<BooleanArray> {
    let field = Field::new(name, answers.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let known: DFSchema = schema.clone().to_dfschema()?;
    let condition = create_physical_expr(condition, &known, properties, &PhysicalPlanningContext::default())?;
    let batch = RecordBatch::try_new(schema, vec![answers.clone()])?;
    let held = condition.evaluate(&batch)?.into_array(answers.len())?;
    Ok(super::exec::true_only(as_boolean_array(&held)?))
}

/// Whether the table's entry of a row is one of some, as a function of the columns that feed the model.
#[derive(Debug)]
pub(super) struct TableAdmits {
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
