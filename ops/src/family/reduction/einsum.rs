//! [Einsum](https://onnx.ai/onnx/operators/onnx__Einsum.html): sums of products told by labelled axes.

use crate::{
    Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::movement::{flow, select::strides},
    numeric::{Number, with_number},
    tensor::{check_elements, element_count},
};
use std::{collections::BTreeMap, sync::Arc};

/// An axis of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// An axis that the ellipsis stands for, counted from its last one.
    Ellipsis(usize),
    /// A letter.
    Name(char),
}

/// Sums of products of labelled elements.
///
/// Order of arithmetic: for each output one chain from zero over the summed labels in row-major order of their first
/// appearance; each step multiplies the operands from the left and fuses the last product with the sum. A single operand
/// is added.
#[derive(Debug)]
pub struct Einsum {
    /// The labels of each input; `None` is the ellipsis.
    pub inputs: Vec<Vec<Option<char>>>,
    /// The labels of the output; without an arrow, those that stand once, in alphabetical order behind the ellipsis.
    pub output: Vec<Option<char>>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let equation: String = node.attributes.required("equation", crate::Attributes::string)?;
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(l, r)| (l, Some(r)));
    let inputs = left.split(',').map(|t| term(t, &equation)).collect::<Result<Vec<_>>>()?;
    if inputs.len() != node.inputs {
        return Err(Error::invalid(format!("equation '{equation}' names {} inputs of {}", inputs.len(), node.inputs)));
    }
    let output = match right {
        Some(r) => term(r, &equation)?,
        None => {
            let mut counts: BTreeMap<Option<char>, usize> = BTreeMap::new();
            inputs.iter().flatten().for_each(|l| *counts.entry(*l).or_default() += 1);
            counts.into_iter().filter(|(l, n)| l.is_none() || *n == 1).map(|(l, _)| l).collect()
        }
    };
    for (i, l) in output.iter().enumerate() {
        let known = l.is_none() || inputs.iter().any(|t| t.contains(l));
        if output[..i].contains(l) || !known {
            return Err(Error::invalid(format!(
                "equation '{equation}': a label of the output is unknown or stands twice"
            )));
        }
    }
    Ok(Arc::new(Einsum { inputs, output }))
}

fn term(text: &str, equation: &str) -> Result<Vec<Option<char>>> {
    let wrong = || Error::invalid(format!("equation '{equation}': '{text}' is no list of letters with one ellipsis"));
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            if labels.contains(&None) {
                return Err(wrong());
            }
            labels.push(None);
            rest = after;
        } else if c.is_ascii_alphabetic() {
            labels.push(Some(c));
            rest = &rest[1..];
        } else {
            return Err(wrong());
        }
    }
    Ok(labels)
}

/// Labels with the ellipsis written out for this many axes.
fn spell(labels: &[Option<char>], ellipsis: usize) -> Vec<Label> {
    labels
        .iter()
        .flat_map(|l| match l {
            Some(c) => vec![Label::Name(*c)],
            None => (0..ellipsis).rev().map(Label::Ellipsis).collect(),
        })
        .collect()
}

impl Einsum {
    /// The labels of each input and of the output for inputs of these ranks.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a rank does not fit its term.
    pub fn labels(&self, ranks: &[usize]) -> Result<(Vec<Vec<Label>>, Vec<Label>)> {
        let mut widest = 0;
        let mut terms = Vec::with_capacity(ranks.len());
        for (i, (term, rank)) in self.inputs.iter().zip(ranks).enumerate() {
            let letters = term.iter().flatten().count();
            let rest = rank.checked_sub(letters).filter(|r| *r == 0 || term.contains(&None));
            let rest = rest.ok_or_else(|| Error::invalid(format!("input {i} of rank {rank} has {letters} labels")))?;
            widest = widest.max(rest);
            terms.push(spell(term, rest));
        }
        Ok((terms, spell(&self.output, widest)))
    }

