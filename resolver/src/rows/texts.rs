//! The distinct texts of a column, so that what a text means is found out once a text and not once a row.

use crate::Result;
use arrow_array::{Array, ArrayRef, GenericStringArray, OffsetSizeTrait, UInt64Array, cast::AsArray};
use arrow_schema::DataType;
use hashbrown::HashMap;
use hologram_ops::texts::{Distinct, distinct};

/// Texts, and for each row which of them it has.
pub(super) struct Texts {
    pub(super) distinct: ArrayRef,
    pub(super) rows: Vec<u32>,
}

/// The distinct texts of an array; `None` for one that holds no plain text.
pub(super) fn texts(array: &ArrayRef) -> Result<Option<Texts>> {
    let found = match array.data_type() {
        DataType::Utf8View => distinct(array.as_string_view()),
        DataType::Utf8 => by_offsets::<i32>(array.as_string()),
        DataType::LargeUtf8 => by_offsets::<i64>(array.as_string()),
        _ => return Ok(None),
    };
    let firsts = UInt64Array::from_iter_values(found.firsts.iter().map(|place| *place as u64));
    let distinct = arrow_select::take::take(array, &firsts, None)?;
    Ok(Some(Texts { distinct, rows: found.numbers }))
}

fn by_offsets<O: OffsetSizeTrait>(array: &GenericStringArray<O>) -> Distinct {
    let mut found = Distinct::with_capacity(array.len());
    let mut known: HashMap<&str, u32> = HashMap::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            found.push_null();
            continue;
        }
        let number = *known.entry(array.value(row)).or_insert_with(|| found.new_number());
        found.numbers.push(number);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{LargeStringArray, StringArray, StringViewArray};
    use std::sync::Arc;

    #[test]
    fn every_row_finds_its_text_again() {
        let rows: Vec<Option<String>> = (0..2_000)
            .map(|i| match i % 3 {
                0 => None,
                1 => Some(format!("a text that does not fit into a view {}", i % 50)),
                _ => Some(format!("t{}", i % 500)),
            })
            .collect();
        let arrays: [ArrayRef; 3] = [
            Arc::new(StringViewArray::from_iter(rows.iter().map(Option::as_deref))),
            Arc::new(StringArray::from_iter(rows.iter().map(Option::as_deref))),
            Arc::new(LargeStringArray::from_iter(rows.iter().map(Option::as_deref))),
        ];
        for array in arrays {
            for array in [array.clone(), array.slice(0, 0), array.slice(13, 900)] {
                let Texts { distinct, rows } = texts(&array).unwrap().unwrap();
                let places = UInt64Array::from_iter_values(rows.iter().map(|number| u64::from(*number)));
                assert_eq!(&arrow_select::take::take(&distinct, &places, None).unwrap(), &array);
                assert!(distinct.logical_null_count() <= 1);
                let least = if array.data_type() == &DataType::Utf8View { 2_000 } else { 551 };
                assert!(distinct.len() <= least, "{}", distinct.len());
            }
        }
        let numbers: ArrayRef = Arc::new(arrow_array::Int32Array::from(vec![1]));
        assert!(texts(&numbers).unwrap().is_none());
    }
}
