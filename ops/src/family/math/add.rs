//! [Add](https://onnx.ai/onnx/operators/onnx__Add.html): the sum of two tensors, element by element, broadcast.

use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    broadcast::{broadcast_map, infer_broadcast},
    fact::Facts,
    numeric::{Number, with_number},
    rows,
};
use std::sync::Arc;

/// `C = A + B`; integers wrap.
#[derive(Debug)]
pub struct Add;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Add))
}

impl Operator for Add {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        with_number!(dtype, T => { let _ = T::ZERO; Ok::<_, Error>(()) })?;
        infer_broadcast(inputs, dtype)
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(1)?);
        with_number!(a.dtype(), T => Ok(vec![broadcast_map(a, b, T::add)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::elementwise(rows, inputs, outputs)
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
