//! Working types: arithmetic runs in `f32`, `f64`, `i64` or `u64`, whatever the width that elements are kept in.
//!
//! A tensor is widened on the way in ([`Tensor::widen`]: exact, and nothing is copied where it has its working type
//! already) and brought back once on the way out ([`Tensor::narrow`]). So an operator has one body for four types instead
//! of one for every width, and a narrow type rounds where the operator ends. Integers are narrowed modulo their width:
//! sums, differences, products and shifts are those of the narrow type, and whatever lies in its range stays as it is.

use super::{
    Element, Number,
    macros::{with_every_number, with_stored},
};
use crate::{DType, Error, Result, Tensor};

/// The type that elements of `dtype` are computed in.
///
/// # Errors
/// [`Error::Unsupported`] for booleans and strings, which are no numbers.
pub fn working(dtype: DType) -> Result<DType> {
    match dtype {
        DType::F64 | DType::U64 => Ok(dtype),
        DType::Bool | DType::String => {
            Err(Error::unsupported(format!("element type {dtype} where a number is expected")))
        }
        d if d.is_float() => Ok(DType::F32),
        _ => Ok(DType::I64),
    }
}

/// The least value of `dtype` in its working type: negative infinity for floats.
pub(crate) fn least<T: Number>(dtype: DType) -> Result<T> {
    if dtype.is_float() || dtype == T::DTYPE {
        return Ok(T::LEAST);
    }
    with_every_number!(dtype, S => Ok(T::from_i64(S::LEAST.to_i64())))
}

/// The greatest value of `dtype` in its working type: infinity for floats.
pub(crate) fn greatest<T: Number>(dtype: DType) -> Result<T> {
    if dtype.is_float() || dtype == T::DTYPE {
        return Ok(T::GREATEST);
    }
    with_every_number!(dtype, S => Ok(T::from_i64(S::GREATEST.to_i64())))
}

/// An element kept in fewer bits than it is computed in.
pub(crate) trait Stored: Element {
    /// The working type.
    type Working: Number;
    /// Exact.
    fn widen(self) -> Self::Working;
    /// Rounds to the nearest, even on ties; integers keep their lowest bits.
    fn narrow(value: Self::Working) -> Self;
}

macro_rules! stored_integer {
    ($($t:ty),+) => {$(
        impl Stored for $t {
            type Working = i64;
            #[inline]
            fn widen(self) -> i64 {
                i64::from(self)
            }
            #[inline]
            fn narrow(value: i64) -> Self {
                value as $t
            }
        }
    )+};
}
stored_integer!(i8, i16, i32, u8, u16, u32);

macro_rules! stored_float {
    ($($t:ty),+) => {$(
        impl Stored for $t {
            type Working = f32;
            #[inline]
            fn widen(self) -> f32 {
                self.to_f32()
            }
            #[inline]
            fn narrow(value: f32) -> Self {
                <$t>::from_f32(value)
            }
        }
    )+};
}
stored_float!(half::f16, half::bf16);

/// What rounds a number of the working type `f32` to what this type stores: for operators that round between their steps.
pub fn rounding(dtype: DType) -> fn(f32) -> f32 {
    match dtype {
        DType::F16 => |v| half::f16::from_f32(v).to_f32(),
        DType::BF16 => |v| half::bf16::from_f32(v).to_f32(),
        _ => |v| v,
    }
}

impl Tensor {
    /// The same elements in their working type: `f32`, `f64`, `i64` or `u64`. Booleans, strings and what has that type
    /// already come back as they are, without a copy.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for types that are not computed with.
    pub fn widen(&self) -> Result<Tensor> {
        match self.dtype() {
            DType::F32 | DType::F64 | DType::I64 | DType::U64 | DType::Bool | DType::String => Ok(self.clone()),
            dtype => with_stored!(dtype, S => {
                let mut out = Vec::with_capacity(self.len());
                for v in self.as_slice::<S>()? {
                    out.push(v.widen());
                }
                Tensor::from_vec(self.shape(), out)
            }),
        }
    }

    /// The elements in `dtype`, of which this tensor holds the working type: each is rounded once, or cut to the width.
    ///
    /// # Errors
    /// [`Error::Invalid`] when this is not the working type of `dtype`.
    pub fn narrow(self, dtype: DType) -> Result<Tensor> {
        if self.dtype() == dtype {
            return Ok(self);
        }
        with_stored!(dtype, S => {
            let mut out = Vec::with_capacity(self.len());
            for v in self.as_slice::<<S as Stored>::Working>()? {
                out.push(S::narrow(*v));
            }
            Tensor::from_vec(self.shape(), out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_is_exact_and_narrowing_undoes_it() {
        let tensors = [
            Tensor::from_vec([3], vec![i8::MIN, -1, i8::MAX]).unwrap(),
            Tensor::from_vec([2], vec![u32::MAX, 7]).unwrap(),
            Tensor::from_vec([2], vec![u64::MAX, 7]).unwrap(),
            Tensor::from_vec([3], vec![half::f16::NAN, half::f16::MIN_POSITIVE, half::f16::NEG_INFINITY]).unwrap(),
            Tensor::from_vec([2], vec![half::bf16::MAX, half::bf16::NEG_ZERO]).unwrap(),
            Tensor::from_vec([1], vec![true]).unwrap(),
        ];
        for t in tensors {
            let wide = t.widen().unwrap();
            assert_eq!(wide.dtype(), working(t.dtype()).unwrap_or(t.dtype()));
            assert_eq!(wide.narrow(t.dtype()).unwrap(), t);
        }
        let sums = Tensor::from_vec([2], vec![200i64, -129]).unwrap();
        assert_eq!(sums.clone().narrow(DType::I8).unwrap(), Tensor::from_vec([2], vec![-56i8, 127]).unwrap());
        assert!(sums.narrow(DType::F16).is_err(), "not its working type");
    }
}
