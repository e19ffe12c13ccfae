//! [Reshape](https://onnx.ai/onnx/operators/onnx__Reshape.html): the same elements under another shape.

use super::flow;
use crate::{
    Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, tensor::element_count,
};
use std::sync::Arc;

/// Gives the elements of input 0 the shape that input 1 tells: -1 is what is left over, 0 copies the input's dimension.
#[derive(Debug)]
pub struct Reshape {
    /// The shape as an attribute, before version 5; input 1 since.
    pub fixed: Option<Vec<i64>>,
    /// Whether a 0 means an empty dimension (from version 14).
    pub allow_zero: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let fixed = if node.since < 5 { Some(a.required("shape", crate::Attributes::ints)?) } else { None };
    Ok(Arc::new(Reshape { fixed, allow_zero: a.flag_or("allowzero", false)? }))
}

impl Reshape {
    /// The output shape for an input of this shape.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the elements do not fit.
    pub fn shape(&self, from: &[usize], target: &[i64]) -> Result<Vec<usize>> {
        let wrong = |why: &str| Error::invalid(format!("a tensor of shape {from:?} cannot become {target:?}{why}"));
        let mut rest = None;
        let mut shape = Vec::with_capacity(target.len());
        for (i, t) in target.iter().enumerate() {
            shape.push(match *t {
                -1 if rest.replace(i).is_some() => return Err(wrong(": -1 stands twice")),
                -1 => 1,
                0 if !self.allow_zero => *from.get(i).ok_or_else(|| wrong(": 0 beyond the input's rank"))?,
                n => usize::try_from(n).map_err(|_| wrong(": a negative size"))?,
            });
        }
        let (have, filled) = (element_count(from)?, element_count(&shape)?);
        if let Some(i) = rest {
            if self.allow_zero && target.contains(&0) {
                return Err(wrong(": -1 beside 0 with allowzero"));
            }
            // Dimensions that are copied say nothing of what is left over, also when one is 0: no rows are rows still.
            let copied = |j: &usize| target.get(*j) == Some(&0) && !self.allow_zero;
            let kept: Vec<usize> = (0..from.len()).filter(|j| !copied(j)).map(|j| from[j]).collect();
            let told: Vec<usize> = (0..shape.len()).filter(|j| !copied(j)).map(|j| shape[j]).collect();
            let (have_kept, told) = (element_count(&kept)?, element_count(&told)?);
            shape[i] = match have_kept.checked_rem(told) {
                Some(0) => have_kept / told,
                _ if have == 0 => 0,
                _ => return Err(wrong("")),
            };
        } else if have != filled {
            return Err(wrong(""));
        }
        Ok(shape)
    }

    fn dims(&self, from: Option<&[Dim]>, target: Vec<Dim>, open: Vec<bool>) -> Vec<Dim> {
        let mut out = target;
        for (i, d) in out.iter_mut().enumerate() {
            if *d == Dim::Known(0) && !self.allow_zero {
                *d = from.and_then(|f| f.get(i).cloned()).unwrap_or(Dim::Unknown);
            }
        }
        let open: Vec<usize> = (0..out.len()).filter(|i| open[*i]).collect();
        if let (Some(from), [i]) = (from, open.as_slice()) {
            out[*i] = left_over(from, out.iter().enumerate().filter(|(j, _)| j != i).map(|(_, d)| d));
        }
        out
    }
}

/// The dimension that makes the products equal, with equal symbols cancelled.
fn left_over<'a>(from: &[Dim], others: impl Iterator<Item = &'a Dim>) -> Dim {
    let (mut have, mut symbols) = (1usize, Vec::new());
    for d in from {
        match d {
            Dim::Known(n) => have = have.saturating_mul(*n),
            Dim::Symbol(_) => symbols.push(d),
            Dim::Unknown => return Dim::Unknown,
        }
    }
    let mut filled = 1usize;
    for d in others {
        match d {
            Dim::Known(n) => filled = filled.saturating_mul(*n),
            Dim::Symbol(_) => match symbols.iter().position(|s| *s == d) {
                Some(i) => drop(symbols.remove(i)),
                None => return Dim::Unknown,
            },
            Dim::Unknown => return Dim::Unknown,
        }
    }
    match symbols.as_slice() {
        [] if filled > 0 && have % filled == 0 => Dim::Known(have / filled),
        [one] if filled > 0 && have == filled => (*one).clone(),
        _ => Dim::Unknown,
    }
}

