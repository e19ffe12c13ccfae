//! Masks over a table's entries: which rows a condition on the model's answers may keep, said without an answer.
//!
//! A condition that reads nothing but the answers has one value an entry. Whoever filters by it works that out once
//! ([`RowSession::table_answers`]) and hands the bits here; a row then costs its entry and one bit of a list that is 32
//! times smaller than the answers in f32. What the condition says of a row outside of the table is not known here, so
//! such a row is kept: the filter is a first one, and the condition itself stays above it.

use super::{Binding, RowSession, columns::check, lookup::Lookup};
use crate::{Error, Result};
use arrow_array::{ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use std::sync::Arc;

/// The entries of a table that some condition keeps, and the way from columns to them.
#[derive(Debug, Clone)]
pub struct TableMask {
    binding: Binding,
    lookup: Arc<Lookup>,
    words: Arc<[u64]>,
    kept: usize,
}

impl RowSession {
    /// The answer of each entry of the table, as rows would get it; `None` where the binding leads into no table, and as
    /// long as one that is filled on demand is not filled.
    pub fn table_answers(&self) -> Option<&ArrayRef> {
        self.lookup()?.entry_answers()
    }

    /// A mask over the table's entries.
    ///
    /// # Errors
    /// `Invalid` without a table, or for another number of bits than the table has entries.
    pub fn table_mask(&self, keeps: &BooleanBuffer) -> Result<TableMask> {
        let lookup =
            self.lookup().ok_or_else(|| Error::invalid("a mask over the entries of a plan without a table"))?;
        let entries = lookup.table().entries();
        if keeps.len() != entries {
            return Err(Error::invalid(format!("a mask of {} bits over {entries} entries", keeps.len())));
        }
        let words = keeps.bit_chunks().iter_padded().collect();
        let kept = keeps.count_set_bits();
        Ok(TableMask { binding: self.binding().clone(), lookup: lookup.clone(), words, kept })
    }
}

impl TableMask {
    /// Entries that are kept.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Entries of the table.
    pub fn entries(&self) -> usize {
        self.lookup.table().entries()
    }

    /// Whether another mask is a clone of this one.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.words, &other.words)
    }

    /// Which rows of a batch may be kept: those whose entry is, and those that have none. The arrays are those of
    /// [`Binding::columns`]; values that do not convert are for the run to refuse, so all rows are kept then.
    ///
    /// # Errors
    /// `Invalid` for arrays that do not fit the binding.
    pub fn admits(&self, columns: &[ArrayRef], rows: usize) -> Result<BooleanArray> {
        let bound = &self.binding.0;
        check(bound, columns, rows)?;
        let Ok(found) = self.lookup.entries(bound, columns, rows) else {
            return Ok(BooleanArray::new(BooleanBuffer::new_set(rows), None));
        };
        let entries = found.entries();
        // The sum of a row without an entry may be any number.
        let bit = |entry: u32| self.words.get((entry >> 6) as usize).is_some_and(|word| word >> (entry & 63) & 1 != 0);
        if found.missed.is_empty() {
            return Ok(BooleanArray::new(BooleanBuffer::collect_bool(rows, |row| bit(entries[row])), None));
        }
        let mut keeps: Vec<bool> = entries.iter().map(|entry| bit(*entry)).collect();
        found.missed.iter().for_each(|row| keeps[*row] = true);
        Ok(keeps.into())
    }
}
