//! [QLinearAveragePool](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAveragePool): the mean of each window of bytes.

use super::{
    layout,
    load::only,
    parameters::{Parameters, check, numbers},
};
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Value,
    fact::Facts,
    family::{
        nn::{AveragePool, Window},
        quantize::granularity::integers,
    },
    rows,
};
use std::sync::Arc;

/// `y = saturate(round(mean / y_scale + y_zero))` with the mean of the numbers as AveragePool takes it in `f32`; halves
/// go to even with the zero point in the sum.
#[derive(Debug)]
pub struct QLinearAveragePool {
    /// Of the numbers, their channels second.
    pub pool: AveragePool,
    /// Whether the channels are the last axis.
    pub channels_last: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let known = ["auto_pad", "ceil_mode", "channels_last", "count_include_pad", "kernel_shape", "pads", "strides"];
    only(node, &known, 4..=5)?;
    let pool = AveragePool {
        window: Window::parse_pool(node)?,
        count_include_pad: node.attributes.flag_or("count_include_pad", false)?,
    };
    if pool.count_include_pad && pool.window.ceil_mode {
        // onnxruntime divides by the whole kernel there, AveragePool by what lies within the padding.
        return Err(Error::unsupported("attributes 'ceil_mode' and 'count_include_pad' together"));
    }
    Ok(Arc::new(QLinearAveragePool { pool, channels_last: node.attributes.flag_or("channels_last", false)? }))
}

impl Operator for QLinearAveragePool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        check(inputs, dtype, 1, 2)?;
        check(inputs, dtype, 3, 4)?;
        let x = Fact::tensor(DType::F32, inputs.shape(0)?.map(<[_]>::to_vec));
        let x = if self.channels_last { layout::fact_second(&x) } else { x };
        let y = self.pool.infer(Facts(&[Some(&x)]))?.remove(0);
        let y = if self.channels_last { layout::fact_last(&y) } else { y };
        Ok(vec![Fact::tensor(dtype, y.shape().map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let read = |scale, zero| Parameters::read(inputs, x.dtype(), scale, zero);
        let (from, to) = (read(1, 2)?, read(3, 4)?);
        let numbers = numbers(x, from)?;
        let numbers = Value::Tensor(if self.channels_last { layout::second(&numbers)? } else { numbers });
        let means = self.pool.evaluate(Inputs(&[Some(&numbers)]))?.remove(0).into_tensor()?;
        let codes = means.as_slice::<f32>()?.iter().map(|m| to.rounded(m / to.scale + to.zero as f32));
        let y = integers(to.dtype, means.shape(), codes)?;
        Ok(vec![if self.channels_last { layout::last(&y)? } else { y }.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{
        Attribute,
        family::nn::testing::{ints, t},
    };

    #[test]
    fn means_of_both_layouts() {
        let (one, half) = (t(&[], &[1.0]), t(&[1], &[0.5]));
        let x = u8s(&[1, 1, 4], &[10, 11, 13, 255]);
        let (zero, three) = (u8s(&[], &[0]), u8s(&[], &[3]));
        let kernel = ("kernel_shape", ints(&[2]));
        // 10.5 + 3, 12 + 3 and 134 + 3: the even one of 13 and 14.
        let got = run("QLinearAveragePool", &[kernel.clone()], &[&x, &one, &zero, &one, &three]).unwrap();
        assert_eq!(got, u8s(&[1, 1, 3], &[14, 15, 137]));
        let last = [kernel.clone(), ("channels_last", Attribute::Int(1)), ("pads", ints(&[1, 0]))];
        let x = i8s(&[1, 2, 2], &[10, -100, 20, 100]);
        let zero = i8s(&[], &[0]);
        let got = run("QLinearAveragePool", &last, &[&x, &one, &zero, &half, &zero]).unwrap();
        assert_eq!(got, i8s(&[1, 2, 2], &[20, -128, 30, 0]));
        let both = [kernel.clone(), ("ceil_mode", Attribute::Int(1)), ("count_include_pad", Attribute::Int(1))];
        assert!(run("QLinearAveragePool", &both, &[&x, &one, &zero, &half, &zero]).is_err());
        let dilated = [kernel, ("dilations", ints(&[2]))];
        assert!(run("QLinearAveragePool", &dilated, &[&x, &one, &zero, &half, &zero]).is_err());
        assert!(run("QLinearAveragePool", &[], &[&x, &one, &zero, &half, &zero]).is_err(), "no kernel");
    }
}
