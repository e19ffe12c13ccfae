//! [LRN](https://onnx.ai/onnx/operators/onnx__LRN.html): each element divided by the energy of its neighbour channels.

use super::{
    attention::heads,
    wide::{check_float, filled, narrow, via, wide, with_wide},
};
use crate::{Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, numeric::Float, rows};
use std::sync::Arc;

/// `x / (bias + alpha / size * sum of squares)^beta` over `size` channels around the element's own.
///
/// Order of arithmetic: one chain of fused multiply-adds in ascending channel, one fused multiply-add with
/// `alpha / size`, the power, one division.
#[derive(Debug)]
pub struct Lrn {
    /// Factor of the sum.
    pub alpha: f32,
    /// Exponent.
    pub beta: f32,
    /// What the sum is added to.
    pub bias: f32,
    /// Number of channels.
    pub size: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    Ok(Arc::new(Lrn {
        alpha: a.float_or("alpha", 1e-4)?,
        beta: a.float_or("beta", 0.75)?,
        bias: a.float_or("bias", 1.0)?,
        size: heads(node, "size")?.ok_or_else(|| Error::invalid("attribute 'size' is required and missing"))?,
    }))
}

impl Lrn {
    fn normalize<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let [batch, channels, spatial @ ..] = x.shape() else {
            return Err(Error::invalid("input 0 has less than two dimensions; batch and channels are expected"));
        };
        let plane: usize = spatial.iter().product();
        let xs = wide::<T>(x)?;
        let mut out = filled(x.shape(), T::ZERO)?;
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let factor = T::from_f32(self.alpha / self.size as f32);
        for n in 0..*batch {
            for c in 0..*channels {
                let around = c.saturating_sub(before)..c.saturating_add(after + 1).min(*channels);
                for p in 0..plane {
                    let at = |c: usize| (n * channels + c) * plane + p;
                    let sum = around.clone().fold(T::ZERO, |sum, c| xs[at(c)].mul_add(xs[at(c)], sum));
                    let base = sum.mul_add(factor, T::from_f32(self.bias));
                    out[at(c)] = xs[at(c)].div(via(base, |b| libm::pow(b, f64::from(self.beta))));
                }
            }
        }
        narrow(x.dtype(), x.shape(), out)
    }
}

impl Operator for Lrn {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(dtype, inputs.shape(0)?.map(<[Dim]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        with_wide!(x.dtype(), T => Ok(vec![self.normalize::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, run, t};
    use crate::Attribute;

    #[test]
    fn channels_around_count() {
        let x = t(&[1, 3, 1], &[1.0, 2.0, 3.0]);
        let of = |size: i64| {
            [("size", Attribute::Int(size)), ("alpha", Attribute::Float(size as f32)), ("beta", Attribute::Float(1.0))]
        };
        close(&run("LRN", 13, &of(2), &[x.clone()]).unwrap()[0], &[1, 3, 1], &[1.0 / 6.0, 2.0 / 14.0, 0.3]);
        close(&run("LRN", 1, &of(3), &[x.clone()]).unwrap()[0], &[1, 3, 1], &[1.0 / 6.0, 2.0 / 15.0, 3.0 / 14.0]);
        assert!(run("LRN", 13, &[], &[x]).is_err());
    }
}
