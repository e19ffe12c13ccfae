//! [Equal](https://onnx.ai/onnx/operators/onnx__Equal.html): whether elements are equal, broadcast.

use crate::{
    DType, Node, Operator, Result, Tensor,
    broadcast::{broadcast_map, broadcast_shape, broadcast_strides, for_each_index},
    family::math::{
        aligned,
        elementwise::{Elementwise, same},
    },
    numeric::with_number,
    tensor::element_count,
};
use std::{ops::RangeInclusive, sync::Arc};

/// `A == B`, element by element, as booleans; of numbers, booleans or strings. NaN equals nothing, -0 equals 0.
#[derive(Debug)]
pub struct Equal;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Equal)
}

impl Elementwise for Equal {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same(inputs).map(|_| DType::Bool)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        if a.dtype() == DType::String {
            return equal_strings(a, b);
        }
        if a.dtype() == DType::Bool {
            return broadcast_map::<bool, bool, bool>(a, b, |x, y| x == y);
        }
        with_number!(a.dtype(), T => broadcast_map::<T, T, bool>(a, b, |x, y| x == y))
    }
}

fn equal_strings(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (x, y) = (a.as_strings()?, b.as_strings()?);
    let shape = broadcast_shape(a.shape(), b.shape())?;
    let mut out = Vec::with_capacity(element_count(&shape)?);
    let strides = [broadcast_strides(a.shape(), &shape), broadcast_strides(b.shape(), &shape)];
    for_each_index(&shape, &strides, |[i, j]| out.push(x.value(i) == y.value(j)));
    Tensor::from_vec(shape, out)
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn broadcasts() {
        let (a, b) = (floats(&[2, 1], &[1.0, 0.0]), floats(&[3], &[1.0, -0.0, f32::NAN]));
        let want = Tensor::from_vec([2, 3], vec![true, false, false, false, true, false]).unwrap();
        assert_eq!(run("Equal", 13, &[&a, &b]).unwrap(), want);
        let a = Tensor::from_vec([2, 1], vec![true, false]).unwrap();
        let b = Tensor::from_vec([3], vec![true, false, false]).unwrap();
        let want = Tensor::from_vec([2, 3], vec![true, false, false, false, true, true]).unwrap();
        assert_eq!(run("Equal", 13, &[&a, &b]).unwrap(), want);
        let a = Tensor::from_string_iter([2, 1], ["ab", ""]).unwrap();
        let b = Tensor::from_string_iter([3], ["ab", "", "a string that is not kept inline"]).unwrap();
        let want = Tensor::from_vec([2, 3], vec![true, false, false, false, true, false]).unwrap();
        assert_eq!(run("Equal", 19, &[&a, &b]).unwrap(), want);
        assert!(run("Equal", 19, &[&a, &want]).is_err(), "two types");
        assert!(run("Equal", 19, &[&b, &Tensor::from_string_iter([2], ["", ""]).unwrap()]).is_err(), "shapes");
    }
}
