//! Spaces: named axes with cardinalities, and the mixed-radix map between tuples of codes and coordinates.

use num_bigint::BigUint;

use super::Coordinate;
use crate::{Error, Result};

/// One axis of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    name: String,
    cardinality: u64,
}

impl Axis {
    /// The name, unique within its space.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of codes, at least one; codes are below it.
    pub fn cardinality(&self) -> u64 {
        self.cardinality
    }
}

/// Named axes with cardinalities. A tuple of codes is the mixed-radix number with the last axis as its lowest digit, and
/// that number is its coordinate, whatever its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    axes: Vec<Axis>,
    cardinality: BigUint,
    /// The cardinality where it fits, so that encoding stays in machine words.
    cardinality_u128: Option<u128>,
}

impl Space {
    /// The space with these axes, as (name, cardinality).
    ///
    /// # Errors
    /// [`Error::Invalid`] without an axis, for a name given twice, and for a cardinality of zero.
    pub fn new<N: Into<String>>(axes: impl IntoIterator<Item = (N, u64)>) -> Result<Self> {
        let axes: Vec<Axis> =
            axes.into_iter().map(|(name, cardinality)| Axis { name: name.into(), cardinality }).collect();
        if axes.is_empty() {
            return Err(Error::Invalid("space without an axis: give one or more".into()));
        }
        for (index, Axis { name, cardinality }) in axes.iter().enumerate() {
            if *cardinality == 0 {
                return Err(Error::Invalid(format!("axis {name:?} has no codes: its cardinality must be at least 1")));
            }
            if axes[..index].iter().any(|axis| axis.name == *name) {
                return Err(Error::Invalid(format!("axis {name:?} is given twice: name each axis once")));
            }
        }
        let cardinality = axes.iter().fold(BigUint::from(1_u32), |product, axis| product * axis.cardinality);
        let cardinality_u128 = u128::try_from(&cardinality).ok();
        Ok(Self { axes, cardinality, cardinality_u128 })
    }

    /// The axes, highest digit first.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The number of tuples: the product of the cardinalities.
    pub fn cardinality(&self) -> &BigUint {
        &self.cardinality
    }

    /// The number of tuples where it fits 64 bits; then [`Space::encode_u64`] holds for every tuple.
    pub fn cardinality_u64(&self) -> Option<u64> {
        self.cardinality_u128.and_then(|count| u64::try_from(count).ok())
    }

    /// The coordinate of a tuple.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the number of codes is not the number of axes, or a code is out of its axis.
    pub fn encode(&self, codes: &[u64]) -> Result<Coordinate> {
        self.check(codes)?;
        let digits = || self.axes.iter().zip(codes);
        Ok(match self.cardinality_u128 {
            Some(_) => digits()
                .fold(0_u128, |number, (axis, &code)| number * u128::from(axis.cardinality) + u128::from(code))
                .into(),
            None => Coordinate::from_biguint(
                &digits().fold(BigUint::ZERO, |number, (axis, &code)| number * axis.cardinality + code),
            ),
        })
    }

    /// The number of a tuple, without an allocation: an index into a dense table.
    ///
    /// # Errors
    /// As [`Space::encode`], and where the space has more than 2^64 - 1 tuples.
    #[inline]
    pub fn encode_u64(&self, codes: &[u64]) -> Result<u64> {
        if self.cardinality_u64().is_none() {
            return Err(Error::Invalid(format!("space of {} tuples: encode gives a coordinate", self.cardinality)));
        }
        self.check(codes)?;
        Ok(self.axes.iter().zip(codes).fold(0, |number, (axis, &code)| number * axis.cardinality + code))
    }

    /// The tuple at a coordinate.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the coordinate lies outside the space.
    pub fn decode(&self, at: &Coordinate) -> Result<Vec<u64>> {
        let mut codes = vec![0; self.axes.len()];
        let digits = self.axes.iter().zip(&mut codes).rev();
        let outside = match (at.to_u128(), self.cardinality_u128) {
            (Some(number), Some(_)) => {
                digits.fold(number, |rest, (axis, code)| {
                    *code = (rest % u128::from(axis.cardinality)) as u64;
                    rest / u128::from(axis.cardinality)
                }) != 0
            }
            (None, Some(_)) => true,
            (_, None) => {
                digits.fold(at.to_biguint(), |rest, (axis, code)| {
                    *code = u64::try_from(&rest % axis.cardinality).unwrap_or(0);
                    rest / axis.cardinality
                }) != BigUint::ZERO
            }
        };
        if outside {
            return Err(Error::Invalid(format!("coordinate {at} is outside a space of {} tuples", self.cardinality)));
        }
        Ok(codes)
    }

    fn check(&self, codes: &[u64]) -> Result<()> {
        if codes.len() != self.axes.len() {
            let (given, axes) = (codes.len(), self.axes.len());
            return Err(Error::Invalid(format!("{given} codes for {axes} axes: give one code an axis")));
        }
        match self.axes.iter().zip(codes).find(|(axis, code)| **code >= axis.cardinality) {
            None => Ok(()),
            Some((Axis { name, cardinality }, code)) => {
                Err(Error::Invalid(format!("code {code} on axis {name:?}: codes are below {cardinality}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_space_is_its_mixed_radix() {
        let space = Space::new([("a", 3), ("b", 1), ("c", 5)]).unwrap();
        let mut number = 0_u64;
        for a in 0..3 {
            for c in 0..5 {
                assert_eq!(space.encode_u64(&[a, 0, c]).unwrap(), number);
                assert_eq!(space.encode(&[a, 0, c]).unwrap(), Coordinate::from(number));
                assert_eq!(space.decode(&Coordinate::from(number)).unwrap(), [a, 0, c]);
                number += 1;
            }
        }
        assert_eq!(space.cardinality_u64(), Some(number));
        assert!(space.decode(&Coordinate::from(number)).is_err());
    }

    #[test]
    fn refuses_what_is_outside() {
        let space = Space::new([("a", 3), ("b", 2)]).unwrap();
        for codes in [&[3, 0][..], &[0, 2], &[u64::MAX, 0], &[0], &[0, 0, 0], &[]] {
            assert!(space.encode(codes).is_err(), "{codes:?}");
            assert!(space.encode_u64(codes).is_err(), "{codes:?}");
        }
        assert!(Space::new(Vec::<(String, u64)>::new()).is_err());
        assert!(Space::new([("a", 0)]).is_err());
        assert!(Space::new([("a", 1), ("a", 2)]).is_err());
        let wide = Space::new([("a", u64::MAX), ("b", 2)]).unwrap();
        assert!(wide.encode_u64(&[0, 0]).is_err());
    }

    #[test]
    fn an_axis_of_every_code() {
        let space = Space::new([("a", u64::MAX)]).unwrap();
        let last = space.encode(&[u64::MAX - 1]).unwrap();
        assert_eq!(last.to_u64(), Some(u64::MAX - 1));
        assert!(space.decode(&Coordinate::from(u64::MAX)).is_err());
    }
}
