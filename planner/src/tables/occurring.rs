//! Values that occur in a table's columns, as domains for elements that have none of their own.

use super::DomainSpec;
use arrow_array::{
    Array, ArrayRef, RecordBatch, UInt64Array,
    cast::AsArray,
    downcast_integer_array,
    types::{Float32Type, Float64Type},
};
use arrow_schema::DataType;
use hologram_resolver::Error;
use std::collections::{BTreeMap, HashSet};

/// Values of a column at most: one with more is no category.
const VALUES_MAX: usize = 1 << 16;

/// The values of each column of a table, as they come by: of texts, dictionaries, booleans, integers and floats.
#[derive(Debug, Clone, Default)]
pub struct OccurringValues {
    /// `None` for a column that has too many, or of another type.
    columns: BTreeMap<String, Option<HashSet<String>>>,
}

impl OccurringValues {
    /// No values yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the values of a batch in. NULL is none.
    ///
    /// # Errors
    /// Columns whose values cannot be picked.
    pub fn push(&mut self, batch: &RecordBatch) -> crate::Result<()> {
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let column = self.columns.entry(field.name().clone()).or_insert_with(|| Some(HashSet::new()));
            if let Some(values) = column
                && !(note(array, values)? && values.len() <= VALUES_MAX)
            {
                *column = None;
            }
        }
        Ok(())
    }

    /// A domain for each column that has one.
    pub(super) fn domains(&self) -> Vec<DomainSpec> {
        let of = |(column, values): (&String, &Option<HashSet<String>>)| {
            let mut values: Vec<String> =
                values.as_ref().filter(|values| !values.is_empty())?.iter().cloned().collect();
            values.sort_unstable();
            Some(DomainSpec { column: column.clone(), values })
        };
        self.columns.iter().filter_map(of).collect()
    }
}

/// Notes the values of an array; says whether its type has values that a domain can list.
fn note(array: &ArrayRef, values: &mut HashSet<String>) -> Result<bool, Error> {
    match array.data_type() {
        DataType::Utf8 => note_texts(array.as_string::<i32>().iter(), values),
        DataType::LargeUtf8 => note_texts(array.as_string::<i64>().iter(), values),
        DataType::Utf8View => note_texts(array.as_string_view().iter(), values),
        DataType::Boolean => values.extend(array.as_boolean().iter().flatten().map(|x| x.to_string())),
        DataType::Float32 => values.extend(array.as_primitive::<Float32Type>().iter().flatten().map(|x| x.to_string())),
        DataType::Float64 => values.extend(array.as_primitive::<Float64Type>().iter().flatten().map(|x| x.to_string())),
        DataType::Dictionary(..) if array.as_any_dictionary().values().is_empty() => {}
        DataType::Dictionary(..) => {
            // Each entry that a key names, once.
            let dictionary = array.as_any_dictionary();
            let keys = dictionary.keys();
            let mut named = vec![false; dictionary.values().len()];
            for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
                if let Some(named) = named.get_mut(key).filter(|_| keys.is_valid(row)) {
                    *named = true;
                }
            }
            let named: UInt64Array = (0..).zip(named).filter_map(|(entry, named)| named.then_some(entry)).collect();
            return note(&arrow_select::take::take(dictionary.values(), &named, None)?, values);
        }
        _ => {
            let array = array.as_ref();
            downcast_integer_array!(
                array => values.extend(array.iter().flatten().map(|x| x.to_string())),
                _ => return Ok(false),
            );
        }
    }
    Ok(true)
}

fn note_texts<'a>(texts: impl Iterator<Item = Option<&'a str>>, values: &mut HashSet<String>) {
    for text in texts.flatten() {
        if !values.contains(text) {
            values.insert(text.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, DictionaryArray, Float64Array, Int16Array, Int64Array, ListArray, StringViewArray, UInt64Array,
        types::{Int8Type, Int32Type},
    };
    use std::sync::Arc;

    #[test]
    fn values_are_those_that_occur() {
        let dictionary: DictionaryArray<Int8Type> = [Some("x"), None, Some("y"), Some("x")].into_iter().collect();
        let named: ArrayRef = Arc::new(dictionary.slice(0, 2));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringViewArray::from(vec![Some("b"), Some("a")]))),
            ("coded", named),
            ("empty", Arc::new([None::<&str>, None].into_iter().collect::<DictionaryArray<Int8Type>>())),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("small", Arc::new(Int16Array::from(vec![-3, 7]))),
            ("wide", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("number", Arc::new(Float64Array::from(vec![0.5, f64::NAN]))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]))),
            ("none", Arc::new(Int64Array::from(vec![None, None]))),
        ];
        let mut occurring = OccurringValues::new();
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        occurring.push(&batch).unwrap();
        occurring.push(&batch).unwrap();
        let found: Vec<String> =
            occurring.domains().iter().map(|spec| format!("{}={}", spec.column, spec.values.join(","))).collect();
        let want = ["coded=x", "flag=true", "number=0.5,NaN", "small=-3,7", "text=a,b", "wide=0,18446744073709551615"];
        assert_eq!(found, want);
    }

    #[test]
    fn a_column_of_too_many_values_has_no_domain() {
        let mut occurring = OccurringValues::new();
        for start in [0, VALUES_MAX as i64] {
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(start..start + VALUES_MAX as i64));
            occurring.push(&RecordBatch::try_from_iter([("k", values)]).unwrap()).unwrap();
            assert_eq!(occurring.domains().len(), usize::from(start == 0));
        }
    }
}
