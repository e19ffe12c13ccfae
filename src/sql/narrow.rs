//! What a query's conditions say of the columns that feed a model, before a row is read.
//!
//! `WHERE age > 60 AND plan = 'pro'` bounds columns from below the predictions: conditions that are filters there, that a
//! scan has taken over, or that guard the call. Comparisons with constants become spans ([`ColumnSpan`]); whatever else a
//! condition says is left to it. Every span is an outer bound: a value that passes lies in it.

use super::PredictNode;
use arrow_schema::DataType;
use datafusion::{
    common::{Column, ScalarValue},
    logical_expr::{
        Between, BinaryExpr, Distinct, Expr, JoinType, LogicalPlan, Operator, TableProviderFilterPushDown,
        expr::InList, utils::split_conjunction,
    },
};
use hologram_resolver::rows::{ColumnSpan, NarrowedRows, RowSession};
use std::{
    cmp::Ordering,
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Rows that one node of one tree answers in the time in which a node is made ready.
const ROWS_OF_A_NODE: usize = 50_000;

/// A call's session for the rows that the conditions let through, and when it takes over.
///
/// Making the nodes that are left ready takes as long as leaving the others out saves over some rows; how many will come is
/// not known. So the whole model answers as many first: whatever comes, no more is lost than what making it ready takes.
#[derive(Debug)]
pub(crate) struct Narrowed {
    narrowed: NarrowedRows,
    after: usize,
    rows: AtomicUsize,
}

impl Narrowed {
    pub(super) fn new(narrowed: NarrowedRows) -> Self {
        let gone = (narrowed.nodes - narrowed.nodes_left).max(1);
        let after = ROWS_OF_A_NODE.saturating_mul(narrowed.nodes_left) / gone;
        Self { narrowed, after, rows: AtomicUsize::new(0) }
    }

    /// The session for some more rows, if it is to answer them.
    pub(super) fn for_rows(&self, rows: usize) -> Option<&RowSession> {
        (self.rows.fetch_add(rows, Relaxed) >= self.after).then_some(&self.narrowed.rows)
    }
}

impl fmt::Display for Narrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NarrowedRows { nodes, nodes_left, .. } = self.narrowed;
        write!(f, "{nodes_left} of {nodes} tree nodes after {} rows", self.after)
    }
}

/// Where the values of some expressions over a plan's rows lie, on the rows on which the guard is true.
pub(super) fn spans(plan: &LogicalPlan, columns: &[Expr], guard: Option<&Expr>) -> Vec<Option<ColumnSpan>> {
    let place = |expr: &Expr| match expr {
        Expr::Column(column) => plan.schema().maybe_index_of_column(column),
        _ => None,
    };
    let mut known: Vec<Known> = columns.iter().map(|expr| Known { place: place(expr), ..Known::default() }).collect();
    if let Some(guard) = guard {
        note(guard, plan, &mut known);
    }
    walk(plan, &mut known);
    known.into_iter().map(|known| known.span).map(|span| span.and_then(Bounds::into_span)).collect()
}

/// What is known of one expression.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Its column of the plan that is looked at.
    place: Option<usize>,
    span: Option<Bounds>,
}

/// A span as constants of the column's type.
#[derive(Debug, Clone, Default)]
struct Bounds {
    least: Option<ScalarValue>,
    greatest: Option<ScalarValue>,
    /// Whether some condition leaves no NaN.
    is_number: bool,
}

impl Bounds {
    /// `None` where nothing bounds the column, whose values may be anything then.
    fn into_span(self) -> Option<ColumnSpan> {
        let ty = self.least.as_ref().or(self.greatest.as_ref())?.data_type();
        let array = |bound: Option<ScalarValue>| bound.map(|bound| bound.to_array()).transpose().ok();
        Some(ColumnSpan {
            least: array(self.least)?,
            greatest: array(self.greatest)?,
            has_nan: !self.is_number && !ty.is_integer(),
        })
    }

    /// What lies in both.
    fn and(self, other: Self) -> Self {
        Self {
            least: either(self.least, other.least, Ordering::Greater),
            greatest: either(self.greatest, other.greatest, Ordering::Less),
            is_number: self.is_number || other.is_number,
        }
    }

