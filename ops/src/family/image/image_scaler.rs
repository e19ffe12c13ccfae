//! [ImageScaler](https://github.com/onnx/onnx/blob/v1.3.0/docs/Operators.md#ImageScaler): one factor, and an addend for
//! each channel; an experiment of operator sets 1 to 9 that exported files hold.

use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::wide::{check_float, filled, narrow, wide, with_wide},
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// `scale x + bias[c]` for channel `c` of images `[N, C, H, W]`, each operation rounded; narrow floats round once.
#[derive(Debug)]
pub struct ImageScaler {
    /// The factor.
    pub scale: f32,
    /// The addend of each channel; nothing is added without.
    pub bias: Option<Vec<f32>>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    Ok(Arc::new(ImageScaler { scale: a.float_or("scale", 1.0)?, bias: a.floats("bias")? }))
}

impl ImageScaler {
    fn check(&self, shape: &[Dim]) -> Result<()> {
        let [_, channels, _, _] = shape else {
            return Err(Error::invalid(format!("rank {} where [N, C, H, W] is expected", shape.len())));
        };
        match (&self.bias, channels.known()) {
            (Some(bias), Some(c)) if bias.len() != c => {
                Err(Error::invalid(format!("attribute 'bias' has {} entries for {c} channels", bias.len())))
            }
            _ => Ok(()),
        }
    }

    fn scaled<T: Float>(&self, x: &Tensor) -> Result<Tensor> {
        let (channels, plane) = (x.shape()[1], x.shape()[2] * x.shape()[3]);
        let (xs, scale) = (wide::<T>(x)?, T::from_f32(self.scale));
        let mut out = filled(x.shape(), T::ZERO)?;
        for (i, (y, x)) in out.iter_mut().zip(xs.iter()).enumerate() {
            let scaled = x.mul(scale);
            *y = self.bias.as_ref().map_or(scaled, |b| scaled.add(T::from_f32(b[i / plane % channels])));
        }
        narrow(x.dtype(), x.shape(), out)
    }
}

impl Operator for ImageScaler {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let shape = inputs.shape(0)?;
        shape.map_or(Ok(()), |s| self.check(s))?;
        Ok(vec![Fact::tensor(dtype, shape.map(<[Dim]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        self.check(&x.shape().iter().copied().map(Dim::Known).collect::<Vec<_>>())?;
        with_wide!(x.dtype(), T => Ok(vec![self.scaled::<T>(x)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute,
        family::nn::testing::{close, count, run},
    };

    #[test]
    fn channels_have_their_own_addends() {
        let x = count(&[2, 2, 1, 2]);
        let scale = ("scale", Attribute::Float(0.5));
        let bias = |b: &[f32]| ("bias", Attribute::Floats(b.to_vec()));
        let got = run("ImageScaler", 1, &[scale.clone(), bias(&[10.0, -10.0])], &[x.clone()]).unwrap();
        close(&got[0], &[2, 2, 1, 2], &[10.0, 10.5, -9.0, -8.5, 12.0, 12.5, -7.0, -6.5]);
        let got = run("ImageScaler", 1, &[scale], &[x.clone()]).unwrap();
        close(&got[0], &[2, 2, 1, 2], &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]);
        assert!(run("ImageScaler", 1, &[bias(&[1.0])], &[x]).is_err(), "one addend for two channels");
        assert!(run("ImageScaler", 1, &[], &[count(&[2, 2])]).is_err(), "no image");
    }
}
