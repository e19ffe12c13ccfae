//! [MaxUnpool](https://onnx.ai/onnx/operators/onnx__MaxUnpool.html): pooled elements put back where they came from.

use super::{
    wide::{filled, for_each_position, strides_of},
    window::{Window, layout},
};
use crate::{
    Dim, Error, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    fact::Facts,
    numeric::{Element, with_bits},
};
use std::sync::Arc;

/// Zeros everywhere but at the indices that MaxPool gave. A larger output shape is filled with zeros at the ends.
///
/// Of several elements for one place the last one stays.
#[derive(Debug)]
pub struct MaxUnpool {
    /// Kernel, strides and padding of the pool that is undone.
    pub window: Window,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(MaxUnpool { window: Window::parse_pool(node)? }))
}

impl MaxUnpool {
    fn axis(&self, i: usize, n: usize) -> Result<usize> {
        let w = &self.window;
        let all = n.saturating_sub(1).checked_mul(w.strides[i]).and_then(|s| s.checked_add(w.kernel[i]));
        let size = all.and_then(|s| s.checked_sub(w.pads[i] + w.pads[i + w.kernel.len()]));
        size.ok_or_else(|| Error::invalid(format!("padding leaves nothing of spatial axis {i}")))
    }

    fn unpool<T: Element + arrow_buffer::ArrowNativeType>(
        &self,
        x: &Tensor,
        indices: &[i64],
        wanted: Option<Vec<i64>>,
    ) -> Result<Tensor> {
        let (batch, channels, spatial) = layout(x.shape())?;
        if spatial.len() != self.window.kernel.len() || indices.len() != x.len() {
            return Err(Error::invalid(format!(
                "{} indices and a kernel of {} axes for an input of shape {:?}",
                indices.len(),
                self.window.kernel.len(),
                x.shape()
            )));
        }
        let mut shape = vec![batch, channels];
        for (i, n) in spatial.iter().enumerate() {
            shape.push(self.axis(i, *n)?);
        }
        let mut out = filled(&shape, T::default())?;
        for (v, i) in x.bits::<T>()?.iter().zip(indices) {
            let place = usize::try_from(*i).ok().and_then(|i| out.get_mut(i));
            *place.ok_or_else(|| Error::invalid(format!("index {i} in an output of shape {shape:?}")))? = *v;
        }
        let Some(wanted) = wanted else { return Tensor::from_bits(x.dtype(), shape, out) };
        let full: Vec<usize> = wanted.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect();
        if full.len() != shape.len() || full.iter().zip(&shape).any(|(f, s)| f < s) {
            return Err(Error::invalid(format!("an output shape of {wanted:?} for elements of shape {shape:?}")));
        }
        let mut larger = filled(&full, T::default())?;
        let strides = strides_of(&full);
        let mut from = 0;
        for_each_position(&shape, |p| {
            larger[p.iter().zip(&strides).map(|(p, s)| p * s).sum::<usize>()] = out[from];
            from += 1;
        });
        Tensor::from_bits(x.dtype(), full, larger)
    }
}

impl Operator for MaxUnpool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        inputs.dtype_where(1, "int64", |d| d == crate::DType::I64)?;
        if inputs.get(2).is_some() {
            return Ok(vec![Fact::tensor(dtype, inputs.get(2).and_then(|f| f.dims.clone()))]);
        }
        let Some(x) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let (n, c, spatial) = layout(x)?;
        if spatial.len() != self.window.kernel.len() {
            return Err(Error::invalid(format!("a kernel of {} axes", self.window.kernel.len())));
        }
        let mut shape = vec![n, c];
        for (i, d) in spatial.iter().enumerate() {
            shape.push(d.known().map(|d| self.axis(i, d)).transpose()?.map_or(Dim::Unknown, Dim::Known));
        }
        Ok(vec![Fact::tensor(dtype, Some(shape))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, indices) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (indices, wanted) = (indices.as_slice::<i64>()?, inputs.ints(2)?);
        with_bits!(x.dtype(), T => Ok(vec![self.unpool::<T>(x, indices, wanted)?.into()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, ints, run, t};
    use crate::Tensor;

    #[test]
    fn elements_return_to_their_places() {
        let x = t(&[1, 1, 2], &[5.0, 7.0]);
        let at = |v: [i64; 2]| Tensor::from_slice([1, 1, 2], &v).unwrap();
        let attributes = [("kernel_shape", ints(&[2])), ("strides", ints(&[2]))];
        let got = run("MaxUnpool", 9, &attributes, &[x.clone(), at([1, 2])]).unwrap();
        close(&got[0], &[1, 1, 4], &[0.0, 5.0, 7.0, 0.0]);
        let shape = Tensor::from_vec([3], vec![1i64, 1, 5]).unwrap();
        let got = run("MaxUnpool", 11, &attributes, &[x.clone(), at([0, 3]), shape]).unwrap();
        close(&got[0], &[1, 1, 5], &[5.0, 0.0, 0.0, 7.0, 0.0]);
        for bad in [[0, 4], [-1, 0]] {
            assert!(run("MaxUnpool", 11, &attributes, &[x.clone(), at(bad)]).is_err());
        }
    }
}
