//! [Add](https://onnx.ai/onnx/operators/onnx__Add.html): the sum of two tensors, element by element, broadcast.

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

/// `C = A + B`; integers wrap.
#[derive(Debug)]
pub struct Add;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    aligned::limited(node, Add)
}

impl Elementwise for Add {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[DType]) -> Result<DType> {
        same_number(inputs)
    }

    fn map(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let (a, b) = (inputs[0], inputs[1]);
        with_number!(a.dtype(), T => broadcast_map::<T, T, T>(a, b, Number::add))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attributes, Inputs, Registry, Tensor, Value, operator::Node};

    #[test]
    fn adds_with_broadcasting_and_wraps() {
        let node = Node {
            domain: "",
            op: "Add",
            version: 13,
            since: 0,
            attributes: &Attributes::new(),
            inputs: 2,
            outputs: 1,
        };
        let add = Registry::standard().parse(&node).unwrap().1;
        let a = Value::Tensor(Tensor::from_vec([2, 1], vec![250u8, 1]).unwrap());
        let b = Value::Tensor(Tensor::from_vec([2], vec![5u8, 6]).unwrap());
        let got = add.evaluate(Inputs(&[Some(&a), Some(&b)])).unwrap();
        assert_eq!(got[0].as_tensor().unwrap(), &Tensor::from_vec([2, 2], vec![255u8, 0, 6, 7]).unwrap());
    }
}
