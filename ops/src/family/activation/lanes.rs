//! The groups of elements that the softmax operators normalise.

use crate::{DType, Fact, Node, Result, Rows, Tensor, fact::Facts, numeric::Element, operator::axis_index, rows};

/// Which elements form a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// The axis, or the first of the axes.
    pub axis: i64,
    /// Whether a group spans all axes from that one on, as before version 13.
    pub flattened: bool,
}

impl Lanes {
    /// Reads `axis`, whose default and meaning changed in version 13.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when the attribute is no integer.
    pub(super) fn parse(node: &Node<'_>) -> Result<Self> {
        let flattened = node.since < 13;
        Ok(Self { axis: node.attributes.int_or("axis", if flattened { 1 } else { -1 })?, flattened })
    }

    /// The axes of one group, for a tensor of this rank.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) when the axis is out of range.
    pub fn axes(&self, rank: usize) -> Result<std::ops::Range<usize>> {
        // The flattened form allows the axis after the last one, and a scalar counts as one element of rank 1.
        if self.flattened && usize::try_from(self.axis).is_ok_and(|a| a == rank) {
            return Ok(rank..rank);
        }
        if rank == 0 && (-1..=1).contains(&self.axis) {
            return Ok(0..0);
        }
        let first = axis_index(self.axis, rank)?;
        Ok(first..if self.flattened { rank } else { first + 1 })
    }

    pub(super) fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: usize) -> Vec<Rows> {
        let axes = inputs.get(0).and_then(Fact::shape).and_then(|s| self.axes(s.len()).ok());
        axes.map_or_else(|| rows::opaque(rows, outputs), |a| rows::along(rows, &a.collect::<Vec<_>>(), outputs))
    }
}

/// Applies `single` or `double` to each group of a floating-point tensor; narrow floats go through `f32` and round at
/// the end.
///
/// # Errors
/// `Invalid` for an axis out of range, `Unsupported` for a type that is no float.
pub(super) fn map_lanes(
    x: &Tensor,
    lanes: Lanes,
    single: impl Fn(&mut [f32]),
    double: impl Fn(&mut [f64]),
) -> Result<Tensor> {
    let axes = lanes.axes(x.rank())?;
    let shape = x.shape();
    let inner: usize = shape[axes.end..].iter().product();
    let length: usize = shape[axes.clone()].iter().product();
    if x.dtype() == DType::F64 {
        let mut out = x.as_slice::<f64>()?.to_vec();
        each_lane(&mut out, length, inner, double);
        return Tensor::from_vec(shape, out);
    }
    let mut out = x.widen()?.as_slice::<f32>()?.to_vec();
    each_lane(&mut out, length, inner, single);
    Tensor::from_vec(shape, out)?.narrow(x.dtype())
}

/// Gathers each group, maps it and scatters it back.
fn each_lane<T: Element>(values: &mut [T], length: usize, inner: usize, f: impl Fn(&mut [T])) {
    if values.is_empty() {
        return;
    }
    let mut lane = vec![T::default(); length];
    for block in values.chunks_exact_mut(length * inner) {
        for offset in 0..inner {
            for (i, v) in lane.iter_mut().enumerate() {
                *v = block[offset + i * inner];
            }
            f(&mut lane);
            for (i, v) in lane.iter().enumerate() {
                block[offset + i * inner] = *v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_both_forms() {
        for (axis, flattened, rank, want) in [
            (-1, false, 3, Some(2..3)),
            (0, false, 3, Some(0..1)),
            (3, false, 3, None),
            (1, true, 3, Some(1..3)),
            (-2, true, 3, Some(1..3)),
            (1, true, 1, Some(1..1)),
            (-1, false, 0, Some(0..0)),
        ] {
            assert_eq!(
                Lanes { axis, flattened }.axes(rank).ok(),
                want,
                "axis {axis}, flattened {flattened}, rank {rank}"
            );
        }
    }
}
