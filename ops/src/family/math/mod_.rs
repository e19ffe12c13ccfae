//! [Mod](https://onnx.ai/onnx/operators/onnx__Mod.html): the remainder of two tensors, element by element, broadcast.

use crate::{
    DType, Error, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::elementwise::{Elementwise, same_number},
    numeric::{Number, with_number},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `C = A mod B`. An integer divisor of zero is an error.
#[derive(Debug)]
pub struct Mod {
    /// Whether the result has the sign of the dividend (as C's `fmod`) and not that of the divisor.
    pub truncated: bool,
    /// Whether floats may be taken to the divisor's sign, which begins with version 28.
    pub floored_floats: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let truncated = match node.attributes.int_or("fmod", 0)? {
        0 => false,
        1 => true,
        other => return Err(Error::invalid(format!("attribute 'fmod' is {other} where 0 or 1 is expected"))),
    };
    Ok(Arc::new(Mod { truncated, floored_floats: node.since >= 28 }))
}

impl Elementwise for Mod {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        let dtype = same_number(inputs)?;
        if dtype.is_float() && !self.truncated && !self.floored_floats {
            return Err(Error::invalid("before version 28 floating-point inputs need the attribute fmod = 1"));
        }
        Ok(dtype)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => {
            if b.dtype().is_integer() && b.as_slice::<T>()?.contains(&T::ZERO) {
                return Err(Error::invalid("an integer remainder by zero"));
            }
            if self.truncated { broadcast_map::<T, T, T>(a, b, Number::rem) } else { broadcast_map::<T, T, T>(a, b, floored) }
        })
    }
}

/// The remainder with the divisor's sign; a zero has it too.
fn floored<T: Number>(a: T, b: T) -> T {
    let r = a.rem(b);
    if r == T::ZERO {
        // Zero times a finite number: the sign of `b` for floats, plain zero for integers.
        if b < T::ZERO { T::ZERO.neg() } else { T::ZERO }
    } else if (r < T::ZERO) != (b < T::ZERO) {
        r.add(b)
    } else {
        r
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{floats, run, run_with},
    };

    #[test]
    fn signs_follow_the_attribute() {
        let fmod = Attributes::new().with("fmod", Attribute::Int(1));
        let a = Tensor::from_vec([2, 3], vec![-4i32, 7, 5, 4, -7, 8]).unwrap();
        let b = Tensor::from_vec([3], vec![2i32, -3, 8]).unwrap();
        let want = |v: Vec<i32>| Tensor::from_vec([2, 3], v).unwrap();
        assert_eq!(run("Mod", 13, &[&a, &b]).unwrap(), want(vec![0, -2, 5, 0, -1, 0]));
        assert_eq!(run_with("Mod", 13, &fmod, &[&a, &b]).unwrap(), want(vec![0, 1, 5, 0, -1, 0]));
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let a = floats(&[6], &[-4.5, 0.0, inf, 1.0, 1.0, 1.0]);
        let b = floats(&[6], &[2.0, -3.0, 1.0, 0.0, -inf, inf]);
        assert_eq!(run("Mod", 28, &[&a, &b]).unwrap(), floats(&[6], &[1.5, -0.0, nan, nan, -inf, 1.0]));
        assert_eq!(run_with("Mod", 28, &fmod, &[&a, &b]).unwrap(), floats(&[6], &[-0.5, 0.0, nan, nan, 1.0, 1.0]));
        assert!(run("Mod", 13, &[&a, &b]).is_err(), "floats without fmod");
        let zero = Tensor::scalar(0i32);
        assert!(run("Mod", 13, &[&zero, &zero]).is_err());
    }
}
