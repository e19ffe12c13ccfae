//! [NhwcMaxPool](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NhwcMaxPool): the greatest byte of each window, the channels last.

use super::{layout, load::only};
use crate::{
    Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::{
        nn::{MaxPool, Window},
        quantize::matmul_integer::check_bytes,
    },
    rows,
};
use std::sync::Arc;

/// MaxPool of `ai.onnx` over images of bytes whose channels are the last axis.
#[derive(Debug)]
pub struct NhwcMaxPool {
    /// With the channels second.
    pub pool: MaxPool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"], 1..=1)?;
    let pool = MaxPool { window: Window::parse_pool(node)?, column_major: false, indices: false };
    Ok(Arc::new(NhwcMaxPool { pool }))
}

impl Operator for NhwcMaxPool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        check_bytes(inputs.dtype(0)?)?;
        let x = layout::fact_second(inputs.required(0)?);
        Ok(self.pool.infer(Facts(&[Some(&x)]))?.iter().map(layout::fact_last).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        check_bytes(inputs.tensor(0)?.dtype())?;
        let x = Value::Tensor(layout::second(inputs.tensor(0)?)?);
        self.pool.evaluate(Inputs(&[Some(&x)]))?.iter().map(|y| Ok(layout::last(y.as_tensor()?)?.into())).collect()
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run};
    use crate::family::nn::testing::{count, ints};

    #[test]
    fn takes_the_greatest_of_each_channel() {
        let x = i8s(&[1, 3, 2], &[-1, 9, -3, 8, -2, 7]);
        let attributes = [("kernel_shape", ints(&[2]))];
        assert_eq!(run("NhwcMaxPool", &attributes, &[&x]).unwrap(), i8s(&[1, 2, 2], &[-1, 9, -2, 8]));
        assert!(run("NhwcMaxPool", &attributes, &[&count(&[1, 3, 2])]).is_err(), "floats");
        assert!(run("NhwcMaxPool", &attributes, &[&i8s(&[3, 2], &[0; 6])]).is_err(), "no channels");
        assert!(run("NhwcMaxPool", &[("storage_order", ints(&[1])), attributes[0].clone()], &[&x]).is_err());
    }
}
