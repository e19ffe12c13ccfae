//! Imputer: a chosen value replaced, column by column.

use crate::cpu::{
    kernels::{Io, Kernel, Request},
    simd::{Isa, vectorized},
};
use hologram_ops::{DType, Result, family::ml::imputer::Imputer};

/// The kernel for an `Imputer` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let imputer = request.op::<Imputer>()?;
    let shape = request.shape(0)?;
    if !request.all(DType::F32) {
        return None;
    }
    let columns = shape.get(1).or(shape.first()).copied().unwrap_or(1);
    let imputed = match imputer.floats.as_slice() {
        each if each.len() == columns => each.to_vec(),
        [first, ..] => vec![*first],
        [] => return None,
    };
    Some(Box::new(Impute { imputed, replaced: imputer.replaced_float }))
}

#[derive(Debug)]
struct Impute {
    /// What takes the place, of all or of each column.
    imputed: Vec<f32>,
    replaced: f32,
}

impl Kernel for Impute {
    fn name(&self) -> &'static str {
        "impute"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        let replaces_nan = self.replaced.is_nan();
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (out, x) in out.chunks_mut(self.imputed.len()).zip(x.chunks(self.imputed.len())) {
                    for ((o, v), imputed) in out.iter_mut().zip(x).zip(&self.imputed) {
                        *o = if *v == self.replaced || v.is_nan() & replaces_nan { *imputed } else { *v };
                    }
                }
            },
        );
        Ok(())
    }
}
