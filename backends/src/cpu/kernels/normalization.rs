//! Normalisation in `f32`: batch normalisation at inference and layer normalisation.

use super::{Io, Kernel, Request};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{
    DType, Result,
    family::nn::{BatchNormalization, LayerNormalization},
    numeric::reduce::sum16,
    operator::axis_index,
};

/// The kernel for `BatchNormalization` and `LayerNormalization` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    if !request.all(DType::F32) {
        return None;
    }
    let x = request.shape(0)?;
    if let Some(op) = request.op::<BatchNormalization>() {
        let channels = *x.get(1)?;
        let plain = !op.training && request.outputs.len() == 1 && (1..5).all(|i| request.shape(i) == Some(&[channels]));
        let plane = x[2..].iter().product();
        return plain.then(|| Box::new(Batch { channels, plane, epsilon: op.epsilon }) as Box<dyn Kernel>);
    }
    let op = request.op::<LayerNormalization>()?;
    let axis = axis_index(op.axis, x.len()).ok()?;
    let inner = &x[axis..];
    let fits = |i: usize| request.shape(i).is_none_or(|s| s == inner);
    (request.outputs.len() == 1 && fits(1) && fits(2))
        .then(|| Box::new(Layer { inner: inner.iter().product(), epsilon: op.epsilon }) as Box<dyn Kernel>)
}

#[derive(Debug)]
struct Batch {
    channels: usize,
    plane: usize,
    epsilon: f32,
}

impl Kernel for Batch {
    fn name(&self) -> &'static str {
        "batch-normalization"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (x, scale, bias) = (io.input::<f32>(0)?, io.input::<f32>(1)?, io.input::<f32>(2)?);
        let (mean, variance) = (io.input::<f32>(3)?, io.input::<f32>(4)?);
        let out = io.output::<f32>(0)?;
        if out.is_empty() {
            return Ok(());
        }
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (i, (out, x)) in out.chunks_exact_mut(self.plane).zip(x.chunks_exact(self.plane)).enumerate() {
                    let c = i % self.channels;
                    let factor = scale[c] / (variance[c] + self.epsilon).sqrt();
                    let (mean, bias) = (mean[c], bias[c]);
                    for (o, v) in out.iter_mut().zip(x) {
                        *o = (*v - mean).mul_add(factor, bias);
                    }
                }
            },
        );
        Ok(())
    }
}

#[derive(Debug)]
struct Layer {
    inner: usize,
    epsilon: f32,
}

impl Kernel for Layer {
    fn name(&self) -> &'static str {
        "layer-normalization"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let (x, scale) = (io.input::<f32>(0)?, io.input::<f32>(1)?);
        let bias = if io.inputs.get(2).is_some_and(Option::is_some) { Some(io.input::<f32>(2)?) } else { None };
        let out = io.output::<f32>(0)?;
        if out.is_empty() {
            return Ok(());
        }
        let count = self.inner as f32;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(self.inner).zip(x.chunks_exact(self.inner)) {
                    let mean = sum_in_lanes(x, |v| v) / count;
                    let variance = sum_in_lanes(x, |v| (v - mean) * (v - mean)) / count;
                    let inverse = 1.0 / (variance + self.epsilon).sqrt();
                    for ((o, v), s) in out.iter_mut().zip(x).zip(scale) {
                        *o = (v - mean) * inverse * s;
                    }
                    if let Some(bias) = bias {
                        for (o, b) in out.iter_mut().zip(bias) {
                            *o += b;
                        }
                    }
                }
            },
        );
        Ok(())
    }
}

/// The sum of `f` in sixteen chains by index mod 16 and the declared tree, a vector at a time.
#[inline(always)]
pub(super) fn sum_in_lanes(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += f(*v);
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane += f(*v);
    }
    // The lanes in order are one element each, so this is only the tree.
    sum16(lanes.into_iter())
}
