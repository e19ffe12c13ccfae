//! Row rules that movers share.

use crate::{Dim, Fact, Rows, fact::Facts};

/// What comes out where only shapes and constants go in: `Free`, or `Extent` as soon as one input is; `None` when an
/// input depends on rows in any other way.
pub(crate) fn shape_only(rows: &[Rows]) -> Option<Rows> {
    rows.iter().try_fold(Rows::Free, |found, r| match r {
        Rows::Free => Some(found),
        Rows::Extent => Some(Rows::Extent),
        _ => None,
    })
}

/// The axis of rows of a value that is the same along a shape that tells the number of rows: each slice of it is the
/// same. `from` is the shape before it was spread; a dimension of which nothing is known may depend on the rows as well.
pub(crate) fn spread(from: &[Dim], to: &[Dim]) -> Option<usize> {
    let rows = Dim::symbol(crate::rows::ROWS);
    let axis = to.iter().position(|d| *d == rows)?;
    let alone = to.iter().enumerate().all(|(i, d)| i == axis || *d != rows && *d != Dim::Unknown);
    let before = (axis + from.len()).checked_sub(to.len()).and_then(|i| from.get(i));
    (alone && from.len() <= to.len() && before.is_none_or(|d| *d == Dim::Known(1))).then_some(axis)
}

/// The row axis of input 0 when no other input depends on rows.
pub(crate) fn first_alone(rows: &[Rows]) -> Option<usize> {
    match rows.first() {
        Some(Rows::Axis(a)) if rows[1..].iter().all(|r| *r == Rows::Free) => Some(*a),
        _ => None,
    }
}

/// The rows of every output for a rule that knows where input 0's row axis goes (`None`: rows mix).
pub(crate) fn moved(rows: &[Rows], outputs: usize, to: impl Fn(usize) -> Option<usize>) -> Vec<Rows> {
    let found = shape_only(rows).unwrap_or_else(|| first_alone(rows).and_then(to).map_or(Rows::Mixed, Rows::Axis));
    vec![found; outputs]
}

/// Where axis `a` of `from` lies in `to`, the same elements in the same order, if it is kept as it is: an equal extent
/// behind as many elements.
pub(crate) fn kept_axis(from: &[Dim], to: &[Dim], a: usize) -> Option<usize> {
    let extent = from.get(a).filter(|d| **d != Dim::Unknown)?;
    let known = |s: &[Dim]| s.iter().try_fold(1usize, |n, d| n.checked_mul(d.known()?));
    let same = |b: usize| {
        to.get(b) == Some(extent)
            && (known(&from[..a]).is_some_and(|n| known(&to[..b]) == Some(n))
                || from[..a] == to[..b] && !from[..a].contains(&Dim::Unknown))
    };
    if same(a) { Some(a) } else { (0..to.len()).find(|b| same(*b)) }
}

/// For operators that give input 0's elements another shape, told by input 1 or by attributes: rows stay where
/// [`kept_axis`] finds them.
pub(crate) fn reshaped(rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
    if let Some(r) = shape_only(rows) {
        return vec![r; outputs.len()];
    }
    let told = rows.iter().skip(1).all(|r| matches!(r, Rows::Free | Rows::Extent));
    let axis = match (rows.first(), inputs.get(0).and_then(Fact::shape), outputs.first().and_then(Fact::shape)) {
        (Some(Rows::Axis(a)), Some(from), Some(to)) if told => kept_axis(from, to, *a),
        _ => None,
    };
    vec![axis.map_or(Rows::Mixed, Rows::Axis); outputs.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_along_the_rows_has_an_axis_of_them() {
        let (n, m, k) = (Dim::symbol(crate::rows::ROWS), Dim::symbol("m"), Dim::Known);
        for (from, to, expected) in [
            (vec![k(1), k(1), k(8)], vec![n.clone(), k(1), k(8)], Some(0)),
            (vec![k(8)], vec![n.clone(), m.clone(), k(8)], Some(0)),
            (vec![], vec![m.clone(), n.clone()], Some(1)),
            (vec![k(1)], vec![n.clone(), n.clone()], None),
            (vec![k(1)], vec![n.clone(), Dim::Unknown], None),
            (vec![n.clone(), k(1)], vec![n.clone(), k(2)], None),
            (vec![Dim::Unknown], vec![n.clone()], None),
            (vec![k(1)], vec![m, k(2)], None),
        ] {
            assert_eq!(spread(&from, &to), expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn an_axis_is_kept_behind_as_many_elements() {
        let (n, k) = (Dim::symbol("N"), Dim::Known);
        for (from, to, a, expected) in [
            (vec![n.clone(), k(3), k(4)], vec![n.clone(), k(12)], 0, Some(0)),
            (vec![n.clone(), k(12)], vec![k(1), n.clone(), k(3), k(4)], 0, Some(1)),
            (vec![k(6), n.clone()], vec![k(2), k(3), n.clone()], 1, Some(2)),
            (vec![n.clone(), k(4)], vec![Dim::Unknown, k(2)], 0, None),
            (vec![k(4), n.clone()], vec![n.clone(), k(4)], 1, None),
            (vec![Dim::Unknown, k(4)], vec![Dim::Unknown, k(4)], 0, None),
        ] {
            assert_eq!(kept_axis(&from, &to, a), expected, "{from:?} {to:?}");
        }
    }
}
