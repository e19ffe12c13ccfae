//! Conversions between all element types.

use super::{Conversion, Number, macros::with_small_float, narrow::Small, with_every_number, with_float, with_number};
use crate::{DType, Error, Result, Tensor};

/// Whether this is a float of eight or four bits.
fn is_small(dtype: DType) -> bool {
    dtype.is_float() && dtype.size() == 1
}

/// The elements in the widest type of their kind.
enum Wide {
    Float(Vec<f64>),
    Int(Vec<i64>),
    Unsigned(Vec<u64>),
}

fn elements(x: &Tensor) -> Result<Wide> {
    Ok(match x.dtype() {
        DType::Bool => Wide::Int(x.as_slice::<bool>()?.iter().map(|b| i64::from(*b)).collect()),
        DType::U64 => Wide::Unsigned(x.as_slice::<u64>()?.to_vec()),
        d if d.is_integer() => Wide::Int(x.to_i64_vec()?),
        _ => {
            let x = x.widen()?;
            Wide::Float(with_float!(x.dtype(), T => Ok(x.as_slice::<T>()?.iter().map(|v| v.to_f64()).collect()))?)
        }
    })
}

fn from_elements<T: Number>(wide: Wide) -> Vec<T> {
    match wide {
        Wide::Float(v) => v.into_iter().map(T::from_f64).collect(),
        Wide::Int(v) => v.into_iter().map(T::from_i64).collect(),
        // Through f32 first: rounding to f64 and then to f32 would round twice.
        Wide::Unsigned(v) if T::DTYPE == DType::F32 => {
            v.into_iter().map(|u| T::from_f64(f64::from(u as f32))).collect()
        }
        Wide::Unsigned(v) if T::DTYPE.is_float() => v.into_iter().map(|u| T::from_f64(u as f64)).collect(),
        Wide::Unsigned(v) => v.into_iter().map(|u| T::from_i64(u.cast_signed())).collect(),
    }
}

fn read_number<T: Number>(text: &str) -> Result<T> {
    let wrong = || Error::invalid(format!("'{text}' is no number"));
    let t = text.trim();
    let t = t.strip_prefix('+').unwrap_or(t);
    if T::DTYPE.is_integer() {
        if let Ok(i) = t.parse::<i64>() {
            return Ok(T::from_i64(i));
        }
        if let Ok(u) = t.parse::<u64>() {
            return Ok(T::from_i64(u.cast_signed()));
        }
    }
    // Read at f32 where that is the target, so that the text is rounded once.
    if T::DTYPE == DType::F32 {
        return t.parse::<f32>().map(|v| T::from_f64(f64::from(v))).map_err(|_| wrong());
    }
    t.parse::<f64>().map(T::from_f64).map_err(|_| wrong())
}

fn text(v: impl std::fmt::Display, x: f64) -> String {
    if x.is_nan() {
        "NaN".into()
    } else if x.is_infinite() {
        if x > 0.0 { "INF".into() } else { "-INF".into() }
    } else {
        v.to_string()
    }
}

fn to_text(x: &Tensor) -> Result<Tensor> {
    let strings: Vec<String> = match x.dtype() {
        DType::Bool => x.as_slice::<bool>()?.iter().map(|b| if *b { "1".into() } else { "0".into() }).collect(),
        _ => {
            let x = x.widen()?;
            with_number!(x.dtype(), T => Ok(x.as_slice::<T>()?.iter().map(|v| text(v, v.to_f64())).collect()))?
        }
    };
    Tensor::from_string_iter(x.shape(), strings)
}

impl Tensor {
    /// The same values in another type.
    ///
    /// Floats to integers truncate, and saturate where the value does not fit; integers to narrower integers keep the low
    /// bits; anything but zero is true. Strings are read as numbers (`INF`, `-INF`, `NaN` in any case) and numbers written
    /// in the fewest digits that read back as the same number, without an exponent.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a string that is no number; [`Error::Unsupported`] for types without a conversion.
    pub fn cast(&self, to: DType) -> Result<Tensor> {
        self.cast_with(to, Conversion::default())
    }

    /// [`cast`](Self::cast) with a choice for floats of eight and four bits. Integers of four and two bits keep the low
    /// bits of whatever they are made from.
    ///
    /// # Errors
    /// Those of [`cast`](Self::cast).
    pub fn cast_with(&self, to: DType, how: Conversion) -> Result<Tensor> {
        let x = self;
        match (x.dtype(), to) {
            (from, to) if from == to => Ok(x.clone()),
            (_, DType::String) => to_text(x),
            (DType::String, DType::Bool) => {
                let read = |s: &str| match s.to_ascii_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => read_number::<f64>(s).map(|v| v != 0.0),
                };
                let v = x.as_strings()?.iter().flatten().map(read).collect::<Result<Vec<bool>>>()?;
                Tensor::from_vec(x.shape(), v)
            }
            (DType::String, to) if is_small(to) => x.cast(DType::F64)?.cast_with(to, how),
            (DType::String, DType::I4 | DType::U4 | DType::I2 | DType::U2) => x.cast(DType::I64)?.cast(to),
            (_, DType::I4 | DType::U4 | DType::I2 | DType::U2) => {
                Tensor::from_vec(x.shape(), from_elements::<i64>(elements(x)?))?.narrow(to)
            }
            (_, to) if is_small(to) => with_small_float!(to, T => {
                let numbers = from_elements::<f64>(elements(x)?);
                Tensor::from_vec(x.shape(), numbers.into_iter().map(|v| T::from_number(v, how)).collect())
            }),
            (DType::String, to) => with_every_number!(to, T => {
                let v = x.as_strings()?.iter().flatten().map(read_number::<T>).collect::<Result<Vec<T>>>()?;
                Tensor::from_vec(x.shape(), v)
            }),
            (_, DType::Bool) => {
                let v = match elements(x)? {
                    Wide::Float(v) => v.into_iter().map(|f| f != 0.0).collect(),
                    Wide::Int(v) => v.into_iter().map(|i| i != 0).collect(),
                    Wide::Unsigned(v) => v.into_iter().map(|u| u != 0).collect::<Vec<bool>>(),
                };
                Tensor::from_vec(x.shape(), v)
            }
            (_, to) => with_every_number!(to, T => Tensor::from_vec(x.shape(), from_elements::<T>(elements(x)?))),
        }
    }
}
