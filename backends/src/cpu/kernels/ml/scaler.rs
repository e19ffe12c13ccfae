//! Scaler: `(x - offset) * scale`, column by column.

use crate::cpu::{
    kernels::{Io, Kernel, Request},
    simd::{Isa, vectorized},
};
use hologram_ops::{DType, Result, family::ml::scaler::Scaler};

/// The kernel for a `Scaler` of `f32` or `f64`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let scaler = request.op::<Scaler>()?;
    let input = request.inputs.first()?.as_ref()?.dtype;
    let pairs = || scaler.offset.iter().copied().zip(scaler.scale.iter().copied());
    match input {
        DType::F32 => Some(Box::new(Scale { pairs: pairs().collect(), wide: false })),
        DType::F64 => Some(Box::new(Scale { pairs: pairs().collect(), wide: true })),
        _ => None,
    }
}

#[derive(Debug)]
struct Scale {
    /// Offset and scale, of all or of each column.
    pairs: Vec<(f32, f32)>,
    /// Whether the input holds doubles.
    wide: bool,
}

impl Kernel for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        match self.wide {
            true => {
                let x = io.input::<f64>(0)?;
                self.each(x, io.output(0)?, |v, (o, s)| ((v - f64::from(o)) * f64::from(s)) as f32);
            }
            false => {
                let x = io.input::<f32>(0)?;
                self.each(x, io.output(0)?, |v, (o, s)| (v - o) * s);
            }
        }
        Ok(())
    }
}

impl Scale {
    fn each<T: Copy>(&self, x: &[T], out: &mut [f32], scale: impl Fn(T, (f32, f32)) -> f32) {
        vectorized(
            Isa::best(),
            #[inline(always)]
            || match self.pairs.as_slice() {
                [pair] => out.iter_mut().zip(x).for_each(|(o, v)| *o = scale(*v, *pair)),
                pairs => {
                    for (out, x) in out.chunks_mut(pairs.len()).zip(x.chunks(pairs.len())) {
                        out.iter_mut().zip(x).zip(pairs).for_each(|((o, v), pair)| *o = scale(*v, *pair));
                    }
                }
            },
        );
    }
}
