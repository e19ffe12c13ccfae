//! [QLinearGlobalAveragePool](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearGlobalAveragePool): the mean of each channel of bytes.

use super::{
    layout,
    load::only,
    parameters::{Parameters, check},
};
use crate::{
    DType, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        nn::{Global, GlobalPool, window},
        quantize::granularity::{integers, saturate},
    },
    rows,
};
use std::sync::Arc;

/// `y = saturate(round(sum * r) + y_zero)` with the exact sum of `x - x_zero` over a plane of `n` elements, rounded to
/// `f32`, and `r = x_scale / (y_scale n)`.
#[derive(Debug)]
pub struct QLinearGlobalAveragePool {
    /// Whether the channels are the last axis.
    pub channels_last: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["channels_last"], 5..=5)?;
    Ok(Arc::new(QLinearGlobalAveragePool { channels_last: node.attributes.flag_or("channels_last", false)? }))
}

/// The codes of the means of each plane of `[N, C, D...]`.
fn means(x: &Tensor, from: Parameters, to: Parameters) -> Result<Tensor> {
    let (batch, channels, spatial) = window::layout(x.shape())?;
    let mut shape = vec![1; x.rank()];
    (shape[0], shape[1]) = (batch, channels);
    let plane: usize = spatial.iter().product();
    let values = x.to_i64_vec()?;
    let ratio = from.scale / (to.scale * plane as f32);
    let codes = (0..batch * channels).map(|p| {
        let sum: i64 = values[p * plane..(p + 1) * plane].iter().map(|v| v - from.zero).sum();
        saturate(f64::from(sum as f32 * ratio), to.zero, to.limits)
    });
    integers(to.dtype, &shape, codes)
}

impl Operator for QLinearGlobalAveragePool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        check(inputs, dtype, 1, 2)?;
        check(inputs, dtype, 3, 4)?;
        let x = Fact::tensor(DType::F32, inputs.shape(0)?.map(<[_]>::to_vec));
        let x = if self.channels_last { layout::fact_second(&x) } else { x };
        let y = GlobalPool { global: Global::Average }.infer(Facts(&[Some(&x)]))?.remove(0);
        let y = if self.channels_last { layout::fact_last(&y) } else { y };
        Ok(vec![Fact::tensor(dtype, y.shape().map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let read = |scale, zero| Parameters::read(inputs, x.dtype(), scale, zero);
        let (from, to) = (read(1, 2)?, read(3, 4)?);
        let y = if self.channels_last {
            layout::last(&means(&layout::second(x)?, from, to)?)?
        } else {
            means(x, from, to)?
        };
        Ok(vec![y.into()])
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
    fn means_of_both_layouts() {
        let (one, half) = (t(&[], &[1.0]), t(&[1], &[0.5]));
        let x = u8s(&[1, 2, 1, 3], &[1, 2, 3, 200, 250, 255]);
        let ten = u8s(&[], &[10]);
        let got = run("QLinearGlobalAveragePool", &[], &[&x, &half, &u8s(&[], &[0]), &one, &ten]).unwrap();
        // 1 and 117.5 before the zero point: halves go to even.
        assert_eq!(got, u8s(&[1, 2, 1, 1], &[11, 128]));
        let last = [("channels_last", Attribute::Int(1))];
        let x = i8s(&[1, 2, 2], &[10, -100, 20, -101]);
        let zero = i8s(&[], &[0]);
        let got = run("QLinearGlobalAveragePool", &last, &[&x, &one, &zero, &half, &zero]).unwrap();
        assert_eq!(got, i8s(&[1, 1, 2], &[30, -128]));
        assert!(run("QLinearGlobalAveragePool", &last, &[&x, &one, &zero, &half]).is_err(), "no zero point");
        assert!(run("QLinearGlobalAveragePool", &[], &[&i8s(&[2], &[1, 2]), &one, &zero, &half, &zero]).is_err());
    }
}
