//! [Scan](https://onnx.ai/onnx/operators/onnx__Scan.html): a subgraph run over the slices of an axis.

use super::body::{Body, settled, stack};
use crate::{
    Dim, Effort, Error, Fact, Inputs, Node, Operator, Result, Tensor, Type, Value,
    fact::Facts,
    family::movement::select::{around, copy_runs},
    operator::axis_index,
};
use std::sync::Arc;

/// Runs the body once for each slice of the scan inputs, handing states on.
///
/// Inputs are states, scan inputs, then what the body captures; version 8 has lengths first, a batch axis 0 and the scan
/// axis 1. Outputs are the final states, then the scan outputs stacked.
#[derive(Debug)]
pub struct Scan {
    /// The body: (states..., slices...) to (states..., scan outputs...).
    pub body: Body,
    /// The number of states.
    pub states: usize,
    /// The number of scan inputs.
    pub scans: usize,
    /// The axis of each scan input.
    pub input_axes: Vec<i64>,
    /// Whether each scan input runs from its end.
    pub input_reverse: Vec<bool>,
    /// The axis of each scan output.
    pub output_axes: Vec<i64>,
    /// Whether each scan output is stacked from its end.
    pub output_reverse: Vec<bool>,
    /// Whether this is version 8: with lengths and batches.
    pub batched: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let a = node.attributes;
    let body = Body::parse(node, "body")?;
    let count = a.required("num_scan_inputs", crate::Attributes::int)?;
    let scans = usize::try_from(count).ok().filter(|s| *s >= 1 && *s <= body.own_inputs());
    let scans = scans.ok_or_else(|| Error::invalid(format!("attribute 'num_scan_inputs' is {count}")))?;
    let states = body.own_inputs() - scans;
    let outputs = body
        .graph
        .outputs()
        .len()
        .checked_sub(states)
        .ok_or_else(|| Error::invalid(format!("a body of fewer outputs than its {states} states")))?;
    let list = |name: &str, n: usize| {
        let v = a.ints_or(name, vec![0; n])?;
        if v.len() == n {
            Ok(v)
        } else {
            Err(Error::invalid(format!("attribute '{name}' has {} entries of {n}", v.len())))
        }
    };
    let flags = |name: &str, n: usize| Ok::<_, Error>(list(name, n)?.into_iter().map(|d| d != 0).collect());
    let batched = node.since < 9;
    Ok(Arc::new(Scan {
        states,
        scans,
        input_axes: if batched { vec![0; scans] } else { list("scan_input_axes", scans)? },
        input_reverse: flags(if batched { "directions" } else { "scan_input_directions" }, scans)?,
        output_axes: if batched { vec![0; outputs] } else { list("scan_output_axes", outputs)? },
        output_reverse: if batched { vec![false; outputs] } else { flags("scan_output_directions", outputs)? },
        batched,
        body,
    }))
}

/// Slice `i` along an axis, without the axis.
fn slice(x: &Tensor, axis: usize, i: usize) -> Result<Tensor> {
    let (outer, extent, inner) = around(x.shape(), axis);
    let mut shape = x.shape().to_vec();
    shape.remove(axis);
    copy_runs(&[x], shape, inner, (0..outer).map(|o| (0, (o * extent + i) * inner)))
}

