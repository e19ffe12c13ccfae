//! [QLinearConv](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearConv): a convolution of bytes, quantised again, whose images may have their channels last.

use super::{layout, load::only};
use crate::{
    Error, Fact, Inputs, Node, Operator, Result, Rows, Value, fact::Facts, family::quantize::qlinear_conv, rows,
};
use std::sync::Arc;

/// QLinearConv of `ai.onnx` over images whose channels are the last axis; the weight keeps its layout.
#[derive(Debug)]
pub struct ChannelsLastQLinearConv {
    /// With the channels second.
    pub conv: Arc<dyn Operator>,
}

/// The operator of `ai.onnx` itself unless `channels_last` is set.
pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["auto_pad", "channels_last", "dilations", "group", "kernel_shape", "pads", "strides"], 8..=9)?;
    let conv = qlinear_conv::parse(node)?;
    if node.attributes.flag_or("channels_last", false)? {
        return Ok(Arc::new(ChannelsLastQLinearConv { conv }));
    }
    Ok(conv)
}

impl Operator for ChannelsLastQLinearConv {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let x = layout::fact_second(inputs.required(0)?);
        let mut all = inputs.0.to_vec();
        all[0] = Some(&x);
        Ok(self.conv.infer(Facts(&all))?.iter().map(layout::fact_last).collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        if x.rank() < 3 {
            return Err(Error::invalid(format!("input 0 has {} dimensions; at least 3 are expected", x.rank())));
        }
        let x = Value::Tensor(layout::second(x)?);
        let mut all = inputs.0.to_vec();
        all[0] = Some(&x);
        self.conv.evaluate(Inputs(&all))?.iter().map(|y| Ok(layout::last(y.as_tensor()?)?.into())).collect()
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Attribute, family::nn::testing::t};

    #[test]
    fn channels_second_and_last() {
        let (one, half) = (t(&[], &[1.0]), t(&[], &[0.5]));
        // Two channels of two elements; each output channel takes one of them, or their sum.
        let (second, last) = (u8s(&[1, 2, 2], &[1, 3, 10, 20]), u8s(&[1, 2, 2], &[1, 10, 3, 20]));
        let w = i8s(&[3, 2, 1], &[1, 0, 0, 1, 1, 1]);
        let (xz, wz, yz) = (u8s(&[], &[0]), i8s(&[], &[0]), u8s(&[], &[5]));
        let got = run("QLinearConv", &[], &[&second, &one, &xz, &w, &one, &wz, &half, &yz]).unwrap();
        assert_eq!(got, u8s(&[1, 3, 2], &[7, 11, 25, 45, 27, 51]));
        let flag = [("channels_last", Attribute::Int(1))];
        let got = run("QLinearConv", &flag, &[&last, &one, &xz, &w, &one, &wz, &half, &yz]).unwrap();
        assert_eq!(got, u8s(&[1, 2, 3], &[7, 25, 27, 11, 45, 51]));
        assert!(run("QLinearConv", &flag, &[&u8s(&[2, 2], &[0; 4]), &one, &xz, &w, &one, &wz, &half, &yz]).is_err());
        let other = [("activation", Attribute::String("Relu".into()))];
        assert!(run("QLinearConv", &other, &[&second, &one, &xz, &w, &one, &wz, &half, &yz]).is_err());
    }
}
