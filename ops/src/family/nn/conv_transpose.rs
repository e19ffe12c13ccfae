//! [ConvTranspose](https://onnx.ai/onnx/operators/onnx__ConvTranspose.html): the transpose of a convolution.

use super::{
    conv::group,
    wide::{check_float, filled, for_each_position, narrow, strides_of, wide, with_wide},
    window::{AutoPad, Window, layout, sizes},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, known_shape},
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// Each input element adds its weighted kernel to the output at `stride * i + dilation * k - pad`.
///
/// Order of arithmetic: each output is one chain of fused multiply-adds starting from zero, over kernel positions in
/// row-major order, then channels of the group. The bias is added last. Narrow floats are computed in `f32`.
#[derive(Debug)]
pub struct ConvTranspose {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Number of groups that channels are split into.
    pub group: usize,
    /// Elements added to one side of each output axis.
    pub output_padding: Vec<usize>,
    /// The output's spatial sizes, when they decide the padding.
    pub output_shape: Vec<usize>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(ConvTranspose {
        window: Window::parse(node)?,
        group: group(node)?,
        output_padding: sizes(node, "output_padding", 0)?,
        output_shape: sizes(node, "output_shape", 0)?,
    }))
}

impl ConvTranspose {
    /// The output's size and the padding before along spatial axis `i` of a resolved window.
    fn axis(&self, window: &Window, i: usize, input: usize) -> Result<(usize, i64)> {
        let n = window.kernel.len();
        for (name, list) in [("output_padding", &self.output_padding), ("output_shape", &self.output_shape)] {
            if !list.is_empty() && list.len() != n {
                return Err(Error::invalid(format!(
                    "attribute '{name}' has {} entries for {n} spatial axes",
                    list.len()
                )));
            }
        }
        let too_large = || Error::Exhausted(format!("spatial axis {i} of the output"));
        let int = |n: usize| i64::try_from(n).map_err(|_| too_large());
        let (stride, extra) = (int(window.strides[i])?, self.output_padding.get(i).copied().unwrap_or(0));
        let extent = int((window.kernel[i] - 1).checked_mul(window.dilations[i]).ok_or_else(too_large)? + 1)?;
        let spread = int(input)?.checked_sub(1).and_then(|n| n.checked_mul(stride)).ok_or_else(too_large)?;
        let full = spread.checked_add(extent).and_then(|f| f.checked_add(extra as i64)).ok_or_else(too_large)?;
        let same = matches!(window.auto_pad, AutoPad::SameUpper | AutoPad::SameLower);
        let wanted = match self.output_shape.get(i) {
            Some(n) => Some(int(*n)?),
            None if same => Some(int(input)?.checked_mul(stride).ok_or_else(too_large)?),
            None => None,
        };
        let (output, begin) = match wanted {
            Some(output) => {
                let total = full - output;
                let half = total.div_euclid(2);
                (output, if window.auto_pad == AutoPad::SameUpper { half } else { total - half })
            }
            None if window.auto_pad == AutoPad::Valid => (full, 0),
            None => {
                let (b, e) = (window.pads[i] as i64, window.pads[i + n] as i64);
                (full - b - e, b)
            }
        };
        let size = usize::try_from(output)
            .map_err(|_| Error::invalid(format!("padding leaves {output} elements of spatial axis {i}")))?;
        Ok((size, begin))
    }