    /// What lies in one or the other, and between them.
    fn or(self, other: Self) -> Self {
        let both = |a: Option<ScalarValue>, b: Option<ScalarValue>, wanted| {
            // Constants without an order bound nothing.
            a.zip(b).filter(|(a, b)| a.partial_cmp(b).is_some()).and_then(|(a, b)| either(Some(a), Some(b), wanted))
        };
        Self {
            least: both(self.least, other.least, Ordering::Less),
            greatest: both(self.greatest, other.greatest, Ordering::Greater),
            is_number: self.is_number && other.is_number,
        }
    }
}

/// The constant of two that is less or greater, as wanted; the one that is there, where one is.
fn either(a: Option<ScalarValue>, b: Option<ScalarValue>, wanted: Ordering) -> Option<ScalarValue> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.partial_cmp(&a) == Some(wanted) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Notes the conditions that all rows of a plan have passed.
fn walk(plan: &LogicalPlan, known: &mut [Known]) {
    match plan {
        LogicalPlan::Filter(filter) => {
            note(&filter.predicate, &filter.input, known);
            walk(&filter.input, known);
        }
        // Conditions that the scan says that it applies; those that it may apply are filters above.
        LogicalPlan::TableScan(scan) => {
            let all: Vec<&Expr> = scan.filters.iter().collect();
            let held = scan.source.supports_filters_pushdown(&all).unwrap_or_default();
            let exact = all.iter().zip(held).filter(|(_, held)| *held == TableProviderFilterPushDown::Exact);
            exact.for_each(|(condition, _)| note(condition, plan, known));
        }
        LogicalPlan::Projection(projection) => {
            follow(known, &projection.input, |place| match projection.expr[place].clone().unalias() {
                Expr::Column(column) => projection.input.schema().maybe_index_of_column(&column),
                _ => None,
            });
        }
        LogicalPlan::SubqueryAlias(alias) => walk(&alias.input, known),
        LogicalPlan::Sort(sort) => walk(&sort.input, known),
        LogicalPlan::Limit(limit) => walk(&limit.input, known),
        LogicalPlan::Repartition(repartition) => walk(&repartition.input, known),
        LogicalPlan::Distinct(Distinct::All(input)) => walk(input, known),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            let left = join.left.schema().fields().len();
            follow(known, &join.left, |place| (place < left).then_some(place));
            follow(known, &join.right, |place| place.checked_sub(left));
        }
        // The columns of the input come first.
        LogicalPlan::Extension(_) => {
            if let Some(node) = PredictNode::of(plan) {
                let width = node.input.schema().fields().len();
                follow(known, &node.input, |place| (place < width).then_some(place));
            }
        }
        _ => {}
    }
}

/// Goes on in an input, where columns have other places.
fn follow(known: &mut [Known], input: &LogicalPlan, place: impl Fn(usize) -> Option<usize>) {
    let mut below: Vec<Known> =
        known.iter().map(|known| Known { place: known.place.and_then(&place), span: known.span.clone() }).collect();
    walk(input, &mut below);
    known.iter_mut().zip(below).for_each(|(known, below)| known.span = below.span);
}

/// Notes what a condition on a plan's rows says.
fn note(condition: &Expr, plan: &LogicalPlan, known: &mut [Known]) {
    for condition in split_conjunction(condition) {
        let Some((column, bounds)) = bounds_of(condition, plan) else { continue };
        for known in known.iter_mut().filter(|known| known.place == Some(column)) {
            let before = known.span.take().unwrap_or_default();
            known.span = Some(before.and(bounds.clone()));
        }
    }
}

/// The column that a condition compares with constants, and the bounds of the values that pass.
fn bounds_of(condition: &Expr, plan: &LogicalPlan) -> Option<(usize, Bounds)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((column, one), (other_column, other)) = (bounds_of(left, plan)?, bounds_of(right, plan)?);
            (column == other_column).then(|| (column, one.or(other)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (literal(left), literal(right)) {
            (None, Some(value)) => compared(left, *op, value, plan),
            (Some(value), None) => compared(right, op.swap()?, value, plan),
            _ => None,
        },
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let (column, least) = compared(expr, Operator::GtEq, literal(low)?, plan)?;
            let (_, greatest) = compared(expr, Operator::LtEq, literal(high)?, plan)?;
            Some((column, least.and(greatest)))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let each = list.iter().map(|item| compared(expr, Operator::Eq, literal(item)?, plan));
            let each = each.collect::<Option<Vec<(usize, Bounds)>>>()?;
            let (column, first) = each.first()?.clone();
            Some((column, each.into_iter().skip(1).fold(first, |all, (_, own)| all.or(own))))
        }
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value),
        _ => None,
    }
}

