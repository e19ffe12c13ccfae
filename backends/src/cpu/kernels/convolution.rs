//! Convolution in `f32` over one or two spatial axes with a constant weight.
//!
//! Each group is a product of the weight, packed once with k in the declared order, and the image's windows, which are
//! packed into strips straight from the image. Channels that stand alone (depthwise) run along rows of the output.

use super::{Io, Kernel, Request};
use crate::cpu::{
    gemm::{self, Left, PackedA, PackedB},
    simd::{Isa, vectorized},
};
use hologram_ops::{
    DType, Result,
    family::nn::{Conv, Span},
};
use std::sync::Arc;

/// Channels of one block of the declared order.
const BLOCK: usize = 16;

/// The kernel for a `Conv` of `f32`.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let conv = request.op::<Conv>().filter(|_| request.all(DType::F32))?;
    let (x, w) = (request.shape(0)?, request.shape(1)?);
    let weight = request.constants.get(1).cloned().flatten()?;
    let weight = weight.as_slice::<f32>().ok()?;
    // A padded zero times a weight that is not finite would not be nothing.
    if !weight.iter().all(|v| v.is_finite()) {
        return None;
    }
    let shape = shape_of(conv, x, w)?;
    let Shape { maps, per_group, rows, columns, .. } = shape;
    let taps = shape.taps();
    if per_group == 1 {
        return Some(Box::new(Depthwise { shape, weight: request.keep((), || Some(weight.to_vec()))? }));
    }
    let packed = request.keep((), || {
        let k = per_group * taps;
        let order = declared_order(per_group, rows.kernel, columns.kernel);
        let per_map = maps / conv.group;
        let weights = (0..conv.group)
            .map(|g| {
                let mut ordered = Vec::with_capacity(per_map * k);
                for m in 0..per_map {
                    let row = &weight[(g * per_map + m) * k..][..k];
                    ordered.extend(order.iter().map(|(c, h, w)| row[c * taps + h * columns.kernel + w]));
                }
                PackedA::new(per_map, k, &ordered)
            })
            .collect();
        Some(Packed { order, weights })
    })?;
    Some(Box::new(Convolution { isa: Isa::best(), shape, packed }))
}

/// The geometry of a convolution over one or two axes.
pub(super) fn shape_of(conv: &Conv, x: &[usize], w: &[usize]) -> Option<Shape> {
    let spans = conv.resolve(w).ok()?.spans(x.get(2..)?).ok()?;
    let (rows, columns) = match spans.as_slice() {
        [w] => (unit(), *w),
        [h, w] => (*h, *w),
        _ => return None,
    };
    let (maps, per_group) = (w[0], w[1]);
    let shape = Shape { batch: x[0], channels: x[1], maps, per_group, group: conv.group, rows, columns };
    // Without images or maps there would be no bound on the groups and on what a plane takes.
    let is_something = shape.batch > 0 && maps > 0 && per_group > 0 && shape.taps() > 0;
    let is_whole = is_something && per_group.checked_mul(conv.group) == Some(shape.channels);
    is_whole.then_some(shape)
}

fn unit() -> Span {
    Span { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, begin: 0, end: 0 }
}

/// Channel, row and column of each k: blocks of sixteen channels, kernel positions, channels of the block.
fn declared_order(channels: usize, rows: usize, columns: usize) -> Vec<(usize, usize, usize)> {
    let mut order = Vec::with_capacity(channels * rows * columns);
    for block in (0..channels).step_by(BLOCK) {
        for h in 0..rows {
            for w in 0..columns {
                order.extend((block..(block + BLOCK).min(channels)).map(|c| (c, h, w)));
            }
        }
    }
    order
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) maps: usize,
    pub(super) per_group: usize,
    pub(super) group: usize,
    pub(super) rows: Span,
    pub(super) columns: Span,
}

impl Shape {
    pub(super) fn places(&self) -> usize {
        self.rows.output * self.columns.output
    }

    /// Positions of the kernel.
    pub(super) fn taps(&self) -> usize {
        self.rows.kernel * self.columns.kernel
    }

    pub(super) fn plane(&self) -> usize {
        self.rows.input * self.columns.input
    }
}

#[derive(Debug)]
struct Convolution {
    isa: Isa,
    shape: Shape,
    packed: Arc<Packed>,
}

/// The weights of each group, k in this order.
#[derive(Debug)]
struct Packed {
    order: Vec<(usize, usize, usize)>,
    weights: Vec<PackedA>,
}

impl Convolution {
    /// Writes the numbers of one tap for the output places from `place` on.
    #[inline(always)]
    fn fill(&self, image: &[f32], (c, h, w): (usize, usize, usize), place: usize, mut out: &mut [f32]) {
        let Shape { rows, columns, .. } = self.shape;
        let (mut oh, mut ow) = (place / columns.output, place % columns.output);
        while !out.is_empty() {
            let run = (columns.output - ow).min(out.len());
            let (now, rest) = std::mem::take(&mut out).split_at_mut(run);
            match (oh * rows.stride + h * rows.dilation).checked_sub(rows.begin).filter(|r| *r < rows.input) {
                None => now.fill(0.0),
                Some(row) => {
                    let row = &image[(c * rows.input + row) * columns.input..][..columns.input];
                    fill_row(row, columns, ow, w * columns.dilation, now);
                }
            }
            out = rest;
            (oh, ow) = (oh + 1, 0);
        }
    }
}

