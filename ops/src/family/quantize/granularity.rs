//! Which scale and zero point belong to which element.

use crate::{DType, Error, Node, Result, Tensor, numeric::with_number, operator::axis_index};

/// How scales and zero points are spread over a tensor: one for all, one for each index of an axis, or one for each
/// block of indices of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granularity {
    /// The axis; not used when there is one scale for all.
    pub axis: i64,
    /// Indices that share a scale in blocked quantisation; 0 when it is not blocked.
    pub block_size: usize,
}

/// For each flat element the flat index of its parameter is `outer * steps * inner + step * inner + rest` with these.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    length: usize,
    inner: usize,
    block: usize,
    steps: usize,
    /// Whether the parameter also varies along the other axes.
    full: bool,
}

impl Granularity {
    pub(crate) fn parse(node: &Node<'_>) -> Result<Self> {
        let block = node.attributes.int_or("block_size", 0)?;
        let block_size = usize::try_from(block)
            .map_err(|_| Error::invalid(format!("attribute 'block_size' is {block}; it must not be negative")))?;
        Ok(Self { axis: node.attributes.int_or("axis", 1)?, block_size })
    }

    /// How parameters of shape `scale` lie over a tensor of shape `x`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they do not fit.
    pub(crate) fn spread(&self, x: &[usize], scale: &[usize]) -> Result<Spread> {
        let refuse =
            || Error::invalid(format!("a scale of shape {scale:?} does not fit an input of shape {x:?}, {self:?}"));
        if scale.iter().product::<usize>() == 1 && scale.len() <= 1 {
            return Ok(Spread { length: 1, inner: 1, block: 1, steps: 1, full: false });
        }
        let axis = axis_index(self.axis, x.len())?;
        let (length, inner) = (x[axis], x[axis + 1..].iter().product());
        if self.block_size == 0 {
            let fits = scale == [length];
            return if fits {
                Ok(Spread { length, inner, block: 1, steps: length, full: false })
            } else {
                Err(refuse())
            };
        }
        let steps = length.div_ceil(self.block_size);
        let fits = scale.len() == x.len()
            && x.iter().zip(scale).enumerate().all(|(i, (d, s))| *s == if i == axis { steps } else { *d });
        if !fits {
            return Err(refuse());
        }
        Ok(Spread { length, inner, block: self.block_size, steps, full: true })
    }
}

impl Spread {
    /// The parameter of flat element `i`.
    pub(crate) fn at(&self, i: usize) -> usize {
        let (rest, i) = (i % self.inner, i / self.inner);
        let (position, outer) = (i % self.length, i / self.length);
        let step = position / self.block;
        if self.full { (outer * self.steps + step) * self.inner + rest } else { step % self.steps }
    }
}

/// The elements as `f32`: exact for narrow floats and small integers.
pub(crate) fn singles(x: &Tensor) -> Result<Vec<f32>> {
    use crate::numeric::Number;
    let x = x.widen()?;
    with_number!(x.dtype(), T => Ok(x.as_slice::<T>()?.iter().map(|v| Number::to_f64(*v) as f32).collect()))
}

/// The zero points as integers, `count` zeros where there are none.
pub(crate) fn zero_points(zero: Option<&Tensor>, scale: &Tensor) -> Result<Vec<i64>> {
    match zero {
        None => Ok(vec![0; scale.len()]),
        Some(z) if z.len() == scale.len() => z.to_i64_vec(),
        Some(z) => Err(Error::invalid(format!(
            "zero points of shape {:?} for scales of shape {:?}; they must be alike",
            z.shape(),
            scale.shape()
        ))),
    }
}

/// The least and greatest number of an integer type that quantised values take.
///
/// # Errors
/// [`Error::Unsupported`] for other types.
pub(crate) fn bounds(dtype: DType) -> Result<(i64, i64)> {
    match dtype {
        DType::I8 => Ok((-128, 127)),
        DType::U8 => Ok((0, 255)),
        DType::I16 => Ok((-32_768, 32_767)),
        DType::U16 => Ok((0, 65_535)),
        DType::I4 => Ok((-8, 7)),
        DType::U4 => Ok((0, 15)),
        DType::I2 => Ok((-2, 1)),
        DType::U2 => Ok((0, 3)),
        other => {
            Err(Error::unsupported(format!("quantising to {other}; integers and floats of up to 16 and 8 bits are")))
        }
    }
}

/// A quotient rounded to the nearest integer (halves to the even one), moved by the zero point and saturated.
pub(crate) fn saturate(quotient: f64, zero: i64, (least, greatest): (i64, i64)) -> i64 {
    // A NaN becomes the zero point; `as` saturates, so the sum is kept from overflowing first.
    let rounded = quotient.round_ties_even().clamp(-1e15, 1e15) as i64;
    (rounded + zero).clamp(least, greatest)
}

/// A tensor of a quantised type from integers within its bounds.
pub(crate) fn integers(dtype: DType, shape: &[usize], values: impl Iterator<Item = i64>) -> Result<Tensor> {
    Tensor::from_vec(shape, values.collect::<Vec<i64>>())?.cast(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_by_tensor_axis_and_block() {
        let all = |axis, block_size, x: &[usize], scale: &[usize]| {
            let spread = Granularity { axis, block_size }.spread(x, scale).ok()?;
            Some((0..x.iter().product()).map(|i| spread.at(i)).collect::<Vec<_>>())
        };
        assert_eq!(all(1, 0, &[2, 3], &[]), Some(vec![0; 6]));
        assert_eq!(all(1, 0, &[2, 3], &[3]), Some(vec![0, 1, 2, 0, 1, 2]));
        assert_eq!(all(-2, 0, &[2, 3], &[2]), Some(vec![0, 0, 0, 1, 1, 1]));
        assert_eq!(all(1, 2, &[2, 3], &[2, 2]), Some(vec![0, 0, 1, 2, 2, 3]));
        assert_eq!(all(0, 2, &[3, 2], &[2, 2]), Some(vec![0, 1, 0, 1, 2, 3]));
        for (axis, block, scale) in [(1, 0, &[2][..]), (2, 0, &[3]), (1, 2, &[2, 3]), (1, 0, &[2, 3])] {
            assert_eq!(all(axis, block, &[2, 3], scale), None, "axis {axis}, block {block}, {scale:?}");
        }
    }

    #[test]
    fn halves_go_to_even_before_the_zero_point() {
        assert_eq!(saturate(2.5, 113, (0, 255)), 115);
        assert_eq!(saturate(f64::INFINITY, -3, (-128, 127)), 127);
        assert_eq!(saturate(f64::NAN, 7, (-128, 127)), 7);
    }
}
