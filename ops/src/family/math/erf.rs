//! [Erf](https://onnx.ai/onnx/operators/onnx__Erf.html): the error function.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, map_float, same_number},
    numeric::{Number, transcendental, with_number},
};
use std::sync::Arc;

/// `erf(x)`, element by element, at most 1 ulp off in `f32`; of an integer, truncated to one.
#[derive(Debug)]
pub struct Erf;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Erf))
}

impl Elementwise for Erf {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let x = inputs[0];
        if x.dtype().is_float() {
            return map_float(x, transcendental::erf_f32, libm::erf);
        }
        with_number!(x.dtype(), T => map_each::<T, T>(x, |v| T::from_f64(libm::erf(v.to_f64()))))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn floats_and_integers() {
        let got = run("Erf", 13, &[&floats(&[3, 1], &[0.5, -2.0, f32::INFINITY])]).unwrap();
        assert_eq!(got, floats(&[3, 1], &[0.520_499_9, -0.995_322_3, 1.0]));
        let got = run("Erf", 13, &[&Tensor::from_vec([3], vec![-9i32, 0, 1]).unwrap()]).unwrap();
        assert_eq!(got.as_slice::<i32>().unwrap(), [-1, 0, 0]);
        assert!(run("Erf", 13, &[&Tensor::from_vec([1], vec![true]).unwrap()]).is_err());
    }
}
