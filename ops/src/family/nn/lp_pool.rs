//! [LpPool](https://onnx.ai/onnx/operators/onnx__LpPool.html): the p-norm of each window.

use super::{
    wide::{check_float, filled, narrow, via, wide, with_wide},
    window::{Window, for_each_window, infer_pool, layout},
};
use crate::{Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// `(sum |x|^p)^(1/p)` of each window.
///
/// Order of arithmetic: powers each rounded, one chain of additions in row-major order of the window, one root.
#[derive(Debug)]
pub struct LpPool {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// The exponent.
    pub p: f64,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(LpPool { window: Window::parse_pool(node)?, p: exponent(node)? }))
}

/// The attribute `p`: a float in the first version, an integer since; 2 by default.
pub(super) fn exponent(node: &Node<'_>) -> Result<f64> {
    let p = if node.since < 2 {
        f64::from(node.attributes.float_or("p", 2.0)?)
    } else {
        node.attributes.int_or("p", 2)? as f64
    };
    if p > 0.0 { Ok(p) } else { Err(crate::Error::invalid(format!("attribute 'p' is {p}; it is greater than 0"))) }
}

/// `|x|^p`.
#[inline]
pub(super) fn power<T: Float>(x: T, p: f64) -> T {
    if p == 1.0 {
        x.abs()
    } else if p == 2.0 {
        x.mul(x)
    } else {
        via(x, |x| libm::pow(x.abs(), p))
    }
}

/// `x^(1/p)`.
#[inline]
pub(super) fn root<T: Float>(x: T, p: f64) -> T {
    if p == 1.0 {
        x
    } else if p == 2.0 {
        via(x, f64::sqrt)
    } else {
        via(x, |x| libm::pow(x, 1.0 / p))
    }
}

impl LpPool {
    fn pool<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let spans = self.window.spans(spatial)?;
        let xs = wide::<T>(x)?;
        let output: Vec<usize> = spans.iter().map(|s| s.output).collect();
        let shape = [&[batch, channels][..], &output].concat();
        let mut out = filled(&shape, T::ZERO)?;
        let (plane, places) = (spatial.iter().product::<usize>(), output.iter().product::<usize>());
        for_each_window(&spans, batch * channels, |place, _, reads| {
            for p in 0..batch * channels {
                let sum = reads.iter().fold(T::ZERO, |sum, (i, _)| sum.add(power(xs[p * plane + i], self.p)));
                out[p * places + place] = root(sum, self.p);
            }
        });
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for LpPool {
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
    use super::super::testing::{close, ints, run, t};
    use crate::Attribute;

    #[test]
    fn norms_of_windows() {
        let x = t(&[1, 1, 2, 2], &[3.0, -4.0, 1.0, 2.0]);
        for (p, expected) in [(1, [7.0f32, 3.0]), (2, [5.0, 5.0f32.sqrt()]), (3, [4.497_941_5, 2.080_083_8])] {
            let attributes = [("kernel_shape", ints(&[1, 2])), ("p", Attribute::Int(p))];
            close(&run("LpPool", 18, &attributes, std::slice::from_ref(&x)).unwrap()[0], &[1, 1, 2, 1], &expected);
        }
        let bad = [("kernel_shape", ints(&[1, 2])), ("p", Attribute::Int(0))];
        assert!(run("LpPool", 18, &bad, &[x]).is_err());
    }
}
