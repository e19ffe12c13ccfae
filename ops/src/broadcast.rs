//! Broadcasting and row-major index arithmetic, as every family uses it.

use crate::{
    Dim, Error, Fact, Result, Tensor,
    fact::{Facts, broadcast},
    numeric::Element,
    tensor::element_count,
};

/// The output of an element-wise operator of two inputs: `dtype` in the broadcast shape.
///
/// # Errors
/// [`Error::Invalid`] when an input is absent or the shapes do not broadcast.
pub fn infer_broadcast(inputs: Facts<'_>, dtype: crate::DType) -> Result<Vec<Fact>> {
    let shape = match (inputs.shape(0)?, inputs.shape(1)?) {
        (Some(a), Some(b)) => Some(broadcast(a, b)?),
        _ => None,
    };
    Ok(vec![Fact::tensor(dtype, shape)])
}

/// The broadcast shape of two known shapes.
///
/// # Errors
/// [`Error::Invalid`] when they do not broadcast.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let dims = |s: &[usize]| s.iter().copied().map(Dim::Known).collect::<Vec<_>>();
    crate::fact::known_shape(&broadcast(&dims(a), &dims(b))?)
        .ok_or_else(|| Error::invalid("a broadcast shape is not known"))
}

/// Row-major strides of `shape` seen as the broadcast shape `out`: 0 along repeated dimensions.
pub fn broadcast_strides(shape: &[usize], out: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; out.len()];
    let mut step = 1;
    for (i, d) in shape.iter().enumerate().rev() {
        if *d != 1 {
            strides[i + out.len() - shape.len()] = step;
        }
        step *= d;
    }
    strides
}

/// Calls `f` with the flat index into each operand for every element of `out`, in row-major order.
pub fn for_each_index<const N: usize>(out: &[usize], strides: &[Vec<usize>; N], mut f: impl FnMut([usize; N])) {
    if out.contains(&0) {
        return;
    }
    let mut index = vec![0usize; out.len()];
    let mut at = [0usize; N];
    loop {
        f(at);
        let mut axis = out.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            for (a, s) in at.iter_mut().zip(strides) {
                *a += s[axis];
            }
            if index[axis] < out[axis] {
                break;
            }
            for (a, s) in at.iter_mut().zip(strides) {
                *a -= s[axis] * out[axis];
            }
            index[axis] = 0;
        }
    }
}

/// Applies `f` to each pair of elements of two tensors broadcast together.
///
/// # Errors
/// [`Error::Invalid`] when a type is not the tensor's or the shapes do not broadcast.
pub fn broadcast_map<A: Element, B: Element, O: Element>(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(A, B) -> O,
) -> Result<Tensor> {
    let (x, y) = (a.as_slice::<A>()?, b.as_slice::<B>()?);
    let shape = broadcast_shape(a.shape(), b.shape())?;
    if a.shape() == b.shape() {
        return Tensor::from_vec(shape, x.iter().zip(y).map(|(p, q)| f(*p, *q)).collect());
    }
    let mut out = Vec::with_capacity(element_count(&shape)?);
    let strides = [broadcast_strides(a.shape(), &shape), broadcast_strides(b.shape(), &shape)];
    for_each_index(&shape, &strides, |[i, j]| out.push(f(x[i], y[j])));
    Tensor::from_vec(shape, out)
}
