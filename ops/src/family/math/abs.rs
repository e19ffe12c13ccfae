//! [Abs](https://onnx.ai/onnx/operators/onnx__Abs.html): the absolute value.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_number},
    numeric::{Number, with_number},
};
use std::sync::Arc;

/// `|x|`, element by element; the least signed integer stays itself.
#[derive(Debug)]
pub struct Abs;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Abs))
}

impl Elementwise for Abs {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        with_number!(inputs[0].dtype(), T => map_each::<T, T>(inputs[0], Number::abs))
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Tensor,
        family::math::elementwise::testing::{floats, run},
    };

    #[test]
    fn numbers_of_all_kinds() {
        let got = run("Abs", 13, &[&floats(&[3, 1], &[-1.5, -0.0, f32::NEG_INFINITY])]).unwrap();
        assert_eq!(got, floats(&[3, 1], &[1.5, 0.0, f32::INFINITY]));
        let got = run("Abs", 13, &[&Tensor::from_vec([3], vec![-3i8, -128, 5]).unwrap()]).unwrap();
        assert_eq!(got.as_slice::<i8>().unwrap(), [3, -128, 5]);
        assert!(run("Abs", 13, &[&Tensor::from_vec([1], vec![true]).unwrap()]).is_err());
    }
}
