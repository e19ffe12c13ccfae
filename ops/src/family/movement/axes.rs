//! Axes that are an attribute in older operator sets and an input in newer ones.

use crate::{DType, Error, Inputs, Node, Result, Tensor, fact::Facts, operator::axis_index};

/// Where a list of axes comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axes {
    /// The `axes` attribute; `None` when it is not given.
    Attribute(Option<Vec<i64>>),
    /// The input of this index, which may be absent.
    Input(usize),
}

impl Axes {
    /// Reads the attribute when the row's meaning began before `input_since`; from then on axes are input 1.
    pub(crate) fn parse(node: &Node<'_>, input_since: u32) -> Result<Self> {
        if node.since >= input_since { Ok(Self::Input(1)) } else { Ok(Self::Attribute(node.attributes.ints("axes")?)) }
    }

    /// The axes of a run; `None` when they are not given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the input does not hold integers.
    pub fn of(&self, inputs: Inputs<'_>) -> Result<Option<Vec<i64>>> {
        match self {
            Self::Attribute(a) => Ok(a.clone()),
            Self::Input(i) => inputs.ints(*i),
        }
    }

    /// The axes as far as they are known before a run: `None` when they are not, `Some(None)` when none are given.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the input does not hold integers.
    pub fn known(&self, inputs: Facts<'_>) -> Result<Option<Option<Vec<i64>>>> {
        match self {
            Self::Attribute(a) => Ok(Some(a.clone())),
            Self::Input(i) if inputs.get(*i).is_none() => Ok(Some(None)),
            Self::Input(i) => Ok(inputs.ints(*i)?.map(Some)),
        }
    }
}

/// Axes as indices for this rank, in the order given.
///
/// # Errors
/// [`Error::Invalid`] when one is out of range or stands twice.
pub(crate) fn resolve(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(axes.len());
    for a in axes {
        let at = axis_index(*a, rank)?;
        if found.contains(&at) {
            return Err(Error::invalid(format!("axis {a} stands twice")));
        }
        found.push(at);
    }
    Ok(found)
}

/// The integers of input `i`, which old operators take in the type of their data, so that they may be floats.
///
/// # Errors
/// [`Error::Invalid`] when it does not hold whole numbers.
pub(crate) fn whole(tensor: &Tensor, i: usize) -> Result<Vec<i64>> {
    let integers = if tensor.dtype().is_float() { tensor.cast(DType::I64)? } else { tensor.clone() };
    if integers.cast(tensor.dtype())? != *tensor {
        return Err(Error::invalid(format!("input {i} does not hold whole numbers")));
    }
    integers.to_i64_vec().map_err(|e| e.at(format!("input {i}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::movement::trial::f32s;

    #[test]
    fn whole_numbers_may_be_floats() {
        assert_eq!(whole(&f32s(&[2], &[2.0, -3.0]), 1), Ok(vec![2, -3]));
        for bad in [f32s(&[1], &[1.5]), f32s(&[1], &[f32::NAN]), Tensor::from_string_iter([1], ["1"]).unwrap()] {
            assert!(whole(&bad, 1).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn resolves_negative_axes_once() {
        assert_eq!(resolve(&[-1, 0], 3), Ok(vec![2, 0]));
        assert!(resolve(&[-1, 2], 3).is_err());
        assert!(resolve(&[3], 3).is_err());
    }
}
