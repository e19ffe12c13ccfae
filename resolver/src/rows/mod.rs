//! The row door: Arrow columns in, one Arrow array out.
//!
//! A [`Binding`] is made once, when a query is planned: it says which columns feed which input, what is cast, what NULL
//! means, and which type the answer has. A [`RowSession`] then answers batches. A primitive column is `[rows]` or
//! `[rows, 1]`; several primitive columns bound to one `[rows, f]` input are packed; a fixed-size list is
//! `[rows, shape...]`; lists of varying length are grouped by shape, one run a shape. Answers come back in the order of
//! the rows: primitives, fixed-size lists, structs for several outputs or labelled columns, dictionaries for class labels.
//!
//! A NULL list is never a missing value: it has no elements that could be missing.
//! Rows that hold a NULL where NULL has no meaning are left out of the run and answered with NULL. Where rows are
//! independent a batch is cut into chunks that keep the arena small; that never changes a bit. Start at [`Binding`].

mod answer;
mod bind;
mod cast;
mod columns;
mod convert;
mod demand;
mod gather;
mod keys;
mod lookup;
mod mask;
mod memo;
mod names;
mod narrow;
mod run;
mod runs;
#[cfg(test)]
mod tests;
mod texts;

pub use bind::Binding;
pub use mask::TableMask;
pub use memo::{Memo, MemoMode, MemoPool, MemoStats};
pub use narrow::{ColumnSpan, NarrowedRows};
pub use run::{RowSession, RowStats};

use arrow_schema::DataType;
use hologram_ops::DType;

/// What NULL means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nulls {
    /// A missing value where the model says that it understands them, else the row's answer is NULL.
    #[default]
    Auto,
    /// A missing value (NaN) for every input.
    Missing,
    /// The row's answer is NULL.
    Null,
    /// An error that names the column and the row.
    Error,
}

/// Which casts are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Casts {
    /// Every cast between numbers, noted when it may round.
    #[default]
    Lenient,
    /// Only casts that keep every value.
    Strict,
}

/// How columns are bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// What NULL means.
    pub nulls: Nulls,
    /// Which casts are allowed.
    pub casts: Casts,
    /// The most rows of one run; chosen from the plan's memory when it is not given.
    pub rows_max: Option<usize>,
}

/// A cast that a binding makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CastNote {
    /// The column.
    pub column: String,
    /// Its type.
    pub from: DataType,
    /// The element type that the input takes.
    pub to: DType,
    /// Whether some value of the column's type is changed.
    pub lossy: bool,
}

impl std::fmt::Display for CastNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.lossy { "rounds" } else { "exact" };
        write!(f, "{}: {} as {} ({how})", self.column, self.from, self.to)
    }
}