/// The bounds of the values of a column, as it is or widened, that compare so with a constant.
fn compared(expr: &Expr, op: Operator, value: &ScalarValue, plan: &LogicalPlan) -> Option<(usize, Bounds)> {
    let (column, widened) = column_of(expr)?;
    let place = plan.schema().maybe_index_of_column(column)?;
    let ty = plan.schema().field(place).data_type();
    if widened.is_some_and(|to| !keeps_values(ty, to)) {
        return None;
    }
    // Casts keep the order of numbers: what passes lies on the same side of the constant in the column's type.
    let own = value.cast_to(ty).ok().filter(|own| !own.is_null() && !is_nan(own))?;
    let is_exact = own.cast_to(&value.data_type()).is_ok_and(|back| back == *value);
    let beyond = |own: ScalarValue, up: bool| if is_exact { next(own, up) } else { own };
    let bounds = match op {
        // A constant that the column's type cannot hold is one that no value equals.
        Operator::Eq => Bounds { least: Some(own.clone()), greatest: Some(own), is_number: true },
        Operator::GtEq => Bounds { least: Some(own), ..Bounds::default() },
        Operator::Gt => Bounds { least: Some(beyond(own, true)), ..Bounds::default() },
        Operator::LtEq => Bounds { greatest: Some(own), ..Bounds::default() },
        Operator::Lt => Bounds { greatest: Some(beyond(own, false)), ..Bounds::default() },
        _ => return None,
    };
    Some((place, bounds))
}

/// The column that an expression is, and the type that it is cast to.
fn column_of(expr: &Expr) -> Option<(&Column, Option<&DataType>)> {
    match expr {
        Expr::Column(column) => Some((column, None)),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Column(column) => Some((column, Some(cast.field.data_type()))),
            _ => None,
        },
        _ => None,
    }
}

/// Whether every value of a type is one of another after a cast.
fn keeps_values(from: &DataType, to: &DataType) -> bool {
    use DataType::{Dictionary, Float32, Float64, LargeUtf8, Utf8, Utf8View};
    let bits = |ty: &DataType| ty.primitive_width().unwrap_or(0) * 8;
    let is_text = |ty: &DataType| matches!(ty, Utf8 | LargeUtf8 | Utf8View);
    match (from, to) {
        _ if from == to => true,
        (Float32, Float64) => true,
        (_, Float64) if from.is_integer() => bits(from) <= 32,
        (_, Float32) if from.is_integer() => bits(from) <= 16,
        _ if from.is_signed_integer() && to.is_signed_integer() => bits(from) <= bits(to),
        _ if from.is_unsigned_integer() && to.is_unsigned_integer() => bits(from) <= bits(to),
        _ if from.is_unsigned_integer() && to.is_signed_integer() => bits(from) < bits(to),
        (Dictionary(_, values), _) => keeps_values(values, to),
        _ => is_text(from) && is_text(to),
    }
}

fn is_nan(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::Float16(Some(x)) => x.is_nan(),
        ScalarValue::Float32(Some(x)) => x.is_nan(),
        ScalarValue::Float64(Some(x)) => x.is_nan(),
        _ => false,
    }
}

/// The next number up or down, where there is one. From zero there is none: beside it lies the other zero, which compares
/// as equal.
fn next(value: ScalarValue, up: bool) -> ScalarValue {
    let ty = value.data_type();
    let moved = match &value {
        ScalarValue::Float32(Some(x)) if *x != 0.0 => {
            Some(ScalarValue::from(if up { x.next_up() } else { x.next_down() }))
        }
        ScalarValue::Float64(Some(x)) if *x != 0.0 => {
            Some(ScalarValue::from(if up { x.next_up() } else { x.next_down() }))
        }
        _ if ty.is_integer() => ScalarValue::new_one(&ty).ok().and_then(|one| match up {
            true => value.add_checked(&one).ok(),
            false => value.sub_checked(&one).ok(),
        }),
        _ => None,
    };
    moved.unwrap_or(value)
}