impl Scan {
    /// One run over whole scan inputs.
    fn run(
        &self,
        mut states: Vec<Value>,
        scanned: &[Tensor],
        length: Option<usize>,
        inputs: Inputs<'_>,
        effort: &Effort,
    ) -> Result<Vec<Value>> {
        let mut axes = Vec::with_capacity(self.scans);
        let mut extent = None;
        for (t, axis) in scanned.iter().zip(&self.input_axes) {
            let axis = axis_index(*axis, t.rank())?;
            if *extent.get_or_insert(t.shape()[axis]) != t.shape()[axis] {
                return Err(Error::invalid("scan inputs of different lengths"));
            }
            axes.push(axis);
        }
        let n = length.or(extent).unwrap_or(0);
        if n > extent.unwrap_or(0) {
            return Err(Error::invalid(format!("a length of {n} for scan inputs of {}", extent.unwrap_or(0))));
        }
        let mut kept: Vec<Vec<Value>> = vec![Vec::new(); self.output_axes.len()];
        for i in 0..n {
            let mut own = states;
            for (k, t) in scanned.iter().enumerate() {
                let at = if self.input_reverse[k] { n - 1 - i } else { i };
                own.push(slice(t, axes[k], at)?.into());
            }
            let mut out =
                self.body.evaluate(own, inputs, effort).map_err(|e| e.at(format!("iteration {i}")))?.into_iter();
            states = out.by_ref().take(self.states).collect();
            kept.iter_mut().zip(out).for_each(|(all, v)| all.push(v));
        }
        let mut facts = Vec::new();
        if n == 0 {
            let mut own: Vec<Fact> = states.iter().map(|s| Fact::of(Type::of(s))).collect();
            for (t, axis) in scanned.iter().zip(&axes) {
                let mut shape = t.shape().to_vec();
                shape.remove(*axis);
                own.push(Fact::shaped(t.dtype(), shape));
            }
            let captured = inputs.known();
            let captured: Vec<Option<&Fact>> = captured.iter().map(Option::as_ref).collect();
            facts = self.body.infer_declared(&own, Facts(&captured), effort)?;
        }
        for (k, mut all) in kept.into_iter().enumerate() {
            if self.output_reverse[k] {
                all.reverse();
            }
            states.push(stack(&all, self.output_axes[k], facts.get(self.states + k))?);
        }
        Ok(states)
    }

    /// Version 8: each batch on its own, scan outputs padded with zeros to the longest.
    fn run_batched(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        let lengths = inputs.ints(0)?;
        let at = |i: usize| inputs.tensor(1 + i);
        let batches = match at(0)?.shape() {
            [b, ..] => *b,
            [] => return Err(Error::invalid("input 1 is a scalar where a batch axis is expected")),
        };
        let (mut all, mut longest) = (Vec::new(), 0);
        for b in 0..batches {
            let part = |i: usize| {
                let t = at(i)?;
                if t.shape().first() != Some(&batches) {
                    return Err(Error::invalid(format!("input {} does not have {batches} batches", i + 1)));
                }
                slice(t, 0, b)
            };
            let states = (0..self.states).map(|i| Ok(part(i)?.into())).collect::<Result<Vec<Value>>>()?;
            let scanned = (0..self.scans).map(|i| part(self.states + i)).collect::<Result<Vec<_>>>()?;
            longest = scanned.first().and_then(|t| t.shape().first().copied()).unwrap_or(0);
            let length = match &lengths {
                Some(l) => Some(
                    l.get(b)
                        .and_then(|n| usize::try_from(*n).ok())
                        .ok_or_else(|| Error::invalid(format!("input 0 has no length for batch {b}")))?,
                ),
                None => None,
            };
            all.push(self.run(states, &scanned, length, inputs, effort)?);
        }
        let outputs = self.states + self.output_axes.len();
        (0..outputs)
            .map(|k| {
                let column = all.iter().map(|o| match &o[k] {
                    Value::Tensor(t) if k >= self.states => Ok(pad_front(t, longest)?.into()),
                    other => Ok(other.clone()),
                });
                stack(&column.collect::<Result<Vec<Value>>>()?, 0, None)
            })
            .collect()
    }
}

/// The tensor with zeros behind it, up to `extent` along axis 0.
fn pad_front(t: &Tensor, extent: usize) -> Result<Tensor> {
    let mut shape = t.shape().to_vec();
    shape[0] = extent.saturating_sub(shape[0]);
    let zeros = Tensor::zeros(t.dtype(), shape)?;
    crate::family::movement::concat(&[t, &zeros], 0)
}

