//! Rows over a table that is filled on demand: looked up where their blocks are there, computed where they are not.

use super::{
    RowSession, RowStats,
    gather::gather_parts,
    lookup::{Entries, Lookup},
    run::concat,
};
use crate::{Result, table::EntryRows};
use arrow_array::{Array, ArrayRef, UInt64Array, new_empty_array};
use hologram_ops::control::Control;
use std::ops::Range;

impl RowSession {
    /// Answers a batch by the blocks that its rows lie in, after those that have been asked for often enough are filled.
    pub(super) fn look_up_blocks(
        &self,
        lookup: &Lookup,
        entries: &Entries,
        columns: &[ArrayRef],
        control: &Control,
    ) -> Result<(ArrayRef, RowStats)> {
        let rows = entries.entries().len();
        let Some(blocks) = lookup.table().blocks().filter(|_| rows > 0) else {
            return self.compute(columns, rows, control);
        };
        let fill = |range| self.answers_of(&blocks.rows, range, control);
        let mut found = blocks.find(entries.entries(), &entries.missed, fill);
        let others = merged(&entries.missed, &found.unfilled);
        if others.is_empty() {
            let stats = RowStats { rows, looked_up: rows, ..RowStats::default() };
            return Ok((gather_parts(&found.parts, &found.places)?, stats));
        }
        let Some((computed, ran)) = self.compute_some(&others, columns, control)? else {
            return self.compute(columns, rows, control);
        };
        for (i, row) in (0..).zip(&others) {
            found.places[*row] = (found.parts.len() as u32, i);
        }
        found.parts.push(computed);
        // A row that is NULL for want of a value has no entry.
        let missed = entries.missed.len() - ran.null_rows.min(entries.missed.len());
        if missed > 0 {
            lookup.tell(self.session().model().name(), missed);
        }
        let stats = RowStats { rows, looked_up: rows - ran.rows, missed, unfilled: found.unfilled.len(), ..ran };
        Ok((gather_parts(&found.parts, &found.places)?, stats))
    }

    /// The answers of a range of entries, in memory of their own.
    fn answers_of(&self, rows: &EntryRows, range: Range<usize>, control: &Control) -> Result<ArrayRef> {
        let size = self.chunk_rows(range.len())?;
        let mut parts = Vec::with_capacity(range.len().div_ceil(size));
        for start in range.clone().step_by(size) {
            control.cancel.check()?;
            let entries: Vec<u64> = (start..range.end.min(start + size)).map(|entry| entry as u64).collect();
            let outputs = self.session().run_unzipped(rows.inputs(&entries)?, control)?;
            parts.push(self.binding().0.answer.array(&outputs, entries.len())?);
        }
        match parts.as_slice() {
            [] => Ok(new_empty_array(self.binding().output().data_type())),
            // What a run gave may be a part of something larger.
            [one] => {
                let all = UInt64Array::from_iter_values(0..one.len() as u64);
                Ok(arrow_select::take::take(one, &all, None)?)
            }
            many => concat(many),
        }
    }
}

/// Two ascending lists without a common number as one.
fn merged(one: &[usize], other: &[usize]) -> Vec<usize> {
    let mut all = [one, other].concat();
    if !one.is_empty() && !other.is_empty() {
        all.sort_unstable();
    }
    all
}
