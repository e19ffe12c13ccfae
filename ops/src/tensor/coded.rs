//! Texts by codes, as Arrow's dictionaries have them.

use super::{Data, Tensor, element_count};
use crate::{DType, Error, Result, texts::distinct};
use arrow_array::{Array, StringViewArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

/// Texts, the code of each element, and the elements' own texts once somebody asked for them.
pub(super) struct Coded {
    codes: ScalarBuffer<u32>,
    texts: StringViewArray,
    packed: OnceLock<Data>,
}

/// Texts of which each element has one. Two of them may be equal, and some may be of no element.
#[derive(Debug)]
pub struct Texts<'a> {
    /// The texts.
    pub texts: Vec<&'a str>,
    /// For each element the place of its text.
    pub codes: Cow<'a, [u32]>,
}

impl Tensor {
    /// A tensor of strings that are given once, by the place of each element's, which are not copied: what looks strings up
    /// finds both in [`texts`](Self::texts). The first that asks for each element's own string makes them, for itself and
    /// all clones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the number of codes does not fit the shape, for a code behind the strings, for NULL.
    pub fn from_codes(shape: impl Into<Vec<usize>>, codes: ScalarBuffer<u32>, texts: StringViewArray) -> Result<Self> {
        let shape = shape.into();
        let greatest = codes.iter().fold(0, |greatest, code| greatest.max(*code));
        let fits = codes.is_empty() || (greatest as usize) < texts.len();
        if element_count(&shape)? != codes.len() || !fits || texts.null_count() > 0 {
            return Err(Error::invalid(format!(
                "{} codes up to {greatest} of {} strings with {} nulls for a string tensor of shape {shape:?}",
                codes.len(),
                texts.len(),
                texts.null_count()
            )));
        }
        let data = Data::Coded(Arc::new(Coded { codes, texts, packed: OnceLock::new() }));
        Ok(Self { dtype: DType::String, shape, data })
    }

    /// The code of each element and the strings that codes stand for, of a tensor that was made of them.
    pub fn coded(&self) -> Option<(&ScalarBuffer<u32>, &StringViewArray)> {
        match &self.data {
            Data::Coded(coded) => Some((&coded.codes, &coded.texts)),
            _ => None,
        }
    }

    /// The strings of a string tensor and which of them each element has, so that what a string means is found out once a
    /// string and not once an element.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tensor does not hold strings.
    pub fn texts(&self) -> Result<Texts<'_>> {
        // A few elements of a great dictionary are fewer texts than it has.
        if let Some((codes, texts)) = self.coded().filter(|(codes, texts)| texts.len() <= codes.len()) {
            return Ok(Texts { texts: texts.iter().flatten().collect(), codes: Cow::Borrowed(codes) });
        }
        let strings = self.as_strings()?;
        let found = distinct(strings);
        let texts = found.firsts.iter().map(|place| strings.value(*place)).collect();
        Ok(Texts { texts, codes: Cow::Owned(found.numbers) })
    }
}

impl Coded {
    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    pub(super) fn byte_size(&self) -> usize {
        let packed = match self.packed.get() {
            // The bytes of long texts are those of the dictionary.
            Some(Data::Strings(strings)) => strings.views().inner().len(),
            _ => 0,
        };
        let texts = self.texts.views().inner().len() + self.texts.data_buffers().iter().map(Buffer::len).sum::<usize>();
        self.codes.inner().len() + texts + packed
    }

    /// Neighbouring elements.
    pub(super) fn part(&self, start: usize, len: usize) -> Self {
        Self { codes: self.codes.slice(start, len), texts: self.texts.clone(), packed: OnceLock::new() }
    }

    /// Each element's own string.
    pub(super) fn packed(&self) -> &Data {
        self.packed.get_or_init(|| {
            let views = self.texts.views();
            let views: Vec<u128> = self.codes.iter().map(|code| views[*code as usize]).collect();
            let buffers = self.texts.data_buffers().to_vec();
            // SAFETY: each view is one of the texts', and so are the bytes that it leads to.
            Data::Strings(unsafe { StringViewArray::new_unchecked(views.into(), buffers, None) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(codes: &[u32], texts: &[&str]) -> Result<Tensor> {
        let texts = StringViewArray::from_iter_values(texts);
        Tensor::from_codes([codes.len()], codes.to_vec().into(), texts)
    }

    #[test]
    fn codes_stand_for_strings_whoever_asks() {
        let words = ["a", "longer than twelve bytes", "", "a"];
        let codes = [3, 1, 0, 2, 1, 1];
        let plain = Tensor::from_string_iter([6], codes.map(|code| words[code as usize])).unwrap();
        let tensor = coded(&codes, &words).unwrap();
        let clone = tensor.reshape([2, 3]).unwrap();
        assert_eq!((tensor.len(), tensor.dtype(), tensor.byte_size()), (6, DType::String, 6 * 4 + 4 * 16 + 24));
        let found = tensor.texts().unwrap();
        assert_eq!((&found.texts[..], &found.codes[..]), (&words[..], &codes[..]));
        assert!(matches!(found.codes, Cow::Borrowed(_)), "codes are not copied");
        assert_eq!(tensor, plain);
        assert_eq!(
            clone.byte_size(),
            6 * 4 + 4 * 16 + 24 + 6 * 16,
            "strings are made once for a tensor and its clones"
        );
        for (start, len) in [(0, 6), (2, 3), (5, 1), (6, 0)] {
            let part = tensor.part(start, len).unwrap();
            assert!(part.coded().is_some_and(|(own, _)| own[..] == codes[start..start + len]));
            assert_eq!(part, plain.part(start, len).unwrap());
            // Fewer elements than there are texts, and strings without codes: the distinct ones in order.
            for tensor in [part, plain.part(start, len).unwrap()] {
                let found = tensor.texts().unwrap();
                let each: Vec<&str> = found.codes.iter().map(|code| found.texts[*code as usize]).collect();
                assert_eq!(each, tensor.as_strings().unwrap().iter().flatten().collect::<Vec<_>>());
                assert!(found.texts.len() <= len.max(4));
            }
        }
        assert!(tensor.part(3, 4).is_err() && tensor.buffer().is_err() && tensor.as_slice::<u8>().is_err());
        assert!(Tensor::scalar(1_i32).texts().is_err());
    }

    #[test]
    fn codes_without_strings_are_refused() {
        assert!(coded(&[0, 2], &["a", "b"]).is_err());
        assert!(coded(&[0], &[]).is_err());
        assert!(coded(&[], &[]).is_ok_and(|none| none.is_empty() && none.as_strings().is_ok()));
        let null = StringViewArray::from(vec![Some("a"), None]);
        assert!(Tensor::from_codes([1], vec![0].into(), null).is_err());
        let one = || StringViewArray::from_iter_values(["a"]);
        assert!(Tensor::from_codes([2], vec![0].into(), one()).is_err());
    }
}
