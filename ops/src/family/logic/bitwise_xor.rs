//! [BitwiseXor](https://onnx.ai/onnx/operators/onnx__BitwiseXor.html): the exclusive disjunction of integers' bits, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::broadcast_map,
    family::math::elementwise::{Elementwise, same_integer},
    numeric::with_integer,
};
use std::{ops::RangeInclusive, sync::Arc};

/// `A ^ B` of the bits of integers, element by element.
#[derive(Debug)]
pub struct BitwiseXor;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(BitwiseXor))
}

impl Elementwise for BitwiseXor {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_integer(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_integer!(a.dtype(), T => broadcast_map::<T, T, T>(a, b, |x, y| x ^ y))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn broadcasts() {
        let a = Tensor::from_vec([2, 1], vec![12i16, -1]).unwrap();
        let b = Tensor::from_vec([3], vec![10i16, 0, 6]).unwrap();
        assert_eq!(
            run("BitwiseXor", 18, &[&a, &b]).unwrap(),
            Tensor::from_vec([2, 3], vec![6, 12, 10, -11, -1, -7i16]).unwrap()
        );
        assert!(run("BitwiseXor", 18, &[&floats(&[1], &[1.0]), &floats(&[1], &[1.0])]).is_err());
        assert!(run("BitwiseXor", 18, &[&b, &Tensor::from_vec([2], vec![1i16; 2]).unwrap()]).is_err());
    }
}
