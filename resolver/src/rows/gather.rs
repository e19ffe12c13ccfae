//! Entries of a table's answers, in the order of rows.
//!
//! Numbers, lists of a fixed number of them, and structs of these are copied here, straight from their buffers; everything
//! else by Arrow's `take`, or `interleave` where they lie in several arrays.

use crate::Result;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeListArray, PrimitiveArray, StructArray, UInt32Array, cast::AsArray,
    types::*,
};
use arrow_buffer::ScalarBuffer;
use arrow_schema::DataType;
use std::sync::Arc;

/// Lists of more numbers are copied by Arrow.
const LIST_MAX: usize = 16;

/// The answers of some entries.
///
/// # Errors
/// What Arrow's `take` says.
pub(super) fn gather(answers: &ArrayRef, entries: &[u32]) -> Result<ArrayRef> {
    Entries(entries).gather(std::slice::from_ref(answers))
}

/// Answers that lie in several arrays of one type, by the array of each row and its place there.
///
/// # Errors
/// What Arrow's `interleave` says.
pub(super) fn gather_parts(parts: &[ArrayRef], places: &[(u32, u32)]) -> Result<ArrayRef> {
    Places(places).gather(parts)
}

/// Where the answer of each row lies.
trait Wanted {
    /// Numbers without NULL, `width` of them a row.
    fn numbers<T: ArrowPrimitiveType>(&self, parts: &[ArrayRef], width: usize) -> ArrayRef;

    /// Answers of any type, by Arrow.
    fn by_arrow(&self, parts: &[ArrayRef]) -> Result<ArrayRef>;

    /// Answers of any type.
    fn gather(&self, parts: &[ArrayRef]) -> Result<ArrayRef> {
        self.direct(parts, 1)?.map_or_else(|| self.by_arrow(parts), Ok)
    }

    /// Answers of so many elements a row, where they are copied here.
    fn direct(&self, parts: &[ArrayRef], width: usize) -> Result<Option<ArrayRef>> {
        let Some(first) = parts.first() else { return Ok(None) };
        if parts.iter().any(|part| part.null_count() > 0 || part.data_type() != first.data_type()) {
            return Ok(None);
        }
        let each = |of: &dyn Fn(&ArrayRef) -> ArrayRef| parts.iter().map(of).collect::<Vec<_>>();
        Ok(match first.data_type() {
            DataType::Float32 => Some(self.numbers::<Float32Type>(parts, width)),
            DataType::Float64 => Some(self.numbers::<Float64Type>(parts, width)),
            DataType::Int32 => Some(self.numbers::<Int32Type>(parts, width)),
            DataType::Int64 => Some(self.numbers::<Int64Type>(parts, width)),
            DataType::FixedSizeList(item, size) if width == 1 => {
                let count = usize::try_from(*size).unwrap_or(0);
                if !(1..=LIST_MAX).contains(&count) {
                    return Ok(None);
                }
                let values = each(&|part| part.as_fixed_size_list().values().clone());
                let Some(values) = self.direct(&values, count)? else { return Ok(None) };
                Some(Arc::new(FixedSizeListArray::try_new(item.clone(), *size, values, None)?))
            }
            DataType::Struct(fields) if width == 1 && !fields.is_empty() => {
                let column = |i: usize| self.gather(&each(&|part| part.as_struct().column(i).clone()));
                let columns = (0..fields.len()).map(column).collect::<Result<_>>()?;
                Some(Arc::new(StructArray::try_new(fields.clone(), columns, None)?))
            }
            _ => None,
        })
    }
}

/// Entries of one array.
struct Entries<'a>(&'a [u32]);

/// The array of each row, and its place there.
struct Places<'a>(&'a [(u32, u32)]);

impl Wanted for Entries<'_> {
    fn numbers<T: ArrowPrimitiveType>(&self, parts: &[ArrayRef], width: usize) -> ArrayRef {
        let (entries, values) = (self.0, &parts[0].as_primitive::<T>().values()[..]);
        numbers::<T>(match width {
            1 => entries.iter().map(|entry| values[*entry as usize]).collect(),
            2 => pieces::<_, 2>(values, entries),
            3 => pieces::<_, 3>(values, entries),
            4 => pieces::<_, 4>(values, entries),
            _ => entries.iter().flat_map(|entry| &values[*entry as usize * width..][..width]).copied().collect(),
        })
    }

    fn by_arrow(&self, parts: &[ArrayRef]) -> Result<ArrayRef> {
        let entries = UInt32Array::from(self.0.to_vec());
        Ok(arrow_select::take::take(&parts[0], &entries, None)?)
    }
}

