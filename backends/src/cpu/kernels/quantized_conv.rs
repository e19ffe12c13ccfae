//! Convolution in eight bits over one or two spatial axes: the codes of an image lie channels last, so that a row of a
//! window is one run of bytes, and windows are rows of a product.

use super::{
    Io, Kernel, Request,
    convolution::{Shape, shape_of, valid},
};
use crate::cpu::int8::{Body, COLUMNS, Dot, Packed, Scaling, Unit, encode, product};
use hologram_ops::{
    DType, Result,
    family::quantize::{Coding, QuantizedConv},
};
use std::sync::Arc;

/// Windows of a block.
const WINDOWS: usize = 48;

/// A convolution with shapes fixed.
#[derive(Debug)]
struct Convolution {
    unit: Unit,
    shape: Shape,
    coding: Coding,
    /// For each group its weights, k in the order of a window: rows, columns, channels.
    groups: Arc<Vec<Group>>,
}

#[derive(Debug)]
struct Group {
    weights: Packed,
    scaling: Scaling,
}

/// The kernel for a `QuantizedConv` whose weights are constants.
pub(super) fn select(request: &Request<'_>) -> Option<Box<dyn Kernel>> {
    let op = request.op::<QuantizedConv>()?;
    request.inputs.first()?.as_ref().filter(|l| l.dtype == DType::F32)?;
    let shape = shape_of(&op.conv, request.shape(0)?, request.shape(1)?)?;
    let constant = |i: usize| request.constants.get(i).and_then(Option::as_ref);
    let floats = |i: usize| constant(i)?.as_slice::<f32>().ok().filter(|own| own.len() == shape.maps);
    let (weights, scales, addends) = (constant(1)?.as_slice::<i8>().ok()?, floats(2)?, floats(3)?);
    let (maps, channels, taps) = (shape.maps / shape.group, shape.per_group, shape.taps());
    let pack = |group: usize| {
        let weights = Packed::new(channels * taps, maps, |k, map| {
            weights[((group * maps + map) * channels + k % channels) * taps + k / channels]
        });
        let own = group * maps..(group + 1) * maps;
        let scaling = Scaling::new(&weights, op.coding.zero, &scales[own.clone()], &addends[own]);
        Group { weights, scaling }
    };
    let groups = request.keep((), || Some((0..shape.group).map(pack).collect::<Vec<_>>()))?;
    Some(Box::new(Convolution { unit: Unit::best(), shape, coding: op.coding, groups }))
}

impl Convolution {
    /// Bytes of the codes of an image.
    fn image_bytes(&self) -> usize {
        self.shape.channels * self.shape.plane()
    }

    /// Bytes of the windows of a block.
    fn windows_bytes(&self) -> usize {
        let stride = self.groups.first().map_or(0, |group| group.weights.stride());
        WINDOWS.min(self.shape.places()) * stride
    }
}

impl Kernel for Convolution {
    fn name(&self) -> &'static str {
        "int8-convolution"
    }

    fn scratch_bytes(&self) -> usize {
        // A plane's codes lie in the last part before they go to their places.
        self.image_bytes() + self.windows_bytes() + self.shape.plane()
    }

    fn run(&self, io: &mut Io<'_, '_>) -> Result<()> {
        let x = io.input::<f32>(0)?;
        let Io { outputs, scratch, .. } = io;
        let Some(out) = outputs.first_mut().and_then(Option::as_mut) else { return Ok(()) };
        let out = out.as_slice_mut::<f32>()?;
        let s = self.shape;
        let (codes, scratch) = scratch.split_at_mut(self.image_bytes());
        let (windows, plane) = scratch.split_at_mut(self.windows_bytes());
        let (image, answer) = (self.image_bytes(), s.maps * s.places());
        for n in 0..s.batch {
            self.unit.run(Image {
                convolution: self,
                x: &x[n * image..][..image],
                out: &mut out[n * answer..][..answer],
                codes: &mut *codes,
                windows: &mut *windows,
                plane: &mut *plane,
            });
        }
        Ok(())
    }
}

/// An image on its way.
struct Image<'a> {
    convolution: &'a Convolution,
    x: &'a [f32],
    out: &'a mut [f32],
    codes: &'a mut [u8],
    windows: &'a mut [u8],
    plane: &'a mut [u8],
}

