//! [STFT](https://onnx.ai/onnx/operators/onnx__STFT.html): the Fourier transform of overlapping frames.

use super::{
    dft::{one, size},
    fourier::{Complex, transform},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::wide::{check_float, filled, narrow, wide},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// The transform of frames of `[batch, length, 1 or 2]`, each multiplied by a window, computed in `f64`; the output is
/// `[batch, frames, frequencies, 2]`.
#[derive(Debug)]
pub struct Stft {
    /// Whether only the first half of the frequencies is given.
    pub onesided: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Stft { onesided: node.attributes.flag_or("onesided", true)? }))
}

impl Stft {
    fn bins(&self, frame: usize) -> usize {
        if self.onesided { frame / 2 + 1 } else { frame }
    }

    /// The length of a frame from its own input or from the window's length.
    fn frame(given: Option<i64>, window: Option<usize>, length: Option<usize>) -> Result<Option<usize>> {
        let frame = match (given, window) {
            (Some(n), Some(w)) if size(n, "the frame length")? != w => {
                return Err(Error::invalid(format!("a window of {w} elements for frames of {n}")));
            }
            (Some(n), _) => Some(size(n, "the frame length")?),
            (None, w) => w.or(length),
        };
        if frame == Some(0) { Err(Error::invalid("frames of length 0")) } else { Ok(frame) }
    }

    fn frames(length: usize, frame: usize, step: i64) -> Result<usize> {
        let step = size(step, "the frame step")?;
        if step == 0 || frame > length {
            return Err(Error::invalid(format!("frames of {frame} elements, {step} apart, of a signal of {length}")));
        }
        Ok((length - frame) / step + 1)
    }

    fn run(&self, x: &Tensor, step: i64, window: Option<&Tensor>, frame: Option<i64>) -> Result<Tensor> {
        let &[batch, length, parts @ (1 | 2)] = x.shape() else {
            return Err(Error::invalid(format!(
                "a signal of shape {:?}; [batch, length, 1 or 2] is expected",
                x.shape()
            )));
        };
        let frame = Self::frame(frame, window.map(Tensor::len), Some(length))?.unwrap_or(length);
        let frames = Self::frames(length, frame, step)?;
        let bins = self.bins(frame);
        let (xs, ws) = (wide::<f64>(x)?, window.map(wide::<f64>).transpose()?);
        let shape = [batch, frames, bins, 2];
        let mut out = filled(&shape, 0.0f64)?;
        let step = size(step, "the frame step")?;
        for b in 0..batch {
            for f in 0..frames {
                let signal: Vec<Complex> = (0..frame)
                    .map(|i| {
                        let at = (b * length + f * step + i) * parts;
                        let w = ws.as_ref().map_or(1.0, |w| w[i]);
                        Complex { re: xs[at] * w, im: if parts == 2 { xs[at + 1] * w } else { 0.0 } }
                    })
                    .collect();
                for (k, value) in transform(&signal, false).into_iter().take(bins).enumerate() {
                    let at = ((b * frames + f) * bins + k) * 2;
                    (out[at], out[at + 1]) = (value.re, value.im);
                }
            }
        }
        narrow(x.dtype(), shape, out)
    }
}

impl Operator for Stft {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        inputs.required(1)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let [batch, length, _] = shape else {
            return Err(Error::invalid(format!("a signal of {} dimensions; 3 are expected", shape.len())));
        };
        let count = |w: &Fact| w.known_shape().map(|s| element_count(&s)).transpose();
        let window = inputs.get(2).map(count).transpose()?;
        let given = one(inputs.ints(3)?, "the frame length")?;
        let frame = match (window, inputs.get(3).is_some() && given.is_none()) {
            (Some(w), _) => Self::frame(given, w, None)?,
            (None, true) => None,
            (None, false) => Self::frame(given, None, length.known())?,
        };
        let frames = match (length.known(), frame, one(inputs.ints(1)?, "the frame step")?) {
            (Some(length), Some(frame), Some(step)) => Dim::Known(Self::frames(length, frame, step)?),
            _ => Dim::Unknown,
        };
        let bins = frame.map_or(Dim::Unknown, |f| Dim::Known(self.bins(f)));
        Ok(vec![Fact::tensor(dtype, Some(vec![batch.clone(), frames, bins, Dim::Known(2)]))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let step = one(inputs.ints(1)?, "the frame step")?.ok_or_else(|| Error::invalid("input 1 is missing"))?;
        let frame = one(inputs.ints(3)?, "the frame length")?;
        Ok(vec![self.run(inputs.tensor(0)?, step, inputs.optional_tensor(2)?, frame)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Stft;
    use crate::{
        DType, Fact, Operator, Tensor,
        fact::Facts,
        family::nn::testing::{close, run, t},
    };

    #[test]
    fn frames_overlap_and_windows_weigh() {
        let x = t(&[1, 5, 1], &[1.0, 2.0, 4.0, 8.0, 16.0]);
        let step = Tensor::scalar(2i64);
        let window = t(&[3], &[1.0, 0.5, 0.0]);
        let got = run("STFT", 17, &[], &[x.clone(), step.clone(), window]).unwrap();
        let h = 3.0f32.sqrt() / 2.0;
        close(&got[0], &[1, 2, 2, 2], &[2.0, 0.0, 0.5, -h, 8.0, 0.0, 2.0, -4.0 * h]);
        assert!(run("STFT", 17, &[], &[x.clone(), step, t(&[6], &[1.0; 6])]).is_err());
        assert!(run("STFT", 17, &[], &[x, Tensor::scalar(0i64), t(&[3], &[1.0; 3])]).is_err());
    }

    #[test]
    fn a_window_beyond_memory_is_refused() {
        let facts = [
            Fact::shaped(DType::F32, [1usize, 5, 1]),
            Fact::constant(Tensor::scalar(2i64)),
            Fact::shaped(DType::F32, [usize::MAX, 2]),
        ];
        let facts: Vec<Option<&Fact>> = facts.iter().map(Some).collect();
        assert!(Stft { onesided: true }.infer(Facts(&facts)).is_err());
    }
}