impl Wanted for Places<'_> {
    fn numbers<T: ArrowPrimitiveType>(&self, parts: &[ArrayRef], width: usize) -> ArrayRef {
        let lists: Vec<&[T::Native]> = parts.iter().map(|part| &part.as_primitive::<T>().values()[..]).collect();
        let piece = |(part, row): &(u32, u32)| &lists[*part as usize][*row as usize * width..][..width];
        numbers::<T>(match width {
            1 => self.0.iter().map(|(part, row)| lists[*part as usize][*row as usize]).collect(),
            _ => self.0.iter().flat_map(piece).copied().collect(),
        })
    }

    fn by_arrow(&self, parts: &[ArrayRef]) -> Result<ArrayRef> {
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        let places: Vec<(usize, usize)> = self.0.iter().map(|(part, row)| (*part as usize, *row as usize)).collect();
        Ok(arrow_select::interleave::interleave(&parts, &places)?)
    }
}

fn numbers<T: ArrowPrimitiveType>(picked: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(picked), None))
}

fn pieces<T: Copy, const N: usize>(values: &[T], entries: &[u32]) -> Vec<T> {
    let values = values.as_chunks::<N>().0;
    entries.iter().map(|entry| values[*entry as usize]).collect::<Vec<[T; N]>>().into_flattened()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{DictionaryArray, Float32Array, Int64Array, StringArray, StringViewArray};
    use arrow_schema::Field;

    fn lists(size: i32) -> ArrayRef {
        let values = Float32Array::from_iter_values((0..size * 10).map(|x| x as f32));
        let item = Arc::new(Field::new_list_field(DataType::Float32, false));
        Arc::new(FixedSizeListArray::new(item, size, Arc::new(values), None))
    }

    #[test]
    fn every_type_is_gathered_as_arrow_takes_it() {
        let texts: DictionaryArray<Int32Type> = (0..10).map(|i| ["a", "b", "c"][i % 3]).collect();
        let some = Int64Array::from_iter((0..10).map(|i| (i % 4 != 0).then_some(i)));
        let texts: ArrayRef = Arc::new(texts);
        let mut all: Vec<ArrayRef> = [1, 2, 3, 4, 5, 16, 17].map(lists).to_vec();
        all.extend([
            Arc::new(Float32Array::from_iter_values((0..10).map(|x| x as f32))) as ArrayRef,
            Arc::new(some),
            Arc::new(StringArray::from_iter_values((0..10).map(|i| i.to_string()))),
            Arc::new(StringViewArray::from_iter_values((0..10).map(|i| format!("a text of many bytes {i}")))),
            texts.clone(),
            Arc::new(StructArray::from(vec![
                (Arc::new(Field::new("label", texts.data_type().clone(), true)), texts),
                (Arc::new(Field::new("scores", lists(2).data_type().clone(), true)), lists(2)),
            ])),
        ]);
        for array in all {
            for array in [array.clone(), array.slice(2, 5)] {
                for entries in [vec![], vec![4_u32, 0, 4, 1, 3]] {
                    let want = arrow_select::take::take(&array, &UInt32Array::from(entries.clone()), None).unwrap();
                    let got = gather(&array, &entries).unwrap();
                    assert_eq!(got.data_type(), want.data_type());
                    assert_eq!(&got, &want, "{}", array.data_type());
                    // The same rows of two arrays, the second one reversed.
                    let last = array.len() as u32 - 1;
                    let back = UInt32Array::from_iter_values((0..=last).rev());
                    let parts = [array.clone(), arrow_select::take::take(&array, &back, None).unwrap()];
                    let side = |(i, entry): (usize, &u32)| if i % 2 == 0 { (0, *entry) } else { (1, last - entry) };
                    let places: Vec<(u32, u32)> = entries.iter().enumerate().map(side).collect();
                    let got = gather_parts(&parts, &places).unwrap();
                    assert_eq!(got.data_type(), want.data_type());
                    assert_eq!(&got, &want, "{} in two", array.data_type());
                }
            }
        }
    }
}
