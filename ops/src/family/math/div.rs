//! [Div](https://onnx.ai/onnx/operators/onnx__Div.html): the quotient of two tensors, element by element, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::{
        aligned,
        elementwise::{Elementwise, same_number},
    },
    numeric::{Number, with_number},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `C = A / B`; integers truncate toward zero, wrap, and refuse a zero divisor.
#[derive(Debug)]
pub struct Div;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Div)
}

impl Elementwise for Div {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => {
            refuse_zero::<T>(b)?;
            broadcast_map::<T, T, T>(a, b, Number::div)
        })
    }
}

/// ONNX leaves an integer quotient by zero undefined; it is an error here, never a wrong number.
fn refuse_zero<T: Number>(divisor: &Tensor) -> Result<()> {
    if divisor.dtype().is_integer() && divisor.as_slice::<T>()?.contains(&T::ZERO) {
        return Err(crate::Error::invalid("an integer division by zero"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn broadcasts_and_keeps_to_the_type() {
        let (a, b) = (floats(&[2, 1], &[6.0, -1.5]), floats(&[3], &[1.0, 2.0, -4.0]));
        assert_eq!(run("Div", 14, &[&a, &b]).unwrap(), floats(&[2, 3], &[6.0, 3.0, -1.5, -1.5, -0.75, 0.375]));
        let (a, b) =
            (Tensor::from_vec([3], vec![-128i8, -7, 7]).unwrap(), Tensor::from_vec([3], vec![-1i8, 2, 9]).unwrap());
        assert_eq!(run("Div", 14, &[&a, &b]).unwrap().as_slice::<i8>().unwrap(), [-128, -3, 0]);
        let zero = Tensor::from_vec([1], vec![0i8]).unwrap();
        assert!(run("Div", 14, &[&zero, &zero]).is_err());
        let one = Tensor::from_vec([1], vec![1i64]).unwrap();
        assert!(run("Div", 14, &[&floats(&[2], &[1.0, 2.0]), &one]).is_err(), "two types");
        assert!(run("Div", 14, &[&floats(&[2], &[1.0; 2]), &floats(&[3], &[1.0; 3])]).is_err(), "shapes");
        assert!(run("Div", 14, &[&one]).is_err(), "one input");
    }
}
