//! Keys of the operators that look values up: texts and numbers, hashed when the operator is parsed.

use crate::{
    DType, Error, Result, Tensor,
    numeric::{Number, with_number},
    tensor::Texts,
};
use hashbrown::HashMap;

/// A key of a lookup table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A text.
    Text(String),
    /// An integer.
    Int(i64),
    /// The bits of a double; zeros are one key, and so are NaNs.
    Float(u64),
}

impl Key {
    /// The key of a float, to which the sign of zero and a NaN's payload make no difference.
    pub(super) fn float(value: f64) -> Self {
        Self::Float(if value == 0.0 {
            0
        } else if value.is_nan() {
            f64::NAN.to_bits()
        } else {
            value.to_bits()
        })
    }
}

/// The position of each key.
#[derive(Debug, Default)]
pub struct Positions {
    texts: HashMap<String, usize>,
    ints: HashMap<i64, usize>,
    floats: HashMap<u64, usize>,
}

impl Positions {
    /// Positions in the order of the keys; of equal keys the first counts, or the last.
    pub(super) fn new(keys: impl IntoIterator<Item = Key>, last: bool) -> Self {
        fn put<K: std::hash::Hash + Eq>(map: &mut HashMap<K, usize>, key: K, at: usize, last: bool) {
            let entry = map.entry(key).or_insert(at);
            if last {
                *entry = at;
            }
        }
        let mut found = Self::default();
        for (at, key) in keys.into_iter().enumerate() {
            match key {
                Key::Text(text) => put(&mut found.texts, text, at, last),
                Key::Int(int) => put(&mut found.ints, int, at, last),
                Key::Float(bits) => put(&mut found.floats, bits, at, last),
            }
        }
        found
    }

    /// The integer keys with their positions, in no order.
    pub fn ints(&self) -> impl Iterator<Item = (i64, usize)> {
        self.ints.iter().map(|(key, position)| (*key, *position))
    }

    /// The position of each text.
    pub(super) fn of_texts(&self, texts: &[&str]) -> impl Iterator<Item = Option<usize>> {
        texts.iter().map(|text| self.texts.get(*text).copied())
    }

    /// The position of each element's key; floats are looked up among float keys, integers among integer keys.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for types that are no keys.
    pub(super) fn of(&self, x: &Tensor) -> Result<Vec<Option<usize>>> {
        if x.dtype() == DType::String {
            let Texts { texts, codes } = x.texts()?;
            let known: Vec<Option<usize>> = self.of_texts(&texts).collect();
            return Ok(codes.iter().map(|code| known[*code as usize]).collect());
        }
        let float = x.dtype().is_float();
        let x = x.widen()?;
        with_number!(x.dtype(), T => {
            Ok(x.as_slice::<T>()?.iter().map(|v| {
                if !float {
                    return self.ints.get(&v.to_i64()).copied();
                }
                let Key::Float(bits) = Key::float(v.to_f64()) else { return None };
                self.floats.get(&bits).copied()
            }).collect())
        })
    }
}

/// The keys that a tensor holds.
///
/// # Errors
/// [`Error::Unsupported`] for types that are no keys.
pub(super) fn keys(tensor: &Tensor) -> Result<Vec<Key>> {
    if tensor.dtype() == DType::String {
        return Ok(tensor.as_strings()?.iter().flatten().map(|s| Key::Text(s.to_owned())).collect());
    }
    let float = tensor.dtype().is_float();
    let tensor = tensor.widen()?;
    with_number!(tensor.dtype(), T => {
        let key = |v: &T| if float { Key::float(v.to_f64()) } else { Key::Int(v.to_i64()) };
        Ok(tensor.as_slice::<T>()?.iter().map(key).collect())
    })
}

/// `values` at the positions, `default` (one element) where there is none, in this shape.
///
/// # Errors
/// [`Error::Invalid`] when `default` has another type or number of elements.
pub(super) fn gather(shape: &[usize], at: &[Option<usize>], values: &Tensor, default: &Tensor) -> Result<Tensor> {
    if default.dtype() != values.dtype() || default.len() != 1 {
        return Err(Error::invalid(format!(
            "the default is {}{:?} where one {} is expected",
            default.dtype(),
            default.shape(),
            values.dtype()
        )));
    }
    crate::family::movement::select::copy_runs(
        &[values, default],
        shape,
        1,
        at.iter().map(|i| i.map_or((1, 0), |i| (0, i))),
    )
}
