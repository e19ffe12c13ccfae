//! Domains: the values that an element of a row can have, and the code of each.

use crate::{Error, ErrorKind, Result, bits::each_bits};
use hashbrown::HashMap;
use hologram_ops::{DType, Tensor, forest::Precision};

/// The values of one element.
#[derive(Debug, Clone)]
pub enum Domain {
    /// Some values of a type; a value's code is its position. All NaNs are one value; both zeros are two.
    Values(Values),
    /// All numbers, told apart by bounds.
    Bounds(Bounds),
    /// Everything, which makes no difference.
    Any,
}

/// Values with their positions.
#[derive(Debug, Clone)]
pub struct Values {
    list: Tensor,
    codes: Codes,
}

#[derive(Debug, Clone)]
enum Codes {
    Bits(HashMap<u64, u32>),
    Text(HashMap<Box<str>, u32>),
}

/// Bounds, ascending. A number's code is how many of them it exceeds once it is rounded to their width; NaN has the last.
#[derive(Debug, Clone)]
pub struct Bounds {
    wide: Vec<f64>,
    /// The same in f32, where that is their width.
    narrow: Option<Vec<f32>>,
}

impl Domain {
    /// The domain of these values, a tensor of rank one.
    ///
    /// # Errors
    /// `Invalid` for no value, a value given twice, or another rank; `Unsupported` for a type that columns do not hold.
    pub fn values(list: Tensor) -> Result<Self> {
        if list.rank() != 1 || list.is_empty() {
            return Err(Error::invalid(format!("a domain of shape {:?}: list at least one value", list.shape())));
        }
        let mut codes = match list.dtype() {
            DType::String => Codes::Text(HashMap::new()),
            _ => Codes::Bits(HashMap::new()),
        };
        let twice = |i: u32| Error::invalid(format!("value {i} of a domain is there already: list each once"));
        match &mut codes {
            Codes::Text(map) => {
                for (i, text) in (0..).zip(list.as_strings()?.iter().flatten()) {
                    if map.insert(text.into(), i).is_some() {
                        return Err(twice(i));
                    }
                }
            }
            Codes::Bits(map) => {
                let mut again = None;
                let mut next = 0;
                each_bits(&list, |bits| {
                    if map.insert(bits, next).is_some() {
                        again = Some(next);
                    }
                    next += 1;
                })?;
                if let Some(i) = again {
                    return Err(twice(i));
                }
            }
        }
        Ok(Self::Values(Values { list, codes }))
    }

