//! The inputs of runs, for whoever runs something else than a session on rows.

use super::{
    Binding,
    columns::{Batch, Pick, check},
};
use crate::Result;
use arrow_array::ArrayRef;
use hologram_ops::Tensor;

impl Binding {
    /// The inputs of runs of at most `most` rows each, which together have the rows of a batch: the arrays of
    /// [`columns`](Self::columns) in that order, all of `rows` rows. Rows of one run have one shape; rows that are
    /// answered with NULL are left out.
    ///
    /// # Errors
    /// `Invalid` for arrays that do not fit the binding, values that do not cast, and NULLs that are errors.
    pub fn runs(&self, columns: &[ArrayRef], rows: usize, most: usize) -> Result<Vec<Vec<Tensor>>> {
        check(&self.0, columns, rows)?;
        let batch = Batch::new(&self.0, columns, rows)?;
        let groups = batch.groups().unwrap_or_else(|| vec![(0..batch.rows).collect()]);
        let runs = groups.iter().flat_map(|group| group.chunks(most.max(1)));
        runs.map(|rows| batch.inputs(&Pick::Rows(rows))).collect()
    }
}
