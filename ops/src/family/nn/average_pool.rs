//! [AveragePool](https://onnx.ai/onnx/operators/onnx__AveragePool.html): the mean of each window.

use super::{
    wide::{check_float, filled, narrow, wide, with_wide},
    window::{Window, for_each_window, infer_pool, layout},
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// The mean of each window.
///
/// Order of arithmetic: one chain of additions in row-major order of the window, then one division. A window without
/// elements gives 0.
#[derive(Debug)]
pub struct AveragePool {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Whether padding counts as zeros in the mean. What `ceil_mode` adds beyond the padding never counts.
    pub count_include_pad: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(AveragePool {
        window: Window::parse_pool(node)?,
        count_include_pad: node.attributes.flag_or("count_include_pad", false)?,
    }))
}

impl AveragePool {
    fn pool<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let spans = self.window.spans(spatial)?;
        let xs = wide::<T>(x)?;
        let output: Vec<usize> = spans.iter().map(|s| s.output).collect();
        let shape = [&[batch, channels][..], &output].concat();
        let mut out = filled(&shape, T::ZERO)?;
        let (plane, places) = (spatial.iter().product::<usize>(), output.iter().product::<usize>());
        for_each_window(&spans, batch * channels, |place, o, reads| {
            let count = if self.count_include_pad {
                let inside = |s: &super::window::Span, o: usize| {
                    (0..s.kernel).filter(|k| o * s.stride + k * s.dilation < s.input + s.begin + s.end).count()
                };
                spans.iter().zip(o).map(|(s, o)| inside(s, *o)).product()
            } else {
                reads.len()
            };
            if reads.is_empty() {
                return;
            }
            let count = T::from_f64(count as f64);
            for p in 0..batch * channels {
                let sum = reads.iter().fold(T::ZERO, |sum, (i, _)| sum.add(xs[p * plane + i]));
                out[p * places + place] = sum.div(count);
            }
        });
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for AveragePool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        infer_pool(&self.window, inputs, &[check_float(inputs.dtype(0)?)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        with_wide!(x.dtype(), T => Ok(vec![self.pool::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, ints, run};
    use crate::{Attribute, Tensor};

    #[test]
    fn divisors_follow_the_flags() {
        let x = count(&[1, 1, 5]);
        for (pads, include, ceil, expected) in [
            (&[0, 0][..], 0, 0, &[0.5f32, 2.5][..]),
            (&[0, 0], 0, 1, &[0.5, 2.5, 4.0]),
            (&[1, 0], 0, 0, &[0.0, 1.5, 3.5]),
            (&[1, 0], 1, 0, &[0.0, 1.5, 3.5]),
            (&[0, 1], 1, 0, &[0.5, 2.5, 2.0]),
            (&[0, 0], 1, 1, &[0.5, 2.5, 4.0]),
        ] {
            let attributes = [
                ("kernel_shape", ints(&[2])),
                ("strides", ints(&[2])),
                ("pads", ints(pads)),
                ("count_include_pad", Attribute::Int(include)),
                ("ceil_mode", Attribute::Int(ceil)),
            ];
            let got = run("AveragePool", 19, &attributes, std::slice::from_ref(&x)).unwrap();
            close(&got[0], &[1, 1, expected.len()], expected);
        }
        let dilated = [("kernel_shape", ints(&[1, 2])), ("dilations", ints(&[1, 2]))];
        close(&run("AveragePool", 22, &dilated, &[count(&[1, 1, 2, 3])]).unwrap()[0], &[1, 1, 2, 1], &[1.0, 4.0]);
    }

    #[test]
    fn integers_are_refused() {
        let x = Tensor::from_vec([1, 1, 2], vec![1i32, 2]).unwrap();
        assert!(run("AveragePool", 19, &[("kernel_shape", ints(&[2]))], &[x]).is_err());
    }
}