    /// The domain of all numbers, told apart by bounds: f32 or f64, strictly ascending, none of them NaN. Numbers are
    /// rounded to the bounds' type before they are compared.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn bounds(list: &Tensor) -> Result<Self> {
        let (wide, narrow) = match list.dtype() {
            DType::F32 => {
                let narrow = list.as_slice::<f32>()?.to_vec();
                (narrow.iter().map(|x| f64::from(*x)).collect(), Some(narrow))
            }
            DType::F64 => (list.as_slice::<f64>()?.to_vec(), None),
            other => return Err(Error::invalid(format!("bounds of {other}: they are f32 or f64"))),
        };
        if list.rank() != 1 || wide.iter().any(|x| x.is_nan()) || !wide.is_sorted_by(|a, b| a < b) {
            return Err(Error::invalid("bounds that do not ascend"));
        }
        Ok(Self::Bounds(Bounds { wide, narrow }))
    }

    /// The number of codes.
    pub fn cardinality(&self) -> usize {
        match self {
            Self::Values(values) => values.list.len(),
            Self::Bounds(bounds) => bounds.wide.len() + 2,
            Self::Any => 1,
        }
    }

    /// The values, where it is a list of them.
    pub fn as_values(&self) -> Option<&Tensor> {
        match self {
            Self::Values(values) => Some(&values.list),
            _ => None,
        }
    }

    /// The bounds, where it has some, and the width that numbers are compared in.
    pub fn as_bounds(&self) -> Option<(&[f64], Precision)> {
        match self {
            Self::Bounds(Bounds { wide, narrow }) => {
                Some((wide, if narrow.is_some() { Precision::F32 } else { Precision::F64 }))
            }
            _ => None,
        }
    }

    /// Whether elements of a type may lie in it.
    pub(super) fn fits(&self, dtype: DType) -> bool {
        match self {
            Self::Values(values) => values.list.dtype() == dtype,
            Self::Bounds(_) => matches!(dtype, DType::F32 | DType::F64),
            Self::Any => true,
        }
    }

    /// One element for each code, in their order: what is run to fill a table. A code that no element of this type has
    /// gets one of a neighbour.
    ///
    /// # Errors
    /// `Unsupported` where elements of this type have no bounds.
    pub fn representatives(&self, dtype: DType) -> Result<Tensor> {
        match (self, dtype) {
            (Self::Values(values), _) => Ok(values.list.clone()),
            (Self::Any, DType::String) => Ok(Tensor::from_string_iter([1], [""])?),
            (Self::Any, _) => Ok(Tensor::zeros(dtype, [1])?),
            (Self::Bounds(bounds), DType::F32) => {
                // The greatest f32 that is not above the bound.
                let below = |bound: f64| {
                    let near = bound as f32;
                    if f64::from(near) > bound { near.next_down() } else { near }
                };
                let all = bounds.wide.iter().map(|bound| below(*bound)).chain([f32::INFINITY, f32::NAN]);
                Ok(Tensor::from_vec([self.cardinality()], all.collect())?)
            }
            (Self::Bounds(bounds), DType::F64) => {
                let all = bounds.wide.iter().copied().chain([f64::INFINITY, f64::NAN]);
                Ok(Tensor::from_vec([self.cardinality()], all.collect())?)
            }
            (Self::Bounds(_), other) => {
                Err(Error::new(ErrorKind::Unsupported, format!("bounds for elements of {other}")))
            }
        }
    }

    /// Calls with the code of each element, in order; `None` for one outside.
    ///
    /// # Errors
    /// `Unsupported` for elements of a type that columns do not hold.
    pub fn each_code(&self, elements: &Tensor, mut each: impl FnMut(Option<u32>)) -> Result<()> {
        match self {
            Self::Values(Values { codes: Codes::Text(codes), .. }) => {
                elements.as_strings()?.iter().for_each(|text| each(text.and_then(|t| codes.get(t).copied())));
                Ok(())
            }
            Self::Values(Values { codes: Codes::Bits(codes), .. }) => {
                each_bits(elements, |bits| each(codes.get(&bits).copied()))
            }
            Self::Bounds(bounds) => match elements.dtype() {
                DType::F32 => {
                    elements.as_slice::<f32>()?.iter().for_each(|x| each(Some(bounds.code(*x))));
                    Ok(())
                }
                _ => {
                    elements.as_slice::<f64>()?.iter().for_each(|x| each(Some(bounds.code(*x))));
                    Ok(())
                }
            },
            Self::Any => {
                (0..elements.len()).for_each(|_| each(Some(0)));
                Ok(())
            }
        }
    }
}

/// A float that has a place among bounds.
pub(crate) trait Bounded: Copy {
    fn narrow(self) -> f32;
    fn wide(self) -> f64;
}

