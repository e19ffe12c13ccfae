//! Pooling in `f32` over one or two spatial axes.

use super::{Io, Kernel, Request};
use crate::cpu::simd::{Isa, vectorized};
use hologram_ops::{
    DType, Result,
    family::nn::{AveragePool, Global, GlobalPool, MaxPool, Span},
    numeric::reduce::sum16,
};

/// The kernel for `MaxPool`, `AveragePool` and the global pools of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    if !request.all(DType::F32) {
        return None;
    }
    let x = request.shape(0)?;
    if let Some(pool) = request.op::<GlobalPool>() {
        let plane = x.get(2..)?.iter().product();
        return match pool.global {
            Global::Average => Some(Box::new(Mean { plane })),
            _ => None,
        };
    }
    let (window, average) = match (request.op::<MaxPool>(), request.op::<AveragePool>()) {
        (Some(pool), _) if !pool.indices => (&pool.window, None),
        (_, Some(pool)) => (&pool.window, Some(pool.count_include_pad)),
        _ => return None,
    };
    let spans = window.spans(x.get(2..)?).ok()?;
    let (rows, columns) = match spans.as_slice() {
        [w] => (Span { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 }, *w),
        [h, w] => (*h, *w),
        _ => return None,
    };
    let reads =
        |span: Span| (0..span.output).map(move |o| (0..span.kernel).filter_map(|k| span.at(o, k)).collect()).collect();
    let counted = |span: Span, o: usize| match average {
        Some(true) => (0..span.kernel)
            .filter(|k| o * span.stride + k * span.dilation < span.input + span.begin + span.end)
            .count(),
        _ => (0..span.kernel).filter_map(|k| span.at(o, k)).count(),
    };
    let counts = |span: Span| (0..span.output).map(|o| counted(span, o)).collect();
    Some(Box::new(Pool {
        average: average.is_some(),
        input: (rows.input, columns.input),
        reads: (reads(rows), reads(columns)),
        counts: (counts(rows), counts(columns)),
    }))
}

/// A window that slides over planes.
#[derive(Debug)]
struct Pool {
    average: bool,
    input: (usize, usize),
    /// The rows, and the columns, that each output row, and column, reads.
    reads: (Vec<Vec<usize>>, Vec<Vec<usize>>),
    /// What the mean divides by: the product of the two.
    counts: (Vec<usize>, Vec<usize>),
}

impl Kernel for Pool {
    fn name(&self) -> &'static str {
        if self.average { "average-pool" } else { "max-pool" }
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        let (height, width) = self.input;
        let places = self.reads.0.len() * self.reads.1.len();
        if out.is_empty() || height * width == 0 {
            return Ok(());
        }
        for (plane, out) in x.chunks_exact(height * width).zip(out.chunks_exact_mut(places)) {
            let mut outputs = out.iter_mut();
            for (rows, tall) in self.reads.0.iter().zip(&self.counts.0) {
                for ((columns, wide), o) in self.reads.1.iter().zip(&self.counts.1).zip(&mut outputs) {
                    let values = rows.iter().flat_map(|r| columns.iter().map(move |c| plane[r * width + c]));
                    *o = if !self.average {
                        values.fold(f32::NEG_INFINITY, |best, v| if v > best || v.is_nan() { v } else { best })
                    } else if rows.is_empty() || columns.is_empty() {
                        0.0
                    } else {
                        values.fold(0.0, |sum, v| sum + v) / (tall * wide) as f32
                    };
                }
            }
        }
        Ok(())
    }
}

/// The mean of each plane.
#[derive(Debug)]
struct Mean {
    plane: usize,
}

impl Kernel for Mean {
    fn name(&self) -> &'static str {
        "global-average-pool"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let out = io.output::<f32>(0)?;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || {
                for (i, o) in out.iter_mut().enumerate() {
                    *o = sum16(x[i * self.plane..(i + 1) * self.plane].iter().copied()) / self.plane as f32;
                }
            },
        );
        Ok(())
    }
}
