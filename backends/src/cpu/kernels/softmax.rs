//! Softmax in `f32` over groups that lie together in memory.

use super::{Io, Kernel, Request, normalization::sum_in_lanes};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{DType, Result, family::activation::Softmax, numeric::transcendental::exp_f32};

/// The kernel for a `Softmax` of `f32` along the last axes.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let softmax = request.op::<Softmax>().filter(|_| request.all(DType::F32))?;
    let shape = request.shape(0)?;
    let axes = softmax.lanes.axes(shape.len()).ok()?;
    let inner: usize = shape[axes.end..].iter().product();
    (inner == 1).then(|| Box::new(Lanes { length: shape[axes].iter().product() }) as Box<dyn Kernel>)
}

#[derive(Debug)]
struct Lanes {
    length: usize,
}

impl Kernel for Lanes {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        if out.is_empty() {
            return Ok(());
        }
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(self.length).zip(x.chunks_exact(self.length)) {
                    let greatest = greatest(x);
                    for (o, v) in out.iter_mut().zip(x) {
                        *o = exp_f32(*v - greatest);
                    }
                    let sum = sum_in_lanes(out, |v| v);
                    for o in out.iter_mut() {
                        *o /= sum;
                    }
                }
            },
        );
        Ok(())
    }
}

/// The greatest number, NaNs passed over: the same in any order but for the sign of zero, which the exponential forgets.
#[inline(always)]
fn greatest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *v);
        }
    }
    rest.iter().chain(&lanes).copied().fold(f32::NEG_INFINITY, larger)
}
