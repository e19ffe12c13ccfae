//! The generator of all random operators, and what they share.

use crate::{DType, Error, Node, Result, Tensor, numeric::Element, tensor::element_count};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Numbers by their index: number `i` of a seed is SplitMix64's finaliser of `seed + (i + 1) * 0x9e3779b97f4a7c15`
/// ([Steele, Lea and Flood 2014](https://doi.org/10.1145/2714064.2660195)), so that any part of a tensor can be drawn
/// on its own and every platform draws the same.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    seed: u64,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The generator of an attribute's seed; without one a new generator that nothing predicts.
    pub(crate) fn seeded(seed: Option<u64>) -> Self {
        Self::new(seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
    }

    /// Number `i`, uniform over all 64-bit numbers.
    pub fn bits(&self, i: u64) -> u64 {
        let mut z = self.seed.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Number `i`, uniform in `0.0..1.0` with 53 bits.
    pub fn uniform(&self, i: u64) -> f64 {
        (self.bits(i) >> 11) as f64 * 2f64.powi(-53)
    }

    /// Number `i` of a normal distribution of mean 0 and deviation 1, from numbers `2 i` and `2 i + 1` (Box and Muller).
    pub fn normal(&self, i: u64) -> f64 {
        let first = i.wrapping_mul(2);
        // 1 - u is never 0, so the logarithm is finite.
        let radius = (-2.0 * libm::log(1.0 - self.uniform(first))).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform(first.wrapping_add(1)))
    }
}

/// The attribute `seed`: the bits of the float.
pub(super) fn seed(node: &Node<'_>) -> Result<Option<u64>> {
    Ok(node.attributes.float("seed")?.map(|s| u64::from(s.to_bits())))
}

/// The attribute `shape`.
pub(super) fn shape(node: &Node<'_>) -> Result<Vec<usize>> {
    let dims = node.attributes.required("shape", crate::Attributes::ints)?;
    let shape = dims
        .iter()
        .map(|d| usize::try_from(*d).map_err(|_| Error::invalid(format!("attribute 'shape' has the size {d}"))))
        .collect::<Result<Vec<usize>>>()?;
    element_count(&shape)?;
    Ok(shape)
}

/// A tensor of numbers by flat index.
///
/// # Errors
/// [`Error::Exhausted`] when memory does not hold it.
pub(super) fn fill<T: Element>(shape: &[usize], f: impl Fn(u64) -> T) -> Result<Tensor> {
    let count = element_count(shape)?;
    let mut out = Vec::new();
    out.try_reserve_exact(count).map_err(|_| Error::Exhausted(format!("a tensor of shape {shape:?}")))?;
    out.extend((0..count as u64).map(f));
    Tensor::from_vec(shape, out)
}

/// The type of the output: the attribute `dtype`, which must be a float.
pub(super) fn float_type(node: &Node<'_>) -> Result<Option<DType>> {
    let dtype = node.attributes.dtype("dtype")?;
    match dtype {
        Some(t) if !matches!(t, DType::F32 | DType::F64 | DType::F16 | DType::BF16) => {
            Err(Error::unsupported(format!("random numbers of type {t}; floating-point types are")))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_fixed_and_has_the_right_moments() {
        // The published first output of SplitMix64 from seed 0.
        assert_eq!(Generator::new(0).bits(0), 0xe220_a839_7b1d_cdaf);
        let g = Generator::new(7);
        let n = 20_000;
        let moments = |f: &dyn Fn(u64) -> f64| {
            let mean = (0..n).map(f).sum::<f64>() / n as f64;
            (mean, (0..n).map(|i| (f(i) - mean) * (f(i) - mean)).sum::<f64>() / n as f64)
        };
        let (mean, variance) = moments(&|i| g.uniform(i));
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.005, "{mean} {variance}");
        let (mean, variance) = moments(&|i| g.normal(i));
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }
}
