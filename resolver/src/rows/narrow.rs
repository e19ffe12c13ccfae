//! Rows of which something is known before they come: `WHERE age > 60` leaves branches of trees that none of them takes.
//!
//! Whoever plans a query says where columns lie; conversion gives where the elements of the model's inputs lie, and the
//! backend leaves out what no such row reaches. The rows get the same bits.

use super::{
    RowSession,
    bind::{BoundColumn, Source},
};
use arrow_array::{Array, ArrayRef};
use hologram_ops::{DType, forest::Span};

/// Where the values of a column lie that are not NULL; none may be.
#[derive(Debug, Clone)]
pub struct ColumnSpan {
    /// The least value, an array of one of the column's type; without bound when it is not given.
    pub least: Option<ArrayRef>,
    /// The greatest value, likewise.
    pub greatest: Option<ArrayRef>,
    /// Whether some may be NaN.
    pub has_nan: bool,
}

impl ColumnSpan {
    /// One value and no other.
    pub fn only(value: ArrayRef) -> Self {
        Self { least: Some(value.clone()), greatest: Some(value), has_nan: false }
    }
}

/// A session without the nodes of trees that rows do not reach.
#[derive(Debug, Clone)]
pub struct NarrowedRows {
    /// The session. What it answers other rows means nothing.
    pub rows: RowSession,
    /// The nodes of the model's trees.
    pub nodes: usize,
    /// Those that rows may reach.
    pub nodes_left: usize,
}

impl RowSession {
    /// The same for rows whose columns lie in spans, one for each of [`Binding::columns`](super::Binding::columns); `None`
    /// where that leaves nothing out, and for a plan with a table, which answers by itself.
    pub fn narrowed(&self, spans: &[Option<ColumnSpan>]) -> Option<NarrowedRows> {
        if self.table().is_some() || spans.iter().all(Option::is_none) {
            return None;
        }
        let inputs = self.binding().0.ports.iter().map(|port| {
            let Source::Scalars(columns) = &port.source else { return None };
            matches!(port.dtype, DType::F32 | DType::F64)
                .then(|| columns.iter().map(|column| span_of(column, spans).unwrap_or(Span::ALL)).collect())
        });
        let (session, nodes, nodes_left) = self.session().narrowed(&inputs.collect::<Vec<_>>())?;
        Some(NarrowedRows { rows: self.with_session(session), nodes, nodes_left })
    }
}

/// Where a column's elements lie; `None` where that is not known.
fn span_of(column: &BoundColumn, spans: &[Option<ColumnSpan>]) -> Option<Span> {
    let span = spans.get(column.slot?)?.as_ref()?;
    let element = |value: &ArrayRef| -> Option<f64> {
        let elements = column.convert.elements(&column.convert.array(value).ok()?).ok()?;
        let element = match elements.dtype() {
            DType::F32 => f64::from(*elements.as_slice::<f32>().ok()?.first()?),
            _ => *elements.as_slice::<f64>().ok()?.first()?,
        };
        // A category that the model does not know has no number.
        (!element.is_nan()).then_some(element)
    };
    let of = |value: &Option<ArrayRef>, open: f64| value.as_ref().map_or(Some(open), element);
    let (least, greatest) = (of(&span.least, f64::NEG_INFINITY)?, of(&span.greatest, f64::INFINITY)?);
    // The order of categories is not that of their numbers, and that of a type that is not a number is not known here.
    let is_ordered = span.least.iter().chain(&span.greatest).all(|value| value.data_type().is_numeric());
    let is_one =
        matches!((&span.least, &span.greatest), (Some(least), Some(greatest)) if least.to_data() == greatest.to_data());
    (is_one || is_ordered && !column.convert.is_coded()).then_some(Span { least, greatest, has_nan: span.has_nan })
}
