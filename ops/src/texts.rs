//! Which texts of many are distinct, so that what a text means is found out once a text and not once an element.
//!
//! Views of up to twelve bytes hold the text itself, and longer ones that came from one dictionary page point to the same
//! bytes, so a view is compared as the 128 bits that it is. Equal texts at different places get two numbers, which costs a
//! second answer and changes none.

use arrow_array::{Array, StringViewArray};
use hashbrown::HashMap;

/// Slots of the list of texts seen last; a power of two.
const RECENT: usize = 256;

/// The distinct texts among many, numbered in the order in which they come.
#[derive(Debug, Default)]
pub struct Distinct {
    /// The place of the first element of each number.
    pub firsts: Vec<usize>,
    /// The number of each element.
    pub numbers: Vec<u32>,
    null: Option<u32>,
}

impl Distinct {
    /// No elements yet, with room for so many.
    pub fn with_capacity(elements: usize) -> Self {
        Self { numbers: Vec::with_capacity(elements), ..Self::default() }
    }

    /// A number for what comes next, which is new.
    pub fn new_number(&mut self) -> u32 {
        self.firsts.push(self.numbers.len());
        (self.firsts.len() - 1) as u32
    }

    /// The next element is NULL, which has a number of its own.
    pub fn push_null(&mut self) {
        let number = self.null.unwrap_or_else(|| self.new_number());
        self.null = Some(number);
        self.numbers.push(number);
    }
}

/// The distinct texts of an array.
pub fn distinct(array: &StringViewArray) -> Distinct {
    let mut found = Distinct::with_capacity(array.len());
    let mut known: HashMap<u128, u32> = HashMap::new();
    // No element has the number of an empty slot.
    let mut recent = [(0_u128, u32::MAX); RECENT];
    for (place, view) in array.views().iter().enumerate() {
        if array.is_null(place) {
            found.push_null();
            continue;
        }
        let mixed = ((*view as u64) ^ (*view >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let slot = &mut recent[(mixed >> 56) as usize % RECENT];
        if slot.0 != *view || slot.1 == u32::MAX {
            *slot = (*view, *known.entry(*view).or_insert_with(|| found.new_number()));
        }
        found.numbers.push(slot.1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_finds_its_text_again() {
        let long = "a text that does not fit into a view";
        let texts: Vec<Option<String>> = (0..2_000)
            .map(|i| match i % 7 {
                0 => None,
                1 => Some(long.into()),
                2 => Some(format!("{long} {}", i % 3)),
                3 => Some(String::new()),
                _ => Some(format!("t{}", i % 500)),
            })
            .collect();
        let array = StringViewArray::from_iter(texts.iter().map(Option::as_deref));
        for array in [array.clone(), array.slice(0, 0), array.slice(13, 900)] {
            let found = distinct(&array);
            assert_eq!(found.numbers.len(), array.len());
            for (place, number) in found.numbers.iter().enumerate() {
                let first = found.firsts[*number as usize];
                assert_eq!(array.is_null(first), array.is_null(place));
                assert!(array.is_null(place) || array.value(first) == array.value(place));
            }
            assert!(found.firsts.iter().filter(|place| array.is_null(**place)).count() <= 1);
        }
        // Texts of up to twelve bytes have one number each.
        let short = StringViewArray::from_iter_values((0..1_000).map(|i| format!("{}", i % 300)));
        assert_eq!(distinct(&short).firsts, (0..300).collect::<Vec<_>>());
    }
}
