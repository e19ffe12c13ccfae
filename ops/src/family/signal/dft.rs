//! [DFT](https://onnx.ai/onnx/operators/onnx__DFT.html): the discrete Fourier transform along an axis.

use super::fourier::{Complex, transform};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::wide::{check_float, filled, narrow, wide},
    operator::axis_index,
    rows,
};
use std::sync::Arc;

/// The discrete Fourier transform of real (`[..., 1]`) or complex (`[..., 2]`) signals, computed in `f64`.
#[derive(Debug)]
pub struct Dft {
    /// The transformed axis where it is an attribute (version 17).
    pub axis: Option<i64>,
    /// Whether frequencies become a signal; the result is divided by the length.
    pub inverse: bool,
    /// Whether only the first half of the frequencies of a real signal is given.
    pub onesided: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Dft {
        axis: if node.since < 20 { Some(node.attributes.int_or("axis", 1)?) } else { None },
        inverse: node.attributes.flag_or("inverse", false)?,
        onesided: node.attributes.flag_or("onesided", false)?,
    }))
}

/// One integer of a scalar or of a tensor with one element.
pub(super) fn one(values: Option<Vec<i64>>, what: &str) -> Result<Option<i64>> {
    match values.as_deref() {
        None => Ok(None),
        Some([n]) => Ok(Some(*n)),
        Some(v) => Err(Error::invalid(format!("{what} has {} elements; one is expected", v.len()))),
    }
}

/// A size from an integer.
pub(super) fn size(n: i64, what: &str) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::invalid(format!("{what} is {n}")))
}

impl Dft {
    /// The axis, which is not the last one.
    fn axis(&self, given: Option<i64>, rank: usize) -> Result<usize> {
        let axis = axis_index(self.axis.or(given).unwrap_or(-2), rank)?;
        if axis + 1 == rank {
            return Err(Error::invalid("the transformed axis is the last one, which holds real and imaginary parts"));
        }
        Ok(axis)
    }

    /// Length of the transform and of the output's axis.
    fn lengths(&self, input: usize, given: Option<i64>) -> Result<(usize, usize)> {
        let length = match given {
            Some(n) => size(n, "the length of the transform")?,
            None if self.inverse && self.onesided => input.saturating_sub(1).saturating_mul(2),
            None => input,
        };
        if length == 0 {
            return Err(Error::invalid("a transform of length 0"));
        }
        Ok((length, if self.onesided && !self.inverse { length / 2 + 1 } else { length }))
    }

    fn run(&self, x: &Tensor, length: Option<i64>, axis: Option<i64>) -> Result<Tensor> {
        let shape = x.shape();
        let axis = self.axis(axis, shape.len())?;
        let parts = shape[shape.len() - 1];
        if !matches!(parts, 1 | 2) {
            return Err(Error::invalid(format!("the last axis has {parts} elements; 1 or 2 are expected")));
        }
        let (n, bins) = self.lengths(shape[axis], length)?;
        let real = self.inverse && self.onesided;
        let mut out_shape = shape.to_vec();
        out_shape[axis] = bins;
        out_shape[shape.len() - 1] = if real { 1 } else { 2 };
        let step: usize = shape[axis + 1..shape.len() - 1].iter().product();
        let outer: usize = shape[..axis].iter().product();
        let xs = wide::<f64>(x)?;
        let mut out = filled(&out_shape, 0.0f64)?;
        let mut signal = filled(&[n, 2], 0.0f64)?.chunks(2).map(|_| Complex::default()).collect::<Vec<_>>();
        for o in 0..outer {
            for s in 0..step {
                signal.fill(Complex::default());
                let given = if real { shape[axis].min(n / 2 + 1) } else { shape[axis].min(n) };
                for (i, value) in signal.iter_mut().enumerate().take(given) {
                    let at = ((o * shape[axis] + i) * step + s) * parts;
                    *value = Complex { re: xs[at], im: if parts == 2 { xs[at + 1] } else { 0.0 } };
                }
                if real {
                    // The second half mirrors the first; what must be real is taken as real.
                    signal[0].im = 0.0;
                    for i in 1..n {
                        if i == n - i {
                            signal[i].im = 0.0;
                        } else if i > n - i {
                            let mirrored = signal[n - i];
                            signal[i] = Complex { re: mirrored.re, im: -mirrored.im };
                        }
                    }
                }
                let found = transform(&signal, self.inverse);
                let scale = if self.inverse { n as f64 } else { 1.0 };
                for (i, value) in found.iter().take(bins).enumerate() {
                    let at = (o * bins + i) * step + s;
                    if real {
                        out[at] = value.re / scale;
                    } else {
                        (out[2 * at], out[2 * at + 1]) = (value.re / scale, value.im / scale);
                    }
                }
            }
        }
        narrow(x.dtype(), out_shape, out)
    }
}