    fn convolve<T: Float>(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let (read, per_group, kernel) = layout(w.shape())?;
        if read != channels || channels % self.group != 0 || kernel.len() != spatial.len() {
            return Err(Error::invalid(format!(
                "a weight of shape {:?} in {} groups for an input of shape {:?}",
                w.shape(),
                self.group,
                x.shape()
            )));
        }
        let window = self.window.resolve(kernel)?;
        let axes: Vec<(usize, i64)> =
            spatial.iter().enumerate().map(|(i, n)| self.axis(&window, i, *n)).collect::<Result<_>>()?;
        let maps = per_group.saturating_mul(self.group);
        if let Some(b) = b
            && b.shape() != [maps]
        {
            return Err(Error::invalid(format!("the bias has shape {:?} for {maps} output channels", b.shape())));
        }
        let (xs, ws) = (wide::<T>(x)?, wide::<T>(w)?);
        let bs = b.map(wide::<T>).transpose()?;
        let output: Vec<usize> = axes.iter().map(|a| a.0).collect();
        let shape = [&[batch, maps][..], &output].concat();
        let mut out = filled(&shape, T::ZERO)?;
        if out.is_empty() {
            return narrow(x.dtype(), shape, out);
        }
        let (plane, taps) = (spatial.iter().product::<usize>(), kernel.iter().product::<usize>());
        let (steps, kernel_steps) = (strides_of(spatial), strides_of(kernel));
        let places = output.iter().product::<usize>();
        let in_group = channels / self.group;
        let mut reads: Vec<(usize, usize)> = Vec::with_capacity(taps);
        let mut place = 0;
        for_each_position(&output, |o| {
            reads.clear();
            for_each_position(kernel, |k| {
                let mut at = 0;
                for i in 0..o.len() {
                    let from = o[i] as i64 + axes[i].1 - (k[i] * window.dilations[i]) as i64;
                    let stride = window.strides[i] as i64;
                    if from < 0 || from % stride != 0 || from / stride >= spatial[i] as i64 {
                        return;
                    }
                    at += (from / stride) as usize * steps[i];
                }
                reads.push((at, k.iter().zip(&kernel_steps).map(|(k, s)| k * s).sum()));
            });
            for n in 0..batch {
                for m in 0..maps {
                    let (g, local) = (m / per_group, m % per_group);
                    let mut sum = T::ZERO;
                    for (at, tap) in &reads {
                        for c in g * in_group..(g + 1) * in_group {
                            let weight = ws[(c * per_group + local) * taps + tap];
                            sum = xs[(n * channels + c) * plane + at].mul_add(weight, sum);
                        }
                    }
                    if let Some(b) = &bs {
                        sum = sum.add(b[m]);
                    }
                    out[(n * maps + m) * places + place] = sum;
                }
            }
            place += 1;
        });
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for ConvTranspose {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.same_dtype()?)?;
        let (Some(x), Some(w)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let ((n, _, spatial), (_, per_group, kernel)) = (layout(x)?, layout(w)?);
        let kernel = known_shape(kernel).or_else(|| Some(self.window.kernel.clone()).filter(|k| !k.is_empty()));
        let dims = match kernel {
            Some(k) if k.len() == spatial.len() => {
                let window = self.window.resolve(&k)?;
                spatial
                    .iter()
                    .enumerate()
                    .map(|(i, d)| match d.known() {
                        Some(d) => Ok(Dim::Known(self.axis(&window, i, d)?.0)),
                        None => Ok(self.output_shape.get(i).map_or(Dim::Unknown, |n| Dim::Known(*n))),
                    })
                    .collect::<Result<Vec<_>>>()?
            }
            Some(k) => {
                return Err(Error::invalid(format!("{} spatial axes for a kernel of {}", spatial.len(), k.len())));
            }
            None => vec![Dim::Unknown; spatial.len()],
        };
        let maps = per_group.map(|p| p.saturating_mul(self.group));
        Ok(vec![Fact::tensor(dtype, Some([n, maps].into_iter().chain(dims).collect()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, w, b) = (inputs.tensor(0)?, inputs.tensor(1)?, inputs.optional_tensor(2)?);
        with_wide!(x.dtype(), T => Ok(vec![self.convolve::<T>(x, w, b)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, ints, run, t};
    use crate::Attribute;

    #[test]
    fn kernels_are_spread() {
        let x = t(&[1, 2, 2], &[1.0, 2.0, 10.0, 20.0]);
        let w = t(&[2, 1, 3], &[1.0, 2.0, 3.0, 0.0, 1.0, 0.0]);
        let run = |attributes: &[(&str, Attribute)]| run("ConvTranspose", 11, attributes, &[x.clone(), w.clone()]);
        close(&run(&[]).unwrap()[0], &[1, 1, 4], &[1.0, 14.0, 27.0, 6.0]);
        let strided = [("strides", ints(&[2])), ("pads", ints(&[1, 0])), ("output_padding", ints(&[1]))];
        close(&run(&strided).unwrap()[0], &[1, 1, 5], &[12.0, 5.0, 24.0, 6.0, 0.0]);
        let same = [("strides", ints(&[2])), ("auto_pad", Attribute::String("SAME_LOWER".into()))];
        close(&run(&same).unwrap()[0], &[1, 1, 4], &[12.0, 5.0, 24.0, 6.0]);
        let shaped = [("strides", ints(&[2])), ("output_shape", ints(&[6]))];
        close(&run(&shaped).unwrap()[0], &[1, 1, 6], &[1.0, 12.0, 5.0, 24.0, 6.0, 0.0]);
        let grouped = super::super::testing::run(
            "ConvTranspose",
            22,
            &[("group", Attribute::Int(2))],
            &[x.clone(), w.clone(), t(&[2], &[0.0, 0.5])],
        );
        close(&grouped.unwrap()[0], &[1, 2, 4], &[1.0, 4.0, 7.0, 6.0, 0.5, 10.5, 20.5, 0.5]);
        assert!(run(&[("pads", ints(&[3, 3]))]).is_err());
        assert!(super::super::testing::run("ConvTranspose", 11, &[], &[x.clone(), count(&[3, 1, 3])]).is_err());
    }
}
