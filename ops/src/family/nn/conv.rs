//! [Conv](https://onnx.ai/onnx/operators/onnx__Conv.html): convolution over any number of spatial axes.

use super::{
    wide::{check_float, filled, narrow, wide, with_wide},
    window::{Window, for_each_window, layout},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, known_shape},
    numeric::Float,
    rows,
};
use std::sync::Arc;

/// `Y[n, m] = sum over c, k of X[n, c, ...] W[m, c, k] + B[m]`, in groups of channels.
///
/// Order of arithmetic: each output is one chain of fused multiply-adds starting from zero, over blocks of sixteen
/// channels, then kernel positions in row-major order, then the channels of the block; positions in the padding add
/// nothing. The bias is added last. Narrow floats are computed in `f32`.
#[derive(Debug)]
pub struct Conv {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Number of groups that channels are split into.
    pub group: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Conv { window: Window::parse(node)?, group: group(node)? }))
}

/// The attribute `group`.
pub(super) fn group(node: &Node<'_>) -> Result<usize> {
    let group = node.attributes.int_or("group", 1)?;
    usize::try_from(group)
        .ok()
        .filter(|g| *g > 0)
        .ok_or_else(|| Error::invalid(format!("attribute 'group' is {group}; it is at least 1")))
}

impl Conv {
    /// The window for a weight `[M, C / group, k...]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when attributes and weight do not fit.
    pub fn resolve(&self, weight: &[usize]) -> Result<Window> {
        let (m, _, kernel) = layout(weight).map_err(|e| e.at("the weight"))?;
        if m % self.group != 0 {
            return Err(Error::invalid(format!("{m} output channels are no multiple of {} groups", self.group)));
        }
        self.window.resolve(kernel)
    }

    fn convolve<T: Float>(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let (maps, per_group, kernel) = layout(w.shape())?;
        let spans = self.resolve(w.shape())?.spans(spatial)?;
        if per_group.checked_mul(self.group) != Some(channels) {
            return Err(Error::invalid(format!(
                "input 0 has {channels} channels where the weight reads {per_group} in each of {} groups",
                self.group
            )));
        }
        if let Some(b) = b
            && b.shape() != [maps]
        {
            return Err(Error::invalid(format!("the bias has shape {:?} for {maps} output channels", b.shape())));
        }
        let (xs, ws) = (wide::<T>(x)?, wide::<T>(w)?);
        let bs = b.map(wide::<T>).transpose()?;
        let output: Vec<usize> = spans.iter().map(|s| s.output).collect();
        let shape = [&[batch, maps][..], &output].concat();
        let mut out = filled(&shape, T::ZERO)?;
        let (plane, taps) = (spatial.iter().product::<usize>(), kernel.iter().product::<usize>());
        let maps_per_group = maps / self.group;
        let places = output.iter().product::<usize>();
        for_each_window(&spans, batch * maps, |place, _, reads| {
            for n in 0..batch {
                for m in 0..maps {
                    let first = (n * channels + m / maps_per_group * per_group) * plane;
                    let weight = m * per_group * taps;
                    let mut sum = T::ZERO;
                    for block in (0..per_group).step_by(16) {
                        for (at, tap) in reads {
                            for c in block..(block + 16).min(per_group) {
                                sum = xs[first + c * plane + at].mul_add(ws[weight + c * taps + tap], sum);
                            }
                        }
                    }
                    if let Some(b) = &bs {
                        sum = sum.add(b[m]);
                    }
                    out[(n * maps + m) * places + place] = sum;
                }
            }
        });
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for Conv {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.same_dtype()?)?;
        let (Some(x), Some(w)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let ((n, channels, spatial), (maps, per_group, kernel)) = (layout(x)?, layout(w)?);
        if let (Some(c), Some(p)) = (channels.known(), per_group.known())
            && p.checked_mul(self.group) != Some(c)
        {
            return Err(Error::invalid(format!(
                "input 0 has {c} channels where the weight reads {p} in each of {} groups",
                self.group
            )));
        }
        let kernel = known_shape(kernel).or_else(|| Some(self.window.kernel.clone()).filter(|k| !k.is_empty()));
        let dims = match kernel {
            Some(k) => self.window.resolve(&k)?.output_dims(spatial)?,
            None => vec![Dim::Unknown; spatial.len()],
        };
        let shape = [n, maps].into_iter().chain(dims).collect();
        Ok(vec![Fact::tensor(dtype, Some(shape))])
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
    use crate::{Attribute, Tensor};

    #[test]
    fn windows_groups_and_padding() {
        let x = count(&[1, 2, 2, 3]);
        let w = t(&[2, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0, -1.0, 0.5, 0.0, 1.0]);
        let y = &run("Conv", 11, &[], &[x.clone(), w.clone(), t(&[2], &[10.0, 0.0])]).unwrap()[0];
        close(y, &[1, 2, 2, 2], &[58.0, 68.0, 88.0, 98.0, 7.5, 8.0, 9.0, 9.5]);

        let grouped = t(&[2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        let attributes = [("group", Attribute::Int(2)), ("pads", ints(&[0, 1, 0, 0])), ("strides", ints(&[2, 2]))];
        let y = &run("Conv", 22, &attributes, &[x.clone(), grouped.clone()]).unwrap()[0];
        close(y, &[1, 2, 1, 2], &[0.0, 5.0, 24.0, 53.0]);

        let same = [("group", Attribute::Int(2)), ("auto_pad", Attribute::String("SAME_UPPER".into()))];
        let y = &run("Conv", 22, &same, &[x.clone(), grouped]).unwrap()[0];
        close(y, &[1, 2, 2, 3], &[2.0, 5.0, 2.0, 11.0, 14.0, 5.0, 46.0, 53.0, 24.0, 67.0, 74.0, 33.0]);

        let dilated = [("dilations", ints(&[1, 2]))];
        let y = &run("Conv", 1, &dilated, &[x, w]).unwrap()[0];
        close(y, &[1, 2, 2, 1], &[54.0, 84.0, 9.0, 10.5]);
    }

    #[test]
    fn shapes_and_types_are_checked() {
        let x = count(&[1, 2, 2, 3]);
        for w in [count(&[2, 1, 1, 2]), count(&[2, 2, 3, 1]), count(&[2, 2, 1]), Tensor::scalar(1.0f64)] {
            assert!(run("Conv", 11, &[], &[x.clone(), w]).is_err());
        }
        assert!(run("Conv", 11, &[("group", Attribute::Int(0))], &[x.clone(), count(&[2, 2, 1, 2])]).is_err());
        assert!(run("Conv", 11, &[("strides", ints(&[0, 1]))], &[x, count(&[2, 2, 1, 2])]).is_err());
    }
}