/// Writes `row[(ow + i) * stride + offset - begin]`, zero where that lies outside.
#[inline(always)]
fn fill_row(row: &[f32], columns: Span, ow: usize, offset: usize, out: &mut [f32]) {
    // Positions before `first` lie in the padding in front, those from `last` on in the padding behind.
    let (first, last) = valid(columns, offset);
    let (first, last) = (first.clamp(ow, ow + out.len()) - ow, last.clamp(ow, ow + out.len()) - ow);
    let last = last.max(first);
    out[..first].fill(0.0);
    out[last..].fill(0.0);
    if first == last {
        return;
    }
    let start = (ow + first) * columns.stride + offset - columns.begin;
    if columns.stride == 1 {
        out[first..last].copy_from_slice(&row[start..start + (last - first)]);
    } else {
        for (o, x) in out[first..last].iter_mut().zip(row[start..].iter().step_by(columns.stride)) {
            *o = *x;
        }
    }
}

/// The outputs whose window has the element at `offset` inside the input: `first..last`.
pub(super) fn valid(span: Span, offset: usize) -> (usize, usize) {
    let first = span.begin.saturating_sub(offset).div_ceil(span.stride);
    let last = (span.input + span.begin).saturating_sub(offset).div_ceil(span.stride);
    (first.min(span.output), last.min(span.output))
}

impl Kernel for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn scratch_bytes(&self) -> usize {
        4 * PackedB::len(self.isa, self.packed.order.len(), self.shape.places())
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let bias = if io.inputs.get(2).is_some_and(Option::is_some) { Some(io.input::<f32>(2)?) } else { None };
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let (out, strips) = (out.as_slice_mut::<f32>()?, bytemuck::cast_slice_mut::<u8, f32>(scratch));
        let s = self.shape;
        let (places, per_map) = (s.places(), s.maps / s.group);
        for n in 0..s.batch {
            for (g, weight) in self.packed.weights.iter().enumerate() {
                let image = &x[(n * s.channels + g * s.per_group) * s.plane()..][..s.per_group * s.plane()];
                let windows = vectorized(
                    self.isa,
                    #[inline(always)]
                    || {
                        PackedB::pack_with(self.isa, self.packed.order.len(), places, strips, |k, place, row| {
                            self.fill(image, self.packed.order[k], place, row);
                        })
                    },
                );
                let c = &mut out[(n * s.maps + g * per_map) * places..][..per_map * places];
                gemm::product(self.isa, per_map, Left::Packed(weight), &windows, c, places.max(1), &mut []);
                if let Some(bias) = bias {
                    for (m, row) in c.chunks_exact_mut(places.max(1)).enumerate() {
                        let b = bias[g * per_map + m];
                        row.iter_mut().for_each(|v| *v += b);
                    }
                }
            }
        }
        Ok(())
    }
}

/// One input channel for each group.
#[derive(Debug)]
struct Depthwise {
    shape: Shape,
    weight: Arc<Vec<f32>>,
}

impl Kernel for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise-convolution"
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let bias = if io.inputs.get(2).is_some_and(Option::is_some) { Some(io.input::<f32>(2)?) } else { None };
        let out = io.output::<f32>(0)?;
        vectorized(
            Isa::best(),
            #[inline(always)]
            || self.convolve(x, bias, out),
        );
        Ok(())
    }
}

impl Depthwise {
    #[inline(always)]
    fn convolve(&self, x: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let s = self.shape;
        let (rows, columns, per_map) = (s.rows, s.columns, s.maps / s.group);
        let taps = rows.kernel * columns.kernel;
        for (i, plane) in out.chunks_exact_mut(s.places().max(1)).enumerate() {
            let (n, m) = (i / s.maps, i % s.maps);
            let image = &x[(n * s.channels + m / per_map) * s.plane()..][..s.plane()];
            let weight = &self.weight[m * taps..][..taps];
            for (oh, sums) in plane.chunks_exact_mut(columns.output).enumerate() {
                sums.fill(0.0);
                for h in 0..rows.kernel {
                    let at = (oh * rows.stride + h * rows.dilation).checked_sub(rows.begin).filter(|r| *r < rows.input);
                    let Some(at) = at else { continue };
                    let row = &image[at * columns.input..][..columns.input];
                    for w in 0..columns.kernel {
                        let offset = w * columns.dilation;
                        let (first, last) = valid(columns, offset);
                        if first >= last {
                            continue;
                        }
                        let (factor, start) =
                            (weight[h * columns.kernel + w], first * columns.stride + offset - columns.begin);
                        if columns.stride == 1 {
                            for (sum, v) in sums[first..last].iter_mut().zip(&row[start..]) {
                                *sum = v.mul_add(factor, *sum);
                            }
                        } else {
                            for (sum, v) in
                                sums[first..last].iter_mut().zip(row[start..].iter().step_by(columns.stride))
                            {
                                *sum = v.mul_add(factor, *sum);
                            }
                        }
                    }
                }
                if let Some(bias) = bias {
                    sums.iter_mut().for_each(|v| *v += bias[m]);
                }
            }
        }
    }
}
