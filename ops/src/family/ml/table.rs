//! What the operators of this family share: tables of numbers, class labels, and the independence of their rows.

use crate::{
    Attributes, DType, Dim, Error, Fact, Result, Rows, Tensor,
    fact::Facts,
    numeric::{Number, with_number},
    rows,
};

/// Rows and columns of a table; a vector is one row.
///
/// # Errors
/// [`Error::Invalid`] for other ranks.
pub(super) fn table(shape: &[usize]) -> Result<(usize, usize)> {
    match shape {
        [n] => Ok((1, *n)),
        [rows, columns] => Ok((*rows, *columns)),
        other => Err(Error::invalid(format!("input 0 has shape {other:?} where a table [rows, columns] is expected"))),
    }
}

/// Rows and columns of input 0 as far as they are known, which must hold numbers.
///
/// # Errors
/// [`Error::Invalid`] or [`Error::Unsupported`] when it is no table of numbers.
pub(super) fn table_fact(inputs: Facts<'_>) -> Result<(DType, Dim, Dim)> {
    let dtype = number(inputs.dtype(0)?)?;
    let (rows, columns) = match inputs.shape(0)? {
        None => (Dim::Unknown, Dim::Unknown),
        Some([n]) => (Dim::Known(1), n.clone()),
        Some([rows, columns]) => (rows.clone(), columns.clone()),
        Some(other) => {
            return Err(Error::invalid(format!(
                "input 0 has shape {} where a table [rows, columns] is expected",
                crate::fact::shape_text(other)
            )));
        }
    };
    Ok((dtype, rows, columns))
}

/// Checks a known number of columns.
///
/// # Errors
/// [`Error::Invalid`] when it is another.
pub(super) fn expect_columns(found: &Dim, expected: usize) -> Result<()> {
    match found.known() {
        Some(n) if n != expected => {
            Err(Error::invalid(format!("input 0 has {n} columns where the model has {expected} features")))
        }
        _ => Ok(()),
    }
}

/// The type, if it is a number.
///
/// # Errors
/// [`Error::Unsupported`] when it is not.
pub(super) fn number(dtype: DType) -> Result<DType> {
    crate::family::math::elementwise::number(dtype)
}

/// The elements as doubles.
///
/// # Errors
/// [`Error::Unsupported`] when they are no numbers.
pub(super) fn wide(tensor: &Tensor) -> Result<Vec<f64>> {
    let tensor = tensor.widen()?;
    with_number!(tensor.dtype(), T => Ok(tensor.as_slice::<T>()?.iter().map(|v| v.to_f64()).collect()))
}

/// The elements as singles, rounded.
///
/// # Errors
/// [`Error::Unsupported`] when they are no numbers.
pub(super) fn narrow(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.widen()?;
    with_number!(tensor.dtype(), T => Ok(tensor.as_slice::<T>()?.iter().map(|v| v.to_f64() as f32).collect()))
}

/// Rows stay apart in a table; a vector's elements are one row's columns.
pub(super) fn table_rows(rows: &[Rows], inputs: Facts<'_>, outputs: usize) -> Vec<Rows> {
    match inputs.get(0).and_then(Fact::shape) {
        Some(shape) if shape.len() >= 2 => rows::leading(rows, outputs),
        _ => rows::opaque(rows, outputs),
    }
}

/// Each element stays on its own, whatever the shape.
pub(super) fn element_rows(rows: &[Rows], outputs: usize) -> Vec<Rows> {
    vec![rows.first().copied().unwrap_or(Rows::Free); outputs]
}

/// The names of classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Numbers.
    Ints(Vec<i64>),
    /// Texts.
    Strings(Vec<String>),
}

impl Labels {
    /// Reads the one of two attributes that is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when neither or both are.
    pub(super) fn parse(attributes: &Attributes, ints: &str, strings: &str) -> Result<Self> {
        let numbers = attributes.ints(ints)?.filter(|v| !v.is_empty());
        let texts = attributes.strings(strings)?.filter(|v| !v.is_empty());
        match (numbers, texts) {
            (Some(v), None) => Ok(Self::Ints(v)),
            (None, Some(v)) => Ok(Self::Strings(v)),
            _ => Err(Error::invalid(format!("exactly one of the attributes '{ints}' and '{strings}' is expected"))),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(v) => v.len(),
            Self::Strings(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type of a tensor of them.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Ints(_) => DType::I64,
            Self::Strings(_) => DType::String,
        }
    }

    /// The label of each class index.
    ///
    /// # Errors
    /// [`Error::Invalid`] when an index is out of range.
    pub(super) fn pick(&self, classes: &[usize]) -> Result<Tensor> {
        let missing = |i: &usize| Error::invalid(format!("class {i} has no label; there are {}", self.len()));
        match self {
            Self::Ints(v) => {
                let picked = classes.iter().map(|i| v.get(*i).copied().ok_or_else(|| missing(i)));
                Tensor::from_vec([classes.len()], picked.collect::<Result<Vec<i64>>>()?)
            }
            Self::Strings(v) => {
                let picked = classes.iter().map(|i| v.get(*i).map(String::as_str).ok_or_else(|| missing(i)));
                Tensor::from_string_iter([classes.len()], picked.collect::<Result<Vec<&str>>>()?)
            }
        }
    }
}

/// The index of the largest value, the first of equals; 0 for none.
pub(super) fn arg_max<T: PartialOrd + Copy>(values: &[T]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
