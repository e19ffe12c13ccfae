//! [DeformConv](https://onnx.ai/onnx/operators/onnx__DeformConv.html): convolution that reads at shifted positions.

use super::{
    attention::heads,
    conv::group,
    wide::{check_float, filled, narrow, via, wide, with_wide},
    window::{Window, layout},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, known_shape},
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// A convolution over two spatial axes whose taps are moved by offsets and weighted by a mask.
///
/// A tap between elements is interpolated linearly, elements outside count as zero. Order of arithmetic: one chain of
/// fused multiply-adds of `value * mask` and weight over channels, then taps; the bias is added last.
#[derive(Debug)]
pub struct DeformConv {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Number of groups that channels are split into.
    pub group: usize,
    /// Number of groups of channels that share offsets.
    pub offset_group: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(DeformConv {
        window: Window::parse(node)?,
        group: group(node)?,
        offset_group: heads(node, "offset_group")?.unwrap_or(1),
    }))
}

/// The value of a plane at a position between elements; what lies outside is zero.
pub(super) fn bilinear<T: Float>(plane: &[T], height: usize, width: usize, y: T, x: T) -> T {
    let (top, left) = (via(y, f64::floor), via(x, f64::floor));
    let (dy, dx) = (y.sub(top), x.sub(left));
    let (top, left) = (top.to_i64(), left.to_i64());
    let at = |y: i64, x: i64| {
        let inside = y >= 0 && x >= 0 && (y as u64) < height as u64 && (x as u64) < width as u64;
        if inside { plane[y as usize * width + x as usize] } else { T::ZERO }
    };
    let (right, bottom) = (left.saturating_add(1), top.saturating_add(1));
    let upper = at(top, left).mul(T::ONE.sub(dx)).add(at(top, right).mul(dx));
    let lower = at(bottom, left).mul(T::ONE.sub(dx)).add(at(bottom, right).mul(dx));
    upper.mul(T::ONE.sub(dy)).add(lower.mul(dy))
}

impl DeformConv {
    fn convolve<T: Float>(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let (x, w, offset) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.tensor(2)?);
        let (&[batch, channels, height, width], &[maps, per_group, kh, kw]) = (x.shape(), w.shape()) else {
            return Err(Error::unsupported("DeformConv of an input that has not two spatial axes"));
        };
        let window = self.window.resolve(&[kh, kw])?;
        let (rows, columns) = (window.span(0, height)?, window.span(1, width)?);
        let (oh, ow, taps) = (rows.output, columns.output, kh * kw);
        let groups = self.offset_group;
        if per_group.checked_mul(self.group) != Some(channels) || maps % self.group != 0 || channels % groups != 0 {
            return Err(Error::invalid(format!(
                "a weight of shape {:?} in {} groups ({groups} of offsets) for an input of {channels} channels",
                w.shape(),
                self.group
            )));
        }
        let check = |i: usize, what: &str, expected: &[usize]| match inputs.optional_tensor(i)? {
            Some(t) if t.shape() != expected => {
                Err(Error::invalid(format!("the {what} has shape {:?}; {expected:?} is expected", t.shape())))
            }
            t => Ok(t),
        };
        check(2, "offset", &[batch, groups * taps * 2, oh, ow])?;
        let bs = check(3, "bias", &[maps])?.map(wide::<T>).transpose()?;
        let ms = check(4, "mask", &[batch, groups * taps, oh, ow])?.map(wide::<T>).transpose()?;
        let (xs, ws, shift) = (wide::<T>(x)?, wide::<T>(w)?, wide::<T>(offset)?);
        let shape = [batch, maps, oh, ow];
        let mut out = filled(&shape, T::ZERO)?;
        let (plane, places, per_offset) = (height * width, oh * ow, channels / groups);
        let mut taken = vec![T::ZERO; channels * taps];
        for n in 0..batch {
            for place in 0..places {
                for c in 0..channels {
                    for tap in 0..taps {
                        let g = (n * groups + c / per_offset) * taps + tap;
                        let position = |s: &super::window::Span, o: usize, k: usize, which: usize| {
                            let fixed = (o * s.stride + k * s.dilation) as f64 - s.begin as f64;
                            T::from_f64(fixed).add(shift[(g * 2 + which) * places + place])
                        };
                        let y = position(&rows, place / ow, tap / kw, 0);
                        let x = position(&columns, place % ow, tap % kw, 1);
                        let value = bilinear(&xs[(n * channels + c) * plane..][..plane], height, width, y, x);
                        taken[c * taps + tap] = ms.as_ref().map_or(value, |m| value.mul(m[g * places + place]));
                    }
                }
                for m in 0..maps {
                    let first = m / (maps / self.group) * per_group * taps;
                    let read = taken[first..first + per_group * taps].iter();
                    let weights = &ws[m * per_group * taps..];
                    let mut sum = read.zip(weights).fold(T::ZERO, |sum, (v, w)| v.mul_add(*w, sum));
                    if let Some(b) = &bs {
                        sum = sum.add(b[m]);
                    }
                    out[(n * maps + m) * places + place] = sum;
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for DeformConv {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.same_dtype()?)?;
        let (Some(x), Some(w)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let ((n, _, spatial), (maps, _, kernel)) = (layout(x)?, layout(w)?);
        let dims = match known_shape(kernel) {
            Some(k) => self.window.resolve(&k)?.output_dims(spatial)?,
            None => vec![Dim::Unknown; spatial.len()],
        };
        Ok(vec![Fact::tensor(dtype, Some([n, maps].into_iter().chain(dims).collect()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        with_wide!(inputs.tensor(0)?.dtype(), T => Ok(vec![self.convolve::<T>(inputs)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let wanted = [Rows::Axis(0), Rows::Free, Rows::Axis(0), Rows::Free, Rows::Axis(0)];
        let fits = |i: usize| inputs.get(i).is_none() || rows.get(i) == wanted.get(i);
        if (0..inputs.len()).all(fits) {
            return vec![Rows::Axis(0); outputs.len()];
        }
        rows::opaque(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, run, run_in, t};

    #[test]
    fn taps_move_and_fade() {
        let x = count(&[1, 1, 2, 3]);
        let w = t(&[1, 1, 1, 1], &[2.0]);
        let mut offset = vec![0.0; 12];
        offset[0] = 0.5; // down by half at the first place
        offset[6 + 2] = 0.25; // right by a quarter at the third place, out of the plane
        let given = [x.clone(), w.clone(), t(&[1, 2, 2, 3], &offset)];
        let got = run("DeformConv", 19, &[], &given).unwrap();
        close(&got[0], &[1, 1, 2, 3], &[3.0, 2.0, 3.0, 6.0, 8.0, 10.0]);
        let mask = t(&[1, 1, 2, 3], &[1.0, 0.0, 1.0, 1.0, 1.0, 0.5]);
        let all: Vec<_> = given.into_iter().map(Some).chain([Some(t(&[1], &[1.0])), Some(mask)]).collect();
        close(&run_in("", "DeformConv", 22, &[], &all, 1).unwrap()[0], &[1, 1, 2, 3], &[4.0, 1.0, 4.0, 7.0, 9.0, 6.0]);
        assert!(run("DeformConv", 19, &[], &[x, w, count(&[1, 2, 2, 2])]).is_err());
    }
}
