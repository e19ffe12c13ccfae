//! [Not](https://onnx.ai/onnx/operators/onnx__Not.html): the negation of booleans.

use crate::{
    DType, Node, Operator, Result, Tensor,
    family::math::elementwise::{Elementwise, map_each, same_bool},
};
use std::sync::Arc;

/// The negation of booleans, element by element.
#[derive(Debug)]
pub struct Not;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Not))
}

impl Elementwise for Not {
    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_bool(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        map_each::<bool, bool>(inputs[0], |v| !v)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::math::elementwise::testing::run};

    #[test]
    fn each_element() {
        let x = Tensor::from_vec([2, 1], vec![true, false]).unwrap();
        assert_eq!(run("Not", 7, &[&x]).unwrap(), Tensor::from_vec([2, 1], vec![false, true]).unwrap());
        assert!(run("Not", 7, &[&Tensor::scalar(1u8)]).is_err());
    }
}