    fn product<T: Number>(&self, inputs: &[&Tensor]) -> Result<Tensor> {
        let ranks: Vec<usize> = inputs.iter().map(|t| t.rank()).collect();
        let (terms, output) = self.labels(&ranks)?;
        let mut extents: Vec<(Label, usize)> = Vec::new();
        for (i, (labels, t)) in terms.iter().zip(inputs).enumerate() {
            for (label, n) in labels.iter().zip(t.shape()) {
                match extents.iter_mut().find(|(l, _)| l == label) {
                    Some((_, e)) if *e == 1 => *e = *n,
                    Some((_, e)) if *e == *n || *n == 1 => {}
                    Some((_, e)) => {
                        return Err(Error::invalid(format!("input {i}: extent {n} of a label of extent {e}")));
                    }
                    None => extents.push((*label, *n)),
                }
            }
        }
        let extent = |l: &Label| extents.iter().find(|(k, _)| k == l).map_or(1, |(_, n)| *n);
        let summed: Vec<Label> = extents.iter().map(|(l, _)| *l).filter(|l| !output.contains(l)).collect();
        let shape: Vec<usize> = output.iter().map(extent).collect();
        let count = check_elements(&shape, Limits::default().elements)?;
        let inner: Vec<usize> = summed.iter().map(extent).collect();
        let terms_each = element_count(&inner)?;
        let all: Vec<Label> = output.iter().chain(&summed).copied().collect();
        // The step of each operand for each label: labels that stand twice step along the diagonal.
        let steps: Vec<Vec<usize>> = terms
            .iter()
            .zip(inputs)
            .map(|(labels, t)| {
                let s = strides(t.shape());
                let of = |l: &Label| {
                    (0..labels.len()).filter(|a| labels[*a] == *l && t.shape()[*a] != 1).map(|a| s[a]).sum()
                };
                all.iter().map(of).collect()
            })
            .collect();
        let extents: Vec<usize> = shape.iter().chain(&inner).copied().collect();
        let values = inputs.iter().map(|t| t.as_slice::<T>()).collect::<Result<Vec<_>>>()?;
        let mut at = vec![0usize; inputs.len()];
        let mut index = vec![0usize; all.len()];
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            let mut sum = T::ZERO;
            for _ in 0..terms_each {
                let head = values[0][at[0]];
                let last = values.len() - 1;
                sum = if last == 0 {
                    sum.add(head)
                } else {
                    let left = (1..last).fold(head, |p, i| p.mul(values[i][at[i]]));
                    left.mul_add(values[last][at[last]], sum)
                };
                advance(&mut index, &mut at, &extents, &steps);
            }
            out.push(sum);
            if terms_each == 0 {
                advance(&mut index[..shape.len()], &mut at, &shape, &steps);
            }
        }
        Tensor::from_vec(shape, out)
    }
}

/// The next index in row-major order, with each operand's position.
fn advance(index: &mut [usize], at: &mut [usize], extents: &[usize], steps: &[Vec<usize>]) {
    for a in (0..index.len()).rev() {
        index[a] += 1;
        let wraps = index[a] == extents[a];
        for (p, s) in at.iter_mut().zip(steps) {
            if wraps {
                *p -= s[a] * (extents[a] - 1);
            } else {
                *p += s[a];
            }
        }
        if !wraps {
            return;
        }
        index[a] = 0;
    }
}

