//! Working precision: narrow floats are widened to `f32`, computed with, and rounded once.
//!
//! An operator reads its inputs with [`wide`], computes in `f32` or `f64` (bound by `with_wide!`), and writes with
//! [`narrow`]. Here are also the one order of sums and the checked allocation that layers share.

use crate::{
    DType, Error, Limits, Result, Tensor,
    numeric::{Element, Float, Number, with_number, working},
    tensor::element_count,
};
use std::borrow::Cow;

/// Binds `$T` to the type that a floating-point type is computed in. The body is a `Result`.
macro_rules! with_wide {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::F32 | $crate::DType::F16 | $crate::DType::BF16 => {
                type $T = f32;
                $body
            }
            other => Err($crate::Error::unsupported(format!(
                "element type {other} where a floating-point number is expected"
            ))),
        }
    };
}
pub(crate) use with_wide;

/// Refuses types that `with_wide!` does not compute in.
pub(crate) fn check_float(dtype: DType) -> Result<DType> {
    with_wide!(dtype, T => {
        let _ = T::ZERO;
        Ok(dtype)
    })
}

/// The elements of any tensor of numbers in the working type.
pub(crate) fn wide<T: Float>(tensor: &Tensor) -> Result<Cow<'_, [T]>> {
    if tensor.dtype() == T::DTYPE {
        return Ok(Cow::Borrowed(tensor.as_slice::<T>()?));
    }
    let tensor = tensor.widen()?;
    with_number!(tensor.dtype(), S => {
        Ok(Cow::Owned(tensor.as_slice::<S>()?.iter().map(|v| T::from_f64(v.to_f64())).collect()))
    })
}

/// A tensor of `dtype` from elements of the working type, each rounded once.
pub(crate) fn narrow<T: Float>(dtype: DType, shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Tensor> {
    let wide = Tensor::from_vec(shape, values)?;
    if working(dtype)? == T::DTYPE { wide.narrow(dtype) } else { wide.cast(dtype) }
}

/// The number of elements of a shape, within the limits and within memory.
pub(crate) fn checked_count(shape: &[usize]) -> Result<usize> {
    let count = element_count(shape)?;
    if count as u64 > Limits::default().elements {
        return Err(Error::Exhausted(format!("a tensor of shape {shape:?}")));
    }
    Ok(count)
}

/// A vector filled with one value for a tensor of this shape; an error where memory does not reach.
pub(crate) fn filled<T: Element>(shape: &[usize], value: T) -> Result<Vec<T>> {
    let count = checked_count(shape)?;
    let mut values = Vec::new();
    values
        .try_reserve_exact(count)
        .map_err(|_| Error::Exhausted(format!("memory for a {} tensor of shape {shape:?}", T::DTYPE)))?;
    values.resize(count, value);
    Ok(values)
}

/// The sum in the declared order of reductions: sixteen chains by index mod 16, then lanes `i` and `i + 8`, `i + 4`,
/// `i + 2`, `i + 1`.
pub(crate) fn sum16<T: Number>(values: impl Iterator<Item = T>) -> T {
    let mut lanes = [T::ZERO; 16];
    for (i, v) in values.enumerate() {
        lanes[i % 16] = lanes[i % 16].add(v);
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = lanes[i].add(lanes[i + half]);
        }
    }
    lanes[0]
}

/// A function of `f64` applied in any working type, rounded once.
#[inline]
pub(crate) fn via<T: Number>(x: T, f: impl Fn(f64) -> f64) -> T {
    T::from_f64(f(x.to_f64()))
}

/// Calls `f` with every index of a shape in row-major order.
pub(crate) fn for_each_position(shape: &[usize], mut f: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0usize; shape.len()];
    loop {
        f(&index);
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Row-major strides.
pub(crate) fn strides_of(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i].saturating_mul(shape[i]);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_follow_the_tree() {
        // 2^24 + 1 is not an f32: where the ones are added decides what is left of them.
        let mut v = vec![0.0f32; 33];
        v[0] = 16_777_216.0;
        v[16] = 1.0;
        v[8] = 1.0;
        v[24] = 1.0;
        assert_eq!(sum16(v.into_iter()), 16_777_218.0);
    }

    #[test]
    fn absurd_shapes_are_refused() {
        assert!(filled(&[1 << 20, 1 << 20], 0.0f32).is_err());
        assert!(filled(&[usize::MAX, 2], 0u8).is_err());
    }

    #[test]
    fn narrow_types_round_once() {
        let t = narrow(DType::F16, [1], vec![1.000_488_3f32]).unwrap();
        assert_eq!(wide::<f32>(&t).unwrap()[0], 1.0);
    }
}