impl Bounded for f32 {
    fn narrow(self) -> f32 {
        self
    }
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Bounded for f64 {
    fn narrow(self) -> f32 {
        self as f32
    }
    fn wide(self) -> f64 {
        self
    }
}

impl Bounds {
    /// A number's code.
    pub(crate) fn code<T: Bounded>(&self, x: T) -> u32 {
        match &self.narrow {
            Some(narrow) => place(narrow, x.narrow(), x.wide().is_nan()),
            None => place(&self.wide, x.wide(), x.wide().is_nan()),
        }
    }
}

/// How many bounds a number exceeds; one more than all of them for NaN.
fn place<T: Copy + PartialOrd>(bounds: &[T], x: T, is_nan: bool) -> u32 {
    /// So many bounds are counted sooner than searched.
    const COUNTED_MAX: usize = 16;
    let above = if bounds.len() <= COUNTED_MAX {
        bounds.iter().map(|bound| u32::from(x > *bound)).sum()
    } else {
        bounds.partition_point(|bound| x > *bound) as u32
    };
    if is_nan { bounds.len() as u32 + 1 } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(domain: &Domain, elements: &Tensor) -> Vec<Option<u32>> {
        let mut all = Vec::new();
        domain.each_code(elements, |code| all.push(code)).unwrap();
        all
    }

    #[test]
    fn values_have_their_positions_and_others_none() {
        let numbers = Domain::values(Tensor::from_vec([4], vec![2.0_f32, 0.0, f32::NAN, -1.0]).unwrap()).unwrap();
        let other_nan = f32::from_bits(0xFFC0_0001);
        let given = Tensor::from_vec([6], vec![-1.0_f32, 0.0, -0.0, other_nan, 2.0, 3.0]).unwrap();
        assert_eq!(codes(&numbers, &given), [Some(3), Some(1), None, Some(2), Some(0), None]);
        let texts = Domain::values(Tensor::from_string_iter([2], ["b", "a"]).unwrap()).unwrap();
        let given = Tensor::from_string_iter([3], ["a", "", "b"]).unwrap();
        assert_eq!(codes(&texts, &given), [Some(1), None, Some(0)]);
        assert!(Domain::values(Tensor::from_vec([2], vec![1_i8, 1]).unwrap()).is_err());
        assert!(Domain::values(Tensor::from_vec([0], Vec::<i8>::new()).unwrap()).is_err());
        assert!(Domain::values(Tensor::from_vec([1, 1], vec![1_i8]).unwrap()).is_err());
    }

    #[test]
    fn bounds_belong_to_what_lies_below_them() {
        for count in [0, 1, 3, 40] {
            let bounds: Vec<f32> = (0..count).map(|i| i as f32).collect();
            let domain = Domain::bounds(&Tensor::from_vec([bounds.len()], bounds.clone()).unwrap()).unwrap();
            assert_eq!(domain.cardinality(), count + 2);
            let mut given: Vec<f32> = bounds.iter().flat_map(|b| [b.next_down(), *b, b.next_up()]).collect();
            given.extend([f32::NEG_INFINITY, f32::INFINITY, -0.0, f32::NAN]);
            let expected: Vec<Option<u32>> = given
                .iter()
                .map(|x| match x.is_nan() {
                    true => Some(count as u32 + 1),
                    false => Some(bounds.iter().filter(|b| x > *b).count() as u32),
                })
                .collect();
            let narrow = Tensor::from_vec([given.len()], given.clone()).unwrap();
            assert_eq!(codes(&domain, &narrow), expected, "{count} bounds");
            let wide = given.iter().map(|x| f64::from(*x)).collect();
            assert_eq!(codes(&domain, &Tensor::from_vec([given.len()], wide).unwrap()), expected);
            // Each code has an element that gets it.
            for dtype in [DType::F32, DType::F64] {
                let own = codes(&domain, &domain.representatives(dtype).unwrap());
                assert!(own.into_iter().eq((0..count as u32 + 2).map(Some)), "{dtype}");
            }
        }
        // What is rounded to a bound is not above it.
        let domain = Domain::bounds(&Tensor::from_vec([1], vec![1.0_f32]).unwrap()).unwrap();
        let given = Tensor::from_vec([2], vec![1.0_f64.next_up(), 1.0 + 1e-6]).unwrap();
        assert_eq!(codes(&domain, &given), [Some(0), Some(1)]);
        for wrong in [vec![1.0_f32, 1.0], vec![2.0, 1.0], vec![f32::NAN]] {
            assert!(Domain::bounds(&Tensor::from_vec([wrong.len()], wrong).unwrap()).is_err());
        }
    }
}
