//! [Pow](https://onnx.ai/onnx/operators/onnx__Pow.html): powers, element by element, broadcast.

use crate::{
    DType, Error, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, map_each, same_number},
    },
    numeric::{Number, with_number},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `Z = X ^ Y` in the type of X.
///
/// A floating-point power is worked out in double precision and rounded once. An integer to an integer power wraps; a
/// negative integer power is the truncated quotient (an error for 0); an integer to a fractional power truncates.
#[derive(Debug)]
pub struct Pow;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Pow)
}

impl Elementwise for Pow {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(&inputs[1..])?;
        same_number(&inputs[..1])
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => to_power_of::<T>(inputs[0], inputs[1]))
    }
}

fn to_power_of<T: Number>(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let integers = x.dtype().is_integer() && y.dtype().is_integer();
    if !integers {
        let y = with_number!(y.dtype(), P => map_each::<P, f64>(y, Number::to_f64))?;
        return broadcast_map::<T, f64, T>(x, &y, |a, b| T::from_f64(libm::pow(a.to_f64(), b)));
    }
    let y = Tensor::from_vec(y.shape(), y.to_i64_vec()?)?;
    if x.as_slice::<T>()?.contains(&T::ZERO) && y.as_slice::<i64>()?.iter().any(|p| *p < 0) {
        return Err(Error::invalid("zero to a negative integer power"));
    }
    broadcast_map::<T, i64, T>(x, &y, integer_power)
}

/// By repeated squaring, wrapping.
fn integer_power<T: Number>(base: T, power: i64) -> T {
    let (mut result, mut square, mut left) = (T::ONE, base, power.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            result = result.mul(square);
        }
        square = square.mul(square);
        left >>= 1;
    }
    match power {
        0.. => result,
        // Only 1 and -1 have an integer inverse; anything larger truncates to zero.
        _ if base == T::ONE || base == T::ONE.neg() => result,
        _ => T::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn the_type_is_the_bases() {
        let x = floats(&[2, 1], &[2.0, -3.0]);
        let y = Tensor::from_vec([3], vec![2i64, 0, -1]).unwrap();
        let z = run("Pow", 13, &[&x, &y]).unwrap();
        assert_eq!(z, floats(&[2, 3], &[4.0, 1.0, 0.5, 9.0, 1.0, -1.0 / 3.0]));
        let x = Tensor::from_vec([3], vec![2i32, -1, 3]).unwrap();
        for (y, want) in [
            (Tensor::from_vec([3], vec![10u8, 3, 2]).unwrap(), [1024, -1, 9]),
            (Tensor::from_vec([3], vec![-1i32, -3, -2]).unwrap(), [0, -1, 0]),
            (floats(&[3], &[0.5, 2.0, 1.5]), [1, 1, 5]),
        ] {
            assert_eq!(run("Pow", 13, &[&x, &y]).unwrap().as_slice::<i32>().unwrap(), want, "{y:?}");
        }
        assert!(run("Pow", 13, &[&Tensor::scalar(0i32), &Tensor::scalar(-1i32)]).is_err());
        assert!(run("Pow", 13, &[&x, &Tensor::scalar(true)]).is_err());
        assert!(run("Pow", 13, &[&x, &floats(&[2], &[1.0; 2])]).is_err());
    }
}
