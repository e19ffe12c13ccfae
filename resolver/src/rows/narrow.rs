//! Rows of which something is known before they come: `WHERE age > 60` leaves branches of trees that none of them takes.
//!
//! Whoever plans a query says where columns lie; conversion gives where the elements of the model's inputs lie, and the
//! backend leaves out what no such row reaches. The rows get the same bits.

use super::{
    RowSession,
    bind::{BoundColumn, Source},
};
use crate::table::Domain;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
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

    /// Whether it is one value.
    fn is_one(&self) -> bool {
        let ends = self.least.as_ref().zip(self.greatest.as_ref());
        !self.has_nan && ends.is_some_and(|(least, greatest)| least.to_data() == greatest.to_data())
    }

    /// Whether its values are numbers: the order of categories is not that of their codes, and that of other types is not
    /// known here.
    fn is_ordered(&self) -> bool {
        (self.least.is_some() || self.greatest.is_some())
            && self.least.iter().chain(&self.greatest).all(|value| value.data_type().is_numeric())
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

impl RowSession {
    /// Which entries of the table rows may have whose columns lie in spans; `None` where all may, and without a table.
    pub fn table_region(&self, spans: &[Option<ColumnSpan>]) -> Option<BooleanBuffer> {
        let table = self.table()?;
        let mut is_narrow = false;
        let mut region = vec![true];
        for axis in table.axes() {
            let Source::Scalars(columns) = &self.binding().0.ports[axis.input].source else { return None };
            let column = columns.get(axis.feature)?;
            let codes = codes_of(&axis.domain, column, spans);
            is_narrow |= codes.is_some();
            let codes = codes.unwrap_or_else(|| vec![true; axis.domain.cardinality()]);
            region = region.iter().flat_map(|before| codes.iter().map(move |own| *before && *own)).collect();
        }
        is_narrow.then(|| region.into())
    }
}

/// For each code of a domain whether a value of a column in its span may have it; `None` where every one may.
fn codes_of(domain: &Domain, column: &BoundColumn, spans: &[Option<ColumnSpan>]) -> Option<Vec<bool>> {
    let span = spans.get(column.slot?)?.as_ref()?;
    let code = |value: &ArrayRef| -> Option<Option<u32>> {
        let elements = column.convert.elements(&column.convert.array(value).ok()?).ok()?;
        // The zeros are two values of a domain, and which of them compare as equal is for the query engine to say.
        let is_zero = match elements.dtype() {
            DType::F32 => elements.as_slice::<f32>().ok()?.contains(&0.0),
            DType::F64 => elements.as_slice::<f64>().ok()?.contains(&0.0),
            other => other.is_float(),
        };
        if is_zero && domain.as_values().is_some() && !column.convert.is_coded() {
            return None;
        }
        let mut code = None;
        domain.each_code(&elements, |found| code = Some(found)).ok()?;
        code
    };
    let count = domain.cardinality();
    let mut codes = vec![false; count];
    if let (Some(least), true) = (&span.least, span.is_one()) {
        // A value outside of the domain has no entry at all.
        if let Some(code) = code(least)? {
            *codes.get_mut(code as usize)? = true;
        }
        return Some(codes);
    }
    if domain.as_bounds().is_none() || !span.is_ordered() || column.convert.is_coded() {
        return None;
    }
    // The codes of ranges ascend as their numbers do; the last one is NaN's.
    let first = span.least.as_ref().map_or(Some(Some(0)), code)?? as usize;
    let last = span.greatest.as_ref().map_or(Some(Some(count as u32 - 2)), code)?? as usize;
    codes.get_mut(first..=last)?.fill(true);
    codes[count - 1] |= span.has_nan;
    Some(codes)
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
    (span.is_one() || span.is_ordered() && !column.convert.is_coded()).then_some(Span {
        least,
        greatest,
        has_nan: span.has_nan,
    })
}
