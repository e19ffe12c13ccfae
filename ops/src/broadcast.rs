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

/// The flat index into each of `N` operands for every element of a shape, in row-major order.
struct Walk<'a, const N: usize> {
    shape: &'a [usize],
    strides: &'a [Vec<usize>; N],
    index: Vec<usize>,
    at: [usize; N],
    done: bool,
}

impl<const N: usize> Iterator for Walk<'_, N> {
    type Item = [usize; N];

    #[inline]
    fn next(&mut self) -> Option<[usize; N]> {
        if self.done {
            return None;
        }
        let here = self.at;
        self.advance();
        Some(here)
    }
}

impl<const N: usize> Walk<'_, N> {
    fn advance(&mut self) {
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            for n in 0..N {
                self.at[n] += self.strides[n][axis];
            }
            if self.index[axis] < self.shape[axis] {
                return;
            }
            for n in 0..N {
                self.at[n] -= self.strides[n][axis] * self.shape[axis];
            }
            self.index[axis] = 0;
        }
        self.done = true;
    }
}

/// Calls `f` with the flat index into each operand for every element of `out`, in row-major order.
pub fn for_each_index<const N: usize>(out: &[usize], strides: &[Vec<usize>; N], mut f: impl FnMut([usize; N])) {
    let walk = Walk { shape: out, strides, index: vec![0; out.len()], at: [0; N], done: out.contains(&0) };
    for at in walk {
        f(at);
    }
}

/// How two operands are read along the last axis: the shape of the others, with the extent and the steps of the last.
struct Lanes {
    shape: Vec<usize>,
    outer: [Vec<usize>; 2],
    extent: usize,
    steps: [usize; 2],
}

fn lanes(a: &Tensor, b: &Tensor) -> Result<Lanes> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    element_count(&shape)?;
    if a.shape() == b.shape() {
        return Ok(Lanes { extent: a.len(), shape, outer: [Vec::new(), Vec::new()], steps: [1, 1] });
    }
    let mut outer = [broadcast_strides(a.shape(), &shape), broadcast_strides(b.shape(), &shape)];
    let steps = [outer[0].pop().unwrap_or(0), outer[1].pop().unwrap_or(0)];
    Ok(Lanes { extent: shape.last().copied().unwrap_or(1), shape, outer, steps })
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
    let Lanes { shape, outer, extent, steps } = lanes(a, b)?;
    let mut out = Vec::with_capacity(element_count(&shape)?);
    for_each_index(&shape[..outer[0].len()], &outer, |[i, j]| {
        let (mut i, mut j) = (i, j);
        for _ in 0..extent {
            out.push(f(x[i], y[j]));
            i += steps[0];
            j += steps[1];
        }
    });
    Tensor::from_vec(shape, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_shapes_broadcasts_as_index_arithmetic_says() {
        let shapes: [&[usize]; 9] = [&[], &[1], &[3], &[2, 3], &[2, 1], &[1, 3], &[4, 1, 3], &[4, 2, 1], &[0, 3]];
        let tensor = |s: &[usize], from: i64| {
            Tensor::from_vec(s, (from..).take(s.iter().product()).collect::<Vec<i64>>()).unwrap()
        };
        for p in shapes {
            for q in shapes {
                let (a, b) = (tensor(p, 0), tensor(q, 100));
                let Ok(shape) = broadcast_shape(p, q) else {
                    assert!(broadcast_map::<i64, i64, i64>(&a, &b, |x, _| x).is_err(), "{p:?} {q:?}");
                    continue;
                };
                let got = broadcast_map::<i64, i64, i64>(&a, &b, |x, y| 1000 * x + y).unwrap();
                let (s, t) = (broadcast_strides(p, &shape), broadcast_strides(q, &shape));
                let count: usize = shape.iter().product();
                let want = (0..count).map(|mut flat| {
                    let (mut i, mut j) = (0, 0);
                    for axis in (0..shape.len()).rev() {
                        i += flat % shape[axis] * s[axis];
                        j += flat % shape[axis] * t[axis];
                        flat /= shape[axis];
                    }
                    1000 * i as i64 + 100 + j as i64
                });
                assert_eq!(got, Tensor::from_vec(shape.as_slice(), want.collect::<Vec<_>>()).unwrap(), "{p:?} {q:?}");
            }
        }
    }
}
