//! Tables of features: row by row, or column by column.

/// A table of features, of numbers of 32 bits or of 64.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Table<'a> {
    F32(Cells<'a, f32>),
    F64(Cells<'a, f64>),
}

/// The cells of a table with at least one column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cells<'a, T> {
    /// One row after the other, and how many cells a row has.
    Rows(&'a [T], usize),
    /// One column after the other, all of the same length.
    Columns(&'a [&'a [T]]),
}

impl Table<'_> {
    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::F32(cells) => cells.rows(),
            Self::F64(cells) => cells.rows(),
        }
    }

    /// A row's feature.
    pub(super) fn at(&self, row: usize, feature: usize) -> f64 {
        match self {
            Self::F32(cells) => f64::from(cells.at(row, feature)),
            Self::F64(cells) => cells.at(row, feature),
        }
    }
}

impl<T: Copy> Cells<'_, T> {
    fn rows(&self) -> usize {
        match self {
            Self::Rows(cells, columns) => cells.len() / columns,
            Self::Columns(columns) => columns.first().map_or(0, |column| column.len()),
        }
    }

    fn at(&self, row: usize, feature: usize) -> T {
        match self {
            Self::Rows(cells, columns) => cells[row * columns + feature],
            Self::Columns(columns) => columns[feature][row],
        }
    }
}
