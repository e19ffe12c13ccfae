//! [MaxPool](https://onnx.ai/onnx/operators/onnx__MaxPool.html): the greatest element of each window.

use super::{
    wide::filled,
    window::{Window, for_each_window, infer_pool, layout},
};
use crate::{
    DType, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Number, least, with_number},
    rows,
};
use std::sync::Arc;

/// The greatest element of each window and, as second output, its index in the flattened input.
///
/// The first of equal elements is taken; a NaN is greater than everything. Padding is never taken: a window without
/// elements gives the type's least value and index -1.
#[derive(Debug)]
pub struct MaxPool {
    /// Kernel, strides, dilations and padding.
    pub window: Window,
    /// Whether indices count along the first spatial axis fastest.
    pub column_major: bool,
    /// Whether indices are an output.
    pub indices: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(MaxPool {
        window: Window::parse_pool(node)?,
        column_major: node.attributes.flag_or("storage_order", false)?,
        indices: node.outputs > 1,
    }))
}

impl MaxPool {
    /// The maxima, and where they stand; a window of padding alone has the least value of `dtype`, as x is kept.
    fn pool<T: Number>(&self, x: &Tensor, dtype: DType) -> Result<(Tensor, Option<Tensor>)> {
        let (batch, channels, spatial) = layout(x.shape())?;
        let spans = self.window.spans(spatial)?;
        let xs = x.as_slice::<T>()?;
        let output: Vec<usize> = spans.iter().map(|s| s.output).collect();
        let shape = [&[batch, channels][..], &output].concat();
        let mut out = filled(&shape, least::<T>(dtype)?)?;
        let mut at = if self.indices { filled(&shape, -1i64)? } else { Vec::new() };
        let (plane, places) = (spatial.iter().product::<usize>(), output.iter().product::<usize>());
        for_each_window(&spans, batch * channels, |place, _, reads| {
            for p in 0..batch * channels {
                let mut best: Option<(T, usize)> = None;
                for (i, _) in reads {
                    let v = xs[p * plane + i];
                    if best.is_none_or(|(b, _)| v > b || v.is_nan() && !b.is_nan()) {
                        best = Some((v, *i));
                    }
                }
                let Some((v, i)) = best else { continue };
                out[p * places + place] = v;
                if self.indices {
                    let i = if self.column_major { transposed(i, spatial) } else { i };
                    at[p * places + place] = (p * plane + i) as i64;
                }
            }
        });
        let at = self.indices.then(|| Tensor::from_vec(shape.as_slice(), at)).transpose()?;
        Ok((Tensor::from_vec(shape, out)?, at))
    }
}

/// A row-major offset as the offset with the first axis fastest.
fn transposed(mut offset: usize, shape: &[usize]) -> usize {
    let mut step: usize = shape.iter().product();
    let mut result = 0;
    for d in shape.iter().rev() {
        step /= d;
        result += offset % d * step;
        offset /= d;
    }
    result
}

impl Operator for MaxPool {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        crate::family::math::elementwise::number(dtype)?;
        let types = [dtype, DType::I64];
        infer_pool(&self.window, inputs, if self.indices { &types } else { &types[..1] })
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (dtype, x) = (inputs.tensor(0)?.dtype(), inputs.tensor(0)?.widen()?);
        let (out, at) = with_number!(x.dtype(), T => self.pool::<T>(&x, dtype))?;
        let mut outputs = vec![out.narrow(dtype)?.into()];
        outputs.extend(at.map(Value::from));
        Ok(outputs)
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let pooled = rows::leading(rows, 1)[0];
        // Indices count through the whole batch, so they say where a row stands.
        let indices = if pooled == Rows::Free { Rows::Free } else { Rows::Mixed };
        (0..outputs.len()).map(|i| if i == 0 { pooled } else { indices }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, count, ints, run, run_in};
    use super::*;
    use crate::Attribute;

    #[test]
    fn takes_the_greatest_and_says_where() {
        let x = Tensor::from_vec([1, 2, 2, 3], vec![9i8, 1, 2, 3, 4, 9, -6, -7, -8, -9, -1, -5]).unwrap();
        let kernel = ("kernel_shape", ints(&[2, 2]));
        for (order, indices) in [(0, [0i64, 5, 10, 10]), (1, [0, 5, 9, 9])] {
            let attributes = [kernel.clone(), ("storage_order", Attribute::Int(order))];
            let got = run_in("", "MaxPool", 12, &attributes, &[Some(x.clone())], 2).unwrap();
            assert_eq!(got[0].as_slice::<i8>().unwrap(), [9, 9, -1, -1]);
            assert_eq!(got[1].as_slice::<i64>().unwrap(), indices);
        }
        let padded = [kernel.clone(), ("pads", ints(&[1, 0, 0, 1])), ("strides", ints(&[2, 2]))];
        let got = run("MaxPool", 8, &padded, &[x]).unwrap();
        assert_eq!(got[0].as_slice::<i8>().unwrap(), [9, 2, -6, -8]);
    }

    #[test]
    fn ceil_mode_dilation_and_nan() {
        let attributes = [("kernel_shape", ints(&[2])), ("strides", ints(&[2])), ("ceil_mode", Attribute::Int(1))];
        close(&run("MaxPool", 10, &attributes, &[count(&[1, 1, 5])]).unwrap()[0], &[1, 1, 3], &[1.0, 3.0, 4.0]);
        let dilated = [("kernel_shape", ints(&[2])), ("dilations", ints(&[3]))];
        close(&run("MaxPool", 10, &dilated, &[count(&[1, 1, 5])]).unwrap()[0], &[1, 1, 2], &[3.0, 4.0]);
        let x = Tensor::from_vec([1, 1, 3], vec![1.0f32, f32::NAN, 2.0]).unwrap();
        let got = run("MaxPool", 10, &[("kernel_shape", ints(&[3]))], &[x]).unwrap();
        assert!(got[0].as_slice::<f32>().unwrap()[0].is_nan());
    }

    #[test]
    fn bad_kernels_are_refused() {
        assert!(run("MaxPool", 12, &[], &[count(&[1, 1, 5])]).is_err());
        assert!(run("MaxPool", 12, &[("kernel_shape", ints(&[2, 2]))], &[count(&[1, 1, 5])]).is_err());
        assert!(run("MaxPool", 12, &[("kernel_shape", ints(&[6]))], &[count(&[1, 1, 5])]).is_err());
        assert!(run("MaxPool", 12, &[("kernel_shape", ints(&[0]))], &[count(&[1, 1, 5])]).is_err());
    }
}