impl Body for Image<'_> {
    #[inline(always)]
    unsafe fn run<D: Dot>(self) {
        let Self { convolution, x, out, codes, windows, plane } = self;
        let s = convolution.shape;
        let mut has_nan = false;
        for (channel, x) in x.chunks_exact(s.plane().max(1)).enumerate() {
            has_nan |= encode(x, convolution.coding, plane);
            for (code, at) in plane.iter().zip(codes[channel..].iter_mut().step_by(s.channels)) {
                *at = *code;
            }
        }
        if has_nan {
            return out.fill(f32::NAN);
        }
        let (places, maps) = (s.places(), s.maps / s.group);
        for (g, group) in convolution.groups.iter().enumerate() {
            let stride = group.weights.stride();
            for first in (0..places).step_by(WINDOWS) {
                let count = WINDOWS.min(places - first);
                for (i, window) in windows.chunks_exact_mut(stride.max(1)).take(count).enumerate() {
                    convolution.window(codes, g, first + i, window);
                }
                let each = |row: usize, panel: usize, sums: &[i32; COLUMNS]| {
                    let y = group.scaling.of(panel, sums);
                    for (map, y) in (panel * COLUMNS..maps).zip(y) {
                        out[(g * maps + map) * places + first + row] = y;
                    }
                };
                // SAFETY: the caller has the instructions.
                unsafe { product::<D>(count, &windows[..count * stride], &group.weights, each) };
            }
        }
    }
}

impl Convolution {
    /// Writes the codes under the window of a place.
    #[inline(always)]
    fn window(&self, codes: &[u8], group: usize, place: usize, out: &mut [u8]) {
        let Shape { rows, columns, channels, per_group, .. } = self.shape;
        let (oh, ow) = (place / columns.output, place % columns.output);
        let zero = self.coding.zero;
        for (h, out) in out.chunks_exact_mut(columns.kernel * per_group).take(rows.kernel).enumerate() {
            let row = (oh * rows.stride + h * rows.dilation).checked_sub(rows.begin).filter(|r| *r < rows.input);
            let Some(row) = row else {
                out.fill(zero);
                continue;
            };
            let is_inside = |w: usize| {
                let (first, last) = valid(columns, w * columns.dilation);
                (first..last).contains(&ow)
            };
            let at = |w: usize| {
                let column = ow * columns.stride + w * columns.dilation - columns.begin;
                (row * columns.input + column) * channels + group * per_group
            };
            // Where channels and columns follow each other the row of a window is one run.
            if columns.dilation == 1 && per_group == channels && is_inside(0) && is_inside(columns.kernel - 1) {
                out.copy_from_slice(&codes[at(0)..][..out.len()]);
                continue;
            }
            for (w, out) in out.chunks_exact_mut(per_group).enumerate() {
                match is_inside(w) {
                    true => out.copy_from_slice(&codes[at(w)..][..per_group]),
                    false => out.fill(zero),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        quantized::tests::weights,
        tests::{case, compare, numbers},
    };
    use crate::cpu::int8::Unit;
    use hologram_ops::{Attribute, Tensor};

    /// A convolution of images of this shape.
    fn convolve(x: &[usize], w: &[usize], attributes: &[(&'static str, Vec<i64>)], group: i64, nan: bool) {
        let mut all =
            vec![("factor", Attribute::Float(37.0)), ("zero", Attribute::Int(140)), ("group", Attribute::Int(group))];
        all.extend(attributes.iter().map(|(name, ints)| (*name, Attribute::Ints(ints.clone()))));
        let mut values = numbers(x, 3).as_slice::<f32>().unwrap().to_vec();
        if nan {
            values[1] = f32::NAN;
        }
        let maps = w[0];
        let inputs = [(x, false), (w, true), (&[maps][..], true), (&[maps][..], true)];
        let tensors =
            vec![Tensor::from_vec(x, values).unwrap(), weights(w, 5), numbers(&[maps], 6), numbers(&[maps], 7)];
        let case = case("QuantizedConv", "int8-convolution", &inputs, &all).own();
        compare(&case, tensors, &format!("{x:?} by {w:?}"));
    }

    #[test]
    fn convolutions_equal_the_reference() {
        let pads = ("pads", vec![1, 2, 0, 1]);
        let strides = ("strides", vec![2, 1]);
        let dilations = ("dilations", vec![1, 2]);
        let all = |nan| {
            convolve(&[2, 3, 8, 9], &[5, 3, 3, 3], &[], 1, nan);
            convolve(&[2, 3, 8, 9], &[37, 3, 3, 3], std::slice::from_ref(&pads), 1, nan);
            convolve(&[3, 16, 11, 7], &[18, 16, 2, 3], &[pads.clone(), strides.clone()], 1, nan);
            convolve(&[2, 6, 8, 9], &[4, 3, 3, 3], &[pads.clone(), strides.clone(), dilations.clone()], 2, nan);
            convolve(&[1, 4, 5, 5], &[8, 1, 3, 3], std::slice::from_ref(&pads), 4, nan);
            convolve(&[2, 20, 6, 6], &[33, 20, 1, 1], &[], 1, nan);
            convolve(&[2, 3, 30], &[4, 3, 5], &[("pads", vec![2, 2])], 1, nan);
        };
        for unit in Unit::available() {
            Unit::forced(unit, || [false, true].into_iter().for_each(all));
        }
    }
}
