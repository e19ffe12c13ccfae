//! [BitShift](https://onnx.ai/onnx/operators/onnx__BitShift.html): shifts of integers, element by element, broadcast.

use crate::{
    DType, Error, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::elementwise::{Elementwise, same_number},
    numeric::{Number, with_integer},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `Z = X << Y` or `X >> Y`. A right shift of a signed integer copies its sign; a shift by a negative number or by the
/// width or more leaves what an endless shift would: 0, or -1 for a right shift of a negative number.
#[derive(Debug)]
pub struct BitShift {
    /// Whether bits move toward the least significant one.
    pub right: bool,
    /// Whether signed integers are taken, which begins with version 28.
    pub signed: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let right = match node.attributes.required("direction", crate::Attributes::string)?.as_str() {
        "RIGHT" => true,
        "LEFT" => false,
        other => return Err(Error::invalid(format!("attribute 'direction' is '{other}', not LEFT or RIGHT"))),
    };
    Ok(Arc::new(BitShift { right, signed: node.since >= 28 }))
}

/// Shifts by fewer bits than the working type has.
trait Shift: Number {
    const BITS: i64;
    fn left(self, bits: u32) -> Self;
    fn right(self, bits: u32) -> Self;
}

macro_rules! shift {
    ($($t:ty),+) => {$(
        impl Shift for $t {
            const BITS: i64 = <$t>::BITS as i64;
            fn left(self, bits: u32) -> Self { self.wrapping_shl(bits) }
            fn right(self, bits: u32) -> Self { self.wrapping_shr(bits) }
        }
    )+};
}
shift!(i64, u64);

fn shift<T: Shift>(right: bool, x: T, by: T) -> T {
    let bits = by.to_i64();
    let within = (0..T::BITS).contains(&bits);
    match (right, within) {
        (true, true) => x.right(bits as u32),
        (false, true) => x.left(bits as u32),
        (true, false) if x < T::ZERO => T::ONE.neg(),
        _ => T::ZERO,
    }
}

impl Elementwise for BitShift {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        let dtype = same_number(inputs)?;
        let unsigned = matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64);
        if unsigned || self.signed && dtype.is_integer() {
            return Ok(dtype);
        }
        Err(Error::invalid(format!("inputs are {dtype} where integers (unsigned ones before version 28) are expected")))
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (x, y) = (inputs[0], inputs[1]);
        with_integer!(x.dtype(), T => broadcast_map::<T, T, T>(x, y, |a, b| shift(self.right, a, b)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, Tensor, family::math::elementwise::testing::run_with};

    #[test]
    fn directions_signs_and_widths() {
        let to = |d: &str| Attributes::new().with("direction", Attribute::String(d.into()));
        let (x, y) =
            (Tensor::from_vec([3], vec![16u8, 4, 1]).unwrap(), Tensor::from_vec([3], vec![1u8, 2, 8]).unwrap());
        let got = run_with("BitShift", 11, &to("RIGHT"), &[&x, &y]).unwrap();
        assert_eq!(got.as_slice::<u8>().unwrap(), [8, 1, 0]);
        let got = run_with("BitShift", 11, &to("LEFT"), &[&x, &y]).unwrap();
        assert_eq!(got.as_slice::<u8>().unwrap(), [32, 16, 0]);
        let x = Tensor::from_vec([4], vec![-16i8, -1, 100, -3]).unwrap();
        let y = Tensor::from_vec([4], vec![2i8, 8, 1, -1]).unwrap();
        let got = run_with("BitShift", 28, &to("RIGHT"), &[&x, &y]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [-4, -1, 50, -1]);
        let got = run_with("BitShift", 28, &to("LEFT"), &[&x, &y]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [-64, 0, -56, 0]);
        assert!(run_with("BitShift", 11, &to("LEFT"), &[&x, &y]).is_err(), "signed before 28");
        assert!(run_with("BitShift", 28, &to("UP"), &[&x, &y]).is_err());
    }
}