impl Operator for Reshape {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let from = inputs.shape(0)?;
        let target = match &self.fixed {
            Some(target) => Some(target.clone()),
            None => inputs.ints(1)?.or_else(|| sizes_of(inputs.get(1)?.dims.as_ref()?)),
        };
        if let (Some(known), Some(target)) = (inputs.required(0)?.known_shape(), &target) {
            return Ok(vec![with_dims(Fact::shaped(dtype, self.shape(&known, target)?), inputs)]);
        }
        let shape = if let Some(target) = target {
            let open = target.iter().map(|n| *n == -1).collect();
            let size = |n: &i64| usize::try_from(*n).map_or(Dim::Unknown, Dim::Known);
            Some(self.dims(from, target.iter().map(size).collect(), open))
        } else {
            match &inputs.required(1)?.dims {
                // An unknown size may also be a -1; either way the count of elements tells a single one.
                Some(target) => {
                    let open = target.iter().map(|d| *d == Dim::Unknown).collect();
                    Some(self.dims(from, target.clone(), open))
                }
                None => inputs
                    .shape(1)?
                    .and_then(|s| if let [n] = s { n.known() } else { None })
                    .filter(|r| *r <= 64)
                    .map(|rank| vec![Dim::Unknown; rank]),
            }
        };
        Ok(vec![with_dims(Fact::tensor(dtype, shape), inputs)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let data: &Tensor = inputs.tensor(0)?;
        let target = match &self.fixed {
            Some(target) => target.clone(),
            None => inputs.tensor(1)?.to_i64_vec().map_err(|e| e.at("input 1"))?,
        };
        Ok(vec![data.reshape(self.shape(data.shape(), &target)?)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::reshaped(rows, inputs, outputs)
    }

    fn missing(&self) -> Missing {
        Missing::Carries
    }
}

/// The integers that all these sizes are, if they are known.
fn sizes_of(dims: &[Dim]) -> Option<Vec<i64>> {
    dims.iter().map(|d| i64::try_from(d.known()?).ok()).collect()
}

/// Carries the elements of a shape-like input through when the output is of rank 0 or 1.
pub(super) fn with_dims(fact: Fact, inputs: Facts<'_>) -> Fact {
    let count = match fact.shape() {
        Some([]) => Some(Dim::Known(1)),
        Some([n]) => Some(n.clone()),
        _ => None,
    };
    let fits = |dims: &Vec<Dim>| count.is_some_and(|n| n.known().is_none_or(|n| n == dims.len()));
    let dims = inputs.get(0).and_then(|f| f.dims.clone()).filter(fits);
    Fact { dims, ..fact }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, DType, family::movement::trial::*};

    #[test]
    fn shapes_of_the_specification() {
        let zero = [("allowzero", Attribute::Int(1))];
        for (from, target, attributes, expected) in [
            (&[2usize, 3, 4][..], &[4i64, 2, 3][..], &[][..], Some(&[4usize, 2, 3][..])),
            (&[2, 3, 4], &[2, -1, 2], &[], Some(&[2, 6, 2])),
            (&[2, 3, 4], &[0, -1], &[], Some(&[2, 12])),
            (&[2, 3, 4], &[2, 0, 1, -1], &[], Some(&[2, 3, 1, 4])),
            (&[0, 3, 4], &[3, 4, 0], &zero, Some(&[3, 4, 0])),
            (&[1], &[], &[], Some(&[])),
            (&[0, 4], &[-1, 4], &[], Some(&[0, 4])),
            (&[0, 3, 4], &[0, 4, -1], &[], Some(&[0, 4, 3])),
            (&[0, 3, 4], &[0, 5, -1], &[], Some(&[0, 5, 0])),
            (&[2, 3], &[4, -1], &[], None),
            (&[2, 3], &[-1, -1], &[], None),
            (&[2, 3], &[5], &[], None),
            (&[2, 3], &[2, 3, 0], &[], None),
            (&[0, 3], &[0, -1], &zero, None),
        ] {
            let x = Tensor::zeros(DType::U8, from).unwrap();
            let got = run("Reshape", 14, attributes, &[x, i64s(&[target.len()], target)]);
            assert_eq!(got.ok().map(|t| t.shape().to_vec()).as_deref(), expected, "{from:?} -> {target:?}");
        }
    }

    #[test]
    fn the_shape_is_an_attribute_before_version_5() {
        let x = i64s(&[2, 3], &[0, 1, 2, 3, 4, 5]);
        let shape = [("shape", Attribute::Ints(vec![0, -1, 1]))];
        let want = i64s(&[2, 3, 1], &[0, 1, 2, 3, 4, 5]);
        assert_eq!(run("Reshape", 4, &shape, &[x.clone()]).unwrap(), want);
        let n = Fact::shaped(DType::F32, [Dim::symbol("N"), Dim::Known(3)]);
        let out = infer("Reshape", 4, &shape, &[n]).unwrap();
        assert_eq!(out[0].shape(), Some(&[Dim::symbol("N"), Dim::Known(3), Dim::Known(1)][..]));
        assert!(run("Reshape", 4, &[], &[x.clone()]).is_err(), "no shape");
        assert!(run("Reshape", 4, &[("shape", Attribute::Ints(vec![4, -1]))], &[x]).is_err(), "no such shape");
    }

    #[test]
    fn elements_that_are_known_as_sizes_are_counted_and_carried() {
        let one = Fact { dims: Some(vec![Dim::Unknown]), ..Fact::shaped(DType::I64, [1usize]) };
        let target = |n| Fact { dims: Some(vec![Dim::Known(n)]), ..Fact::shaped(DType::I64, [1usize]) };
        assert!(infer("Reshape", 14, &[], &[one.clone(), target(1 << 32)]).is_err(), "one element is not so many");
        assert_eq!(infer("Reshape", 14, &[], &[one.clone(), target(1)]).unwrap(), [one.clone()]);
        // A target that is no list has another number of elements than its first extent.
        let cube = Fact::shaped(DType::I64, [3usize, 0, 2]);
        assert_eq!(infer("Reshape", 14, &[], &[one, cube]).unwrap()[0].shape(), None);
    }

    #[test]
    fn symbols_survive_and_rows_with_them() {
        let (n, k) = (Dim::symbol("N"), Dim::Known);
        let x = Fact::shaped(DType::F32, [n.clone(), k(3), k(4)]);
        for (target, expected, rows) in [
            (Fact::constant(i64s(&[2], &[-1, 12])), vec![n.clone(), k(12)], Rows::Axis(0)),
            (Fact::constant(i64s(&[3], &[0, 4, -1])), vec![n.clone(), k(4), k(3)], Rows::Axis(0)),
            (Fact::constant(i64s(&[2], &[-1, 6])), vec![Dim::Unknown, k(6)], Rows::Mixed),
            (
                Fact { dims: Some(vec![n.clone(), Dim::Unknown]), ..Fact::shaped(DType::I64, [2]) },
                vec![n.clone(), k(12)],
                Rows::Axis(0),
            ),
        ] {
            let out = infer("Reshape", 14, &[], &[x.clone(), target.clone()]).unwrap();
            assert_eq!(out[0].shape(), Some(expected.as_slice()));
            let facts = [Some(&x), Some(&target)];
            let got =
                Reshape { fixed: None, allow_zero: false }.rows(&[Rows::Axis(0), Rows::Extent], Facts(&facts), &out);
            assert_eq!(got, [rows]);
        }
    }
}