impl Operator for Scan {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.infer_within(inputs, &Effort::unbounded())
    }

    fn infer_within(&self, inputs: Facts<'_>, effort: &Effort) -> Result<Vec<Fact>> {
        let first = usize::from(self.batched);
        let count = self.states + self.output_axes.len();
        let mut own = Vec::new();
        let mut length = Dim::Unknown;
        for i in 0..self.states + self.scans {
            let ty = &inputs.required(first + i)?.ty;
            let Type::Tensor { dtype, shape: Some(s) } = ty else {
                own.push(Fact::of(ty.shapeless()));
                continue;
            };
            let mut s = s.clone();
            if self.batched && !s.is_empty() {
                s.remove(0);
            }
            if let Some(k) = i.checked_sub(self.states) {
                let axis = axis_index(self.input_axes[k], s.len())?;
                length = length.unify(&s.remove(axis))?;
            }
            own.push(Fact::tensor(*dtype, Some(s)));
        }
        let slices = own.split_off(self.states);
        let initial: Vec<Type> = own.into_iter().map(|f| f.ty).collect();
        let round = |states: &[Fact]| self.body.infer(&[states, &slices].concat(), inputs, effort);
        let (states, out) = settled(&initial, 0, round)?;
        let scanned = out.into_iter().skip(self.states).map(|f| f.ty);
        let batch = inputs.get(first).and_then(Fact::shape).and_then(|s| s.first().cloned()).unwrap_or(Dim::Unknown);
        Ok(states
            .into_iter()
            .chain(scanned)
            .take(count)
            .enumerate()
            .map(|(i, ty)| match ty {
                Type::Tensor { dtype, shape: Some(mut s) } => {
                    if let Some(k) = i.checked_sub(self.states)
                        && let Ok(axis) = axis_index(self.output_axes[k], s.len() + 1)
                    {
                        s.insert(axis, length.clone());
                    }
                    if self.batched {
                        s.insert(0, batch.clone());
                    }
                    Fact::tensor(dtype, Some(s))
                }
                ty => Fact::of(ty),
            })
            .collect())
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        self.evaluate_within(inputs, &Effort::unbounded())
    }

    fn evaluate_within(&self, inputs: Inputs<'_>, effort: &Effort) -> Result<Vec<Value>> {
        if self.batched {
            return self.run_batched(inputs, effort);
        }
        let states = (0..self.states).map(|i| inputs.value(i).cloned()).collect::<Result<Vec<_>>>()?;
        let scanned = (0..self.scans).map(|i| inputs.tensor(self.states + i).cloned()).collect::<Result<Vec<_>>>()?;
        self.run(states, &scanned, None, inputs, effort)
    }

    /// The body may hold an operator that is not pure.
    fn is_pure(&self) -> bool {
        self.body.is_pure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*, graph::Graph};

    fn body() -> Attribute {
        let mut g = Graph::new("body");
        let s = g.add_input("s", Type::Unknown).unwrap();
        let x = g.add_input("x", Type::Unknown).unwrap();
        let n = g.add_op("Add").input(s, 0, 0).input(x, 0, 1).finish().unwrap();
        let sum = g.output_of(n, 0).unwrap();
        g.add_output("s", sum);
        g.add_output("y", sum);
        Attribute::Graph(Arc::new(g))
    }

    #[test]
    fn scans_forward_backward_and_along_other_axes() {
        let attributes = |more: &[(&'static str, Attribute)]| {
            let mut all = vec![("body", body()), ("num_scan_inputs", Attribute::Int(1))];
            all.extend(more.iter().cloned());
            all
        };
        let inputs = [Some(i64s(&[2], &[0, 0]).into()), Some(i64s(&[3, 2], &[1, 2, 3, 4, 5, 6]).into())];
        let ints = |n| Attribute::Ints(vec![n]);
        let got = run_values("Scan", 11, &attributes(&[]), &inputs, 2).unwrap();
        assert_eq!(got, [i64s(&[2], &[9, 12]).into(), i64s(&[3, 2], &[1, 2, 4, 6, 9, 12]).into()]);
        let more = [("scan_input_directions", ints(1)), ("scan_output_axes", ints(1))];
        let got = run_values("Scan", 11, &attributes(&more), &inputs, 2).unwrap();
        assert_eq!(got[1], i64s(&[2, 3], &[5, 8, 9, 6, 10, 12]).into());
        let batched = [
            Some(i64s(&[2], &[1, 2]).into()),
            Some(i64s(&[2, 1], &[0, 100]).into()),
            Some(i64s(&[2, 2, 1], &[1, 2, 3, 4]).into()),
        ];
        let got = run_values("Scan", 8, &attributes(&[]), &batched, 2).unwrap();
        assert_eq!(got, [i64s(&[2, 1], &[1, 107]).into(), i64s(&[2, 2, 1], &[1, 0, 103, 107]).into()]);
        assert!(run_values("Scan", 11, &attributes(&[("scan_input_axes", ints(2))]), &inputs, 2).is_err());
    }
}
