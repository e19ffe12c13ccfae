//! Normalizer: each row divided by its norm.

use crate::cpu::{
    kernels::{Io, Kernel, Request},
    simd::{Isa, vectorized},
};
use hologram_ops::{
    DType, Result,
    family::ml::normalizer::{Norm, Normalizer},
};

/// The kernel for a `Normalizer` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let norm = request.op::<Normalizer>()?.norm;
    let columns = *request.shape(0)?.last()?;
    request.all(DType::F32).then(|| Box::new(Normalize { norm, columns }) as Box<dyn Kernel>)
}

#[derive(Debug)]
struct Normalize {
    norm: Norm,
    columns: usize,
}

impl Kernel for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (out, x) in out.chunks_mut(self.columns.max(1)).zip(x.chunks(self.columns.max(1))) {
                    let norm = self.norm.of(x);
                    // A quotient by 1 is the dividend.
                    let norm = if norm == 0.0 { 1.0 } else { norm };
                    out.iter_mut().zip(x).for_each(|(o, v)| *o = *v / norm);
                }
            },
        );
        Ok(())
    }
}
