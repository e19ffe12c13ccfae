//! [PRelu](https://onnx.ai/onnx/operators/onnx__PRelu.html): a ramp whose slope below zero is an input.

use crate::{
    DType, Error, Node, Operator, Result, Tensor,
    broadcast::{broadcast_map, broadcast_shape},
    family::math::{
        aligned,
        elementwise::{Elementwise, same_number},
    },
    numeric::{Number, with_number},
};
use std::{ops::RangeInclusive, sync::Arc};

/// `x` where it is not negative, else `slope x`; the slope broadcasts to the shape of `x`.
#[derive(Debug)]
pub struct PRelu;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::channels(node, PRelu)
}

impl Elementwise for PRelu {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (x, slope) = (inputs[0], inputs[1]);
        if broadcast_shape(x.shape(), slope.shape())? != x.shape() {
            let (x, slope) = (x.shape(), slope.shape());
            return Err(Error::invalid(format!("a slope of shape {slope:?} does not broadcast to {x:?}")));
        }
        with_number!(x.dtype(), T => broadcast_map::<T, T, T>(x, slope, ramp))
    }
}

fn ramp<T: Number>(x: T, slope: T) -> T {
    if x < T::ZERO { slope.mul(x) } else { x }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn slopes_broadcast_one_way() {
        let (x, slope) = (floats(&[2, 3], &[-1.0, 2.0, -3.0, 4.0, -5.0, -6.0]), floats(&[3], &[0.5, 2.0, -1.0]));
        let want = floats(&[2, 3], &[-0.5, 2.0, 3.0, 4.0, -10.0, 6.0]);
        assert_eq!(run("PRelu", 16, &[&x, &slope]).unwrap(), want);
        assert!(run("PRelu", 16, &[&slope, &x]).is_err(), "the other way");
        let image = floats(&[1, 2, 2], &[-1.0, 2.0, -3.0, -4.0]);
        let by_channel = run("PRelu", 6, &[&image, &floats(&[2], &[0.5, 2.0])]).unwrap();
        assert_eq!(by_channel, floats(&[1, 2, 2], &[-0.5, 2.0, -6.0, -8.0]));
        let shared = run("PRelu", 6, &[&image, &floats(&[1], &[2.0])]).unwrap();
        assert_eq!(shared, floats(&[1, 2, 2], &[-2.0, 2.0, -6.0, -8.0]));
        let spread = run("PRelu", 6, &[&image, &floats(&[2, 1], &[0.5, 2.0])]).unwrap();
        assert_eq!(spread, by_channel, "a slope of two axes lies along the last ones");
        assert!(run("PRelu", 6, &[&image, &floats(&[3], &[1.0; 3])]).is_err(), "three channels");
        let (x, slope) = (Tensor::from_vec([2], vec![-3i64, 3]).unwrap(), Tensor::scalar(2i64));
        assert_eq!(run("PRelu", 9, &[&x, &slope]).unwrap().as_slice::<i64>().unwrap(), [-6, 3]);
        assert!(run("PRelu", 16, &[&x, &floats(&[], &[1.0])]).is_err(), "two types");
    }
}
