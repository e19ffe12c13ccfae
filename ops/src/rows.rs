//! Which dimension of a value counts rows, and whether one row can touch another.
//!
//! A plan's rows are independent when every output has a row axis at 0 under these rules. Grouping equal rows, keeping
//! answers and cutting batches are exact only then.

use crate::{Dim, Fact, fact::Facts};

/// The name of the dimension that counts rows while a proof is tried; no other dimension of the graph bears it.
pub const ROWS: &str = "rows";

/// How a value depends on the rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Not at all: the same whatever rows are given.
    Free,
    /// Slice `r` along this axis depends on row `r` alone.
    Axis(usize),
    /// On the number of rows only (a shape).
    Extent,
    /// In some other way: rows may mix.
    Mixed,
}

/// For an operator of which nothing is known: rows mix as soon as an input has any.
pub fn opaque(rows: &[Rows], outputs: usize) -> Vec<Rows> {
    let all_free = rows.iter().all(|r| *r == Rows::Free);
    vec![if all_free { Rows::Free } else { Rows::Mixed }; outputs]
}

/// For operators that act on each element of inputs broadcast together.
pub fn elementwise(rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
    let Some(rank) = outputs.first().and_then(|f| f.shape()).map(<[Dim]>::len) else {
        return opaque(rows, outputs.len());
    };
    let mut found = Rows::Free;
    for (i, r) in rows.iter().enumerate() {
        let Some(fact) = inputs.get(i) else { continue };
        let here = match r {
            Rows::Free => {
                continue;
            }
            Rows::Extent => Rows::Extent,
            Rows::Mixed => Rows::Mixed,
            Rows::Axis(a) => match fact.shape() {
                // An input of more dimensions than the output is none that the operator reads.
                Some(s) => (a + rank).checked_sub(s.len()).map_or(Rows::Mixed, Rows::Axis),
                None => Rows::Mixed,
            },
        };
        found = match (found, here) {
            (Rows::Free, h) => h,
            (f, h) if f == h => f,
            _ => Rows::Mixed,
        };
    }
    if let Rows::Axis(axis) = found {
        // A constant that varies along the row axis would give rows different meanings by their position.
        for i in 0..inputs.len() {
            if rows.get(i) == Some(&Rows::Free)
                && let Some(shape) = inputs.get(i).and_then(Fact::shape)
                && let Some(at) = (axis + shape.len()).checked_sub(rank)
                && shape[at] != Dim::Known(1)
            {
                found = Rows::Mixed;
            }
        }
    }
    vec![found; outputs.len()]
}

/// For operators that treat each index of axis 0 of the first input on its own and whose other inputs are parameters.
pub fn leading(rows: &[Rows], outputs: usize) -> Vec<Rows> {
    let rest_free = rows.iter().skip(1).all(|r| *r == Rows::Free);
    let out = match rows.first() {
        Some(Rows::Free) if rest_free => Rows::Free,
        Some(Rows::Axis(0)) if rest_free => Rows::Axis(0),
        _ => Rows::Mixed,
    };
    vec![out; outputs]
}

/// For operators that act along some axes of the first input, keep its rank, and leave the others alone.
pub fn along(rows: &[Rows], axes: &[usize], outputs: usize) -> Vec<Rows> {
    let rest_free = rows.iter().skip(1).all(|r| *r == Rows::Free);
    let out = match rows.first() {
        Some(Rows::Free) if rest_free => Rows::Free,
        Some(Rows::Axis(a)) if rest_free && !axes.contains(a) => Rows::Axis(*a),
        _ => Rows::Mixed,
    };
    vec![out; outputs]
}

/// For operators that act along the last axis of the first input, as [`along`].
pub fn along_last(rows: &[Rows], inputs: Facts<'_>, outputs: usize) -> Vec<Rows> {
    match inputs.get(0).and_then(Fact::shape).and_then(|shape| shape.len().checked_sub(1)) {
        Some(last) => along(rows, &[last], outputs),
        None => opaque(rows, outputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn an_input_that_the_operator_does_not_read_mixes_rows() {
        let of = |rank| Fact::tensor(DType::F32, Some(vec![Dim::Unknown; rank]));
        let (x, beside, out) = (of(1), of(3), of(1));
        let facts = [Some(&x), Some(&beside)];
        let found = elementwise(&[Rows::Free, Rows::Axis(0)], Facts(&facts), std::slice::from_ref(&out));
        assert_eq!(found, [Rows::Mixed]);
    }
}
