//! Where the greatest or least `f32` of an axis stands.

use super::{Io, Kernel, Request};
use hologram_ops::{DType, Result, family::reduction::Arg, operator::axis_index};

/// The kernel for `ArgMax` and `ArgMin` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let arg = request.op::<Arg>()?;
    let x = request.inputs.first()?.as_ref().filter(|l| l.dtype == DType::F32)?;
    let axis = axis_index(arg.axis, x.shape.len()).ok()?;
    let (extent, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product());
    let arg = Arg { least: arg.least, axis: arg.axis, keep_dims: arg.keep_dims, last: arg.last };
    (extent > 0).then(|| Box::new(Position { arg, extent, inner }) as Box<dyn Kernel>)
}

#[derive(Debug)]
struct Position {
    arg: Arg,
    extent: usize,
    inner: usize,
}

impl Kernel for Position {
    fn name(&self) -> &'static str {
        "arg"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<i64>(0)?;
        let mut places = out.iter_mut();
        for block in x.chunks_exact(self.extent * self.inner.max(1)) {
            for (i, place) in (0..self.inner).zip(&mut places) {
                let at = |k: usize| block[k * self.inner + i];
                *place =
                    (1..self.extent).fold(0, |best, k| if self.arg.beats(at(k), at(best)) { k } else { best }) as i64;
            }
        }
        Ok(())
    }
}