impl Operator for Einsum {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        let shapes = (0..inputs.len()).map(|i| inputs.shape(i)).collect::<Result<Option<Vec<_>>>>()?;
        let Some(shapes) = shapes else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let (terms, output) = self.labels(&shapes.iter().map(|s| s.len()).collect::<Vec<_>>())?;
        let mut found: BTreeMap<Label, Dim> = BTreeMap::new();
        for (i, (labels, shape)) in terms.iter().zip(&shapes).enumerate() {
            for (l, d) in labels.iter().zip(*shape) {
                let seen = found.get(l).cloned().unwrap_or_else(|| d.clone());
                found.insert(*l, seen.broadcast(d).map_err(|e| e.at(format!("input {i}")))?);
            }
        }
        let dim = |l: &Label| found.get(l).cloned().unwrap_or(Dim::Known(1));
        Ok(vec![Fact::tensor(dtype, Some(output.iter().map(dim).collect()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let all = (0..inputs.len()).map(|i| inputs.tensor(i)).collect::<Result<Vec<_>>>()?;
        let dtype = inputs.tensor(0)?.dtype();
        if all.len() != self.inputs.len() {
            return Err(Error::invalid(format!("{} inputs where {} are expected", all.len(), self.inputs.len())));
        }
        let all = all.into_iter().map(Tensor::widen).collect::<Result<Vec<_>>>()?;
        with_number!(all[0].dtype(), T => Ok(vec![self.product::<T>(&all.iter().collect::<Vec<_>>())?.narrow(dtype)?.into()]))
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let axis = || {
            let ranks: Option<Vec<usize>> = (0..inputs.len()).map(|i| Some(inputs.get(i)?.shape()?.len())).collect();
            let (terms, output) = self.labels(&ranks?).ok()?;
            let mut row = None;
            for (labels, r) in terms.iter().zip(rows) {
                if let Rows::Axis(a) = r {
                    let label = *labels.get(*a)?;
                    if *row.get_or_insert(label) != label || labels.iter().filter(|l| **l == label).count() != 1 {
                        return None;
                    }
                }
            }
            let row = row?;
            let fits = terms.iter().zip(rows).all(|(labels, r)| match r {
                Rows::Axis(_) => true,
                Rows::Free => !labels.contains(&row),
                _ => false,
            });
            if fits { output.iter().position(|l| *l == row) } else { None }
        };
        let found = flow::shape_only(rows).unwrap_or_else(|| axis().map_or(Rows::Mixed, Rows::Axis));
        vec![found; outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    fn einsum(equation: &str, inputs: &[Tensor]) -> Result<Tensor> {
        run("Einsum", 12, &[("equation", Attribute::String(equation.into()))], inputs)
    }

    #[test]
    fn equations_of_the_specification() {
        let m = i64s(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let n = i64s(&[3, 2], &[1, 0, 2, 1, 0, 3]);
        let square = i64s(&[2, 2], &[1, 2, 3, 4]);
        for (equation, inputs, expected) in [
            ("ij->ji", vec![m.clone()], i64s(&[3, 2], &[1, 4, 2, 5, 3, 6])),
            ("ij->i", vec![m.clone()], i64s(&[2], &[6, 15])),
            ("ij", vec![m.clone()], m.clone()),
            ("ij,jk", vec![m.clone(), n.clone()], i64s(&[2, 2], &[5, 11, 14, 23])),
            ("ij, jk -> ki", vec![m.clone(), n.clone()], i64s(&[2, 2], &[5, 14, 11, 23])),
            ("i,i", vec![i64s(&[2], &[2, 3]), i64s(&[2], &[5, 7])], i64s(&[], &[31])),
            ("ii->i", vec![square.clone()], i64s(&[2], &[1, 4])),
            ("ii", vec![square.clone()], i64s(&[], &[5])),
            ("...ij->...ji", vec![i64s(&[1, 2, 1], &[8, 9])], i64s(&[1, 1, 2], &[8, 9])),
            (
                "...ij,...jk->...ik",
                vec![square.clone(), i64s(&[2, 2, 1], &[1, 0, 0, 1])],
                i64s(&[2, 2, 1], &[1, 3, 2, 4]),
            ),
            ("ij,jk,k->i", vec![m.clone(), n.clone(), i64s(&[2], &[1, 2])], i64s(&[2], &[27, 60])),
            ("ij,->ij", vec![square.clone(), i64s(&[], &[2])], i64s(&[2, 2], &[2, 4, 6, 8])),
        ] {
            assert_eq!(einsum(equation, &inputs).unwrap(), expected, "{equation}");
        }
        assert_eq!(einsum("ij->i", &[i64s(&[2, 0], &[])]).unwrap(), i64s(&[2], &[0, 0]));
        for (equation, inputs) in [
            ("ij,jk", vec![m.clone(), m.clone()]),
            ("ij", vec![m.clone(), m.clone()]),
            ("ijk->i", vec![m.clone()]),
            ("ij->k", vec![m.clone()]),
            ("ij->ii", vec![m.clone()]),
            ("i.j", vec![m.clone()]),
            ("ii->i", vec![m.clone()]),
        ] {
            assert!(einsum(equation, &inputs).is_err(), "{equation}");
        }
    }
}