impl Operator for Dft {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = check_float(inputs.dtype(0)?)?;
        let Some(shape) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let mut out = shape.to_vec();
        if out.len() < 2 {
            return Err(Error::invalid("input 0 has less than two dimensions"));
        }
        let last = out.len() - 1;
        out[last] = Dim::Known(if self.inverse && self.onesided { 1 } else { 2 });
        if inputs.get(2).is_some() && inputs.value(2).is_none() && self.axis.is_none() {
            out[..last].fill(Dim::Unknown);
            return Ok(vec![Fact::tensor(dtype, Some(out))]);
        }
        let axis = self.axis(one(inputs.ints(2)?, "the axis")?, shape.len())?;
        let length = one(inputs.ints(1)?, "the length")?;
        out[axis] = match (&shape[axis], length) {
            _ if inputs.get(1).is_some() && length.is_none() => Dim::Unknown,
            (_, Some(_)) => Dim::Known(self.lengths(1, length)?.1),
            (Dim::Known(n), None) => Dim::Known(self.lengths(*n, None)?.1),
            (d, None) if !self.onesided => d.clone(),
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::tensor(dtype, Some(out))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (length, axis) = (one(inputs.ints(1)?, "the length")?, one(inputs.ints(2)?, "the axis")?);
        Ok(vec![self.run(inputs.tensor(0)?, length, axis)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let known = self.axis.is_some() || inputs.get(2).is_none() || inputs.value(2).is_some();
        let axis = one(inputs.ints(2).ok().flatten(), "the axis").ok().flatten();
        match inputs.get(0).and_then(Fact::shape).map(|s| (s.len(), self.axis(axis, s.len()))) {
            Some((rank, Ok(axis))) if known => rows::along(rows, &[axis, rank - 1], outputs.len()),
            _ => rows::opaque(rows, outputs.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dft;
    use crate::{
        Attribute, DType, Fact, Operator, Tensor,
        fact::Facts,
        family::nn::testing::{close, run, t},
    };

    #[test]
    fn a_signal_beyond_memory_overflows_nothing() {
        let dft = Dft { axis: Some(1), inverse: true, onesided: true };
        let x = Fact::shaped(DType::F32, [1usize, usize::MAX, 2]);
        assert!(dft.infer(Facts(&[Some(&x)])).is_ok());
    }

    #[test]
    fn transforms_and_back() {
        let x = t(&[1, 3, 1], &[1.0, 2.0, 6.0]);
        let h = 3.0f32.sqrt() / 2.0;
        let full = [9.0, 0.0, -3.0, 4.0 * h, -3.0, -4.0 * h];
        let y = run("DFT", 17, &[], &[x.clone()]).unwrap().remove(0);
        close(&y, &[1, 3, 2], &full);
        let one_sided = run("DFT", 20, &[("onesided", Attribute::Int(1))], &[x.clone()]).unwrap().remove(0);
        close(&one_sided, &[1, 2, 2], &full[..4]);
        let back = run("DFT", 20, &[("inverse", Attribute::Int(1))], &[y]).unwrap();
        close(&back[0], &[1, 3, 2], &[1.0, 0.0, 2.0, 0.0, 6.0, 0.0]);
        let both = [("inverse", Attribute::Int(1)), ("onesided", Attribute::Int(1))];
        let real = run("DFT", 20, &both, &[one_sided, Tensor::scalar(3i64)]).unwrap();
        close(&real[0], &[1, 3, 1], &[1.0, 2.0, 6.0]);
        assert!(run("DFT", 20, &[], &[x.clone(), Tensor::scalar(0i64)]).is_err());
        assert!(run("DFT", 17, &[("axis", Attribute::Int(2))], &[x]).is_err());
    }
}
