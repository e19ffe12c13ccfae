//! Rows to calibrate with: a bounded sample of however many there are.

use crate::Result;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array, cast::AsArray};
use arrow_schema::DataType;
use hologram_resolver::Error;
use std::sync::Arc;

/// Rows that are kept at most.
const ROWS_MAX: u64 = 4_096;

/// Rows of calibration data: each of the first ones, and of many rows every second, fourth and so on, so that they are
/// spread over all of the data.
#[derive(Debug, Clone, Default)]
pub struct CalibrationRows {
    batches: Vec<RecordBatch>,
    /// Rows that came by.
    seen: u64,
    /// Of so many rows one is kept, as a power of two.
    halvings: u32,
}

impl CalibrationRows {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes rows in.
    ///
    /// # Errors
    /// `Invalid` for a batch with other columns than those before it, and for columns whose rows cannot be picked.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if let Some(first) = self.batches.first().filter(|first| first.schema().fields() != batch.schema().fields()) {
            let (first, other) = (first.schema(), batch.schema());
            let message = format!("a batch of columns {other:?} among such of columns {first:?}");
            return Err(Error::new(hologram_resolver::ErrorKind::Invalid, message).into());
        }
        let start = self.seen;
        self.seen += batch.num_rows() as u64;
        let kept = picked(batch, (start..self.seen).map(|row| row.trailing_zeros() >= self.halvings))?;
        if kept.num_rows() > 0 || self.batches.is_empty() {
            self.batches.push(kept);
        }
        while self.len() > ROWS_MAX {
            self.halvings += 1;
            let mut place = 0_u64;
            for batch in &mut self.batches {
                let first = place;
                place += batch.num_rows() as u64;
                *batch = picked(batch, (first..place).map(|place| place.is_multiple_of(2)))?;
            }
        }
        Ok(())
    }

    /// Rows that are kept.
    pub fn len(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every second row, and those between them; twice the same row where there is only one.
    pub(super) fn halves(&self) -> Result<[Vec<RecordBatch>; 2]> {
        let mut halves = [Vec::new(), Vec::new()];
        let mut place = 0;
        for batch in &self.batches {
            let range = place..place + batch.num_rows();
            place = range.end;
            for (odd, half) in halves.iter_mut().enumerate() {
                half.push(picked(batch, range.clone().map(|place| place % 2 == odd))?);
            }
        }
        Ok(if place < 2 { [self.batches.clone(), self.batches.clone()] } else { halves })
    }
}

/// The rows of a batch that are wanted.
fn picked(batch: &RecordBatch, wanted: impl Iterator<Item = bool>) -> Result<RecordBatch> {
    let rows: UInt64Array = (0..).zip(wanted).filter_map(|(row, wanted)| wanted.then_some(row)).collect();
    let failed = |e| Error::invalid(format!("calibration rows: {e}"));
    let taken = arrow_select::take::take_record_batch(batch, &rows).map_err(failed)?;
    // Views of texts would keep all texts of the batch.
    let owned = |column: &ArrayRef| match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()) as ArrayRef,
        _ => column.clone(),
    };
    Ok(RecordBatch::try_new(taken.schema(), taken.columns().iter().map(owned).collect()).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, types::Int64Type};

    fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from_iter_values(rows)) as _)]).unwrap()
    }

    fn values(batches: &[RecordBatch]) -> Vec<i64> {
        batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    #[test]
    fn few_rows_are_all_kept_and_many_are_spread() {
        let mut rows = CalibrationRows::new();
        assert!(rows.is_empty());
        rows.push(&batch(0..3)).unwrap();
        rows.push(&batch(3..5)).unwrap();
        let [even, odd] = rows.halves().unwrap();
        assert_eq!((values(&even), values(&odd)), (vec![0, 2, 4], vec![1, 3]));
        let mut rows = CalibrationRows::new();
        for start in (0..100_000).step_by(1_000) {
            rows.push(&batch(start..start + 1_000)).unwrap();
            assert!(rows.len() <= ROWS_MAX);
        }
        let kept = values(&rows.batches);
        assert_eq!(kept, (0..100_000).step_by(32).collect::<Vec<i64>>());
        let mut one = CalibrationRows::new();
        one.push(&batch(7..8)).unwrap();
        assert_eq!(one.halves().unwrap().map(|half| values(&half)), [vec![7], vec![7]]);
        let other = RecordBatch::try_from_iter([("b", Arc::new(Int64Array::from(vec![1])) as _)]).unwrap();
        assert!(one.push(&other).is_err());
    }
}
