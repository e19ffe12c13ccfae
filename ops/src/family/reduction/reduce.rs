//! [ReduceSum](https://onnx.ai/onnx/operators/onnx__ReduceSum.html) and its nine siblings: elements combined along axes.

use crate::{
    DType, Dim, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::movement::{
        axes::{Axes, resolve},
        flow, transpose,
    },
    numeric::{
        Number, greatest, least,
        reduce::{fold16, sum16},
        transcendental::exp_f64,
        with_number,
    },
};
use std::sync::Arc;

/// How elements are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReduceKind {
    /// The sum.
    Sum,
    /// The sum over the count; integers truncate.
    Mean,
    /// The greatest; NaN if there is one; booleans: whether any is true.
    Max,
    /// The least; NaN if there is one; booleans: whether all are true.
    Min,
    /// The product.
    Prod,
    /// The sum of absolute values.
    L1,
    /// The square root of the sum of squares.
    L2,
    /// The logarithm of the sum.
    LogSum,
    /// The logarithm of the sum of exponentials.
    LogSumExp,
    /// The sum of squares.
    SumSquare,
}

/// Combines elements along axes.
///
/// Order of arithmetic: the reduced elements in row-major order go through [`sum16`] (or the same chains and tree for
/// products, maxima and minima); squares are rounded before they are summed. f16 and bf16 compute in f32 and round once.
/// LogSumExp computes in f64: `m + log(sum16(exp(x - m)))` with m the maximum, rounded once. Square roots and logarithms
/// of integers go through f64.
#[derive(Debug)]
pub struct Reduce {
    /// How elements are combined.
    pub kind: ReduceKind,
    /// The axes: an attribute in older operator sets, input 1 in newer ones; all of them when not given.
    pub axes: Axes,
    /// Whether reduced axes stay, with extent 1.
    pub keep_dims: bool,
    /// Whether empty axes mean none instead of all.
    pub noop_with_empty_axes: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let (kind, input_since) = match node.op {
        "ReduceSum" => (ReduceKind::Sum, 13),
        "ReduceMean" => (ReduceKind::Mean, 18),
        "ReduceMax" => (ReduceKind::Max, 18),
        "ReduceMin" => (ReduceKind::Min, 18),
        "ReduceProd" => (ReduceKind::Prod, 18),
        "ReduceL1" => (ReduceKind::L1, 18),
        "ReduceL2" => (ReduceKind::L2, 18),
        "ReduceLogSum" => (ReduceKind::LogSum, 18),
        "ReduceLogSumExp" => (ReduceKind::LogSumExp, 18),
        _ => (ReduceKind::SumSquare, 18),
    };
    Ok(Arc::new(Reduce {
        kind,
        axes: Axes::parse(node, input_since)?,
        keep_dims: node.attributes.flag_or("keepdims", true)?,
        noop_with_empty_axes: node.attributes.flag_or("noop_with_empty_axes", false)?,
    }))
}

impl Reduce {
    /// The reduced axes for this rank, ascending.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when one is out of range or stands twice.
    pub fn reduced(&self, rank: usize, axes: Option<&[i64]>) -> Result<Vec<usize>> {
        match axes {
            Some(a) if !a.is_empty() => {
                let mut found = resolve(a, rank)?;
                found.sort_unstable();
                Ok(found)
            }
            _ if self.noop_with_empty_axes => Ok(Vec::new()),
            _ => Ok((0..rank).collect()),
        }
    }

    /// One output; `neutral` stands for the least or greatest value of the type that x is kept in.
    fn one<T: Number>(&self, values: &[T], neutral: T) -> T {
        let all = || values.iter().copied();
        match self.kind {
            ReduceKind::Sum => sum16(all()),
            ReduceKind::Mean => sum16(all()).div(T::from_i64(values.len() as i64)),
            ReduceKind::Max => fold16(all(), neutral, |a, b| if b > a || b.is_nan() { b } else { a }),
            ReduceKind::Min => fold16(all(), neutral, |a, b| if b < a || b.is_nan() { b } else { a }),
            ReduceKind::Prod => fold16(all(), T::ONE, T::mul),
            ReduceKind::L1 => sum16(all().map(T::abs)),
            ReduceKind::SumSquare => sum16(all().map(|v| v.mul(v))),
            ReduceKind::L2 => T::from_f64(sum16(all().map(|v| v.mul(v))).to_f64().sqrt()),
            ReduceKind::LogSum => T::from_f64(libm::log(sum16(all()).to_f64())),
            ReduceKind::LogSumExp => T::from_f64(log_sum_exp(all().map(T::to_f64))),
        }
    }

    fn reduce<T: Number>(&self, x: &Tensor, dtype: DType, count: usize, outputs: usize) -> Result<Vec<T>> {
        let v = x.as_slice::<T>()?;
        let neutral = match self.kind {
            ReduceKind::Max => least::<T>(dtype)?,
            ReduceKind::Min => greatest::<T>(dtype)?,
            _ => T::ZERO,
        };
        let mut out = Vec::with_capacity(outputs);
        for i in 0..outputs {
            out.push(self.one(&v[i * count..(i + 1) * count], neutral));
        }
        Ok(out)
    }

    /// The output's shape, given the reduced axes.
    fn shape<D: Clone>(&self, from: &[D], reduced: &[usize], one: &D) -> Vec<D> {
        (0..from.len())
            .filter(|a| self.keep_dims || !reduced.contains(a))
            .map(|a| if reduced.contains(&a) { one.clone() } else { from[a].clone() })
            .collect()
    }
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(f64::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a });
    if most.is_infinite() || most.is_nan() { most } else { most + libm::log(sum16(values.map(|v| exp_f64(v - most)))) }
}

impl Operator for Reduce {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        let Some(from) = inputs.shape(0)? else { return Ok(vec![Fact::tensor(dtype, None)]) };
        let shape = match self.axes.known(inputs)? {
            Some(axes) => Some(self.shape(from, &self.reduced(from.len(), axes.as_deref())?, &Dim::Known(1))),
            None if self.keep_dims => Some(vec![Dim::Unknown; from.len()]),
            None => None,
        };
        Ok(vec![Fact::tensor(dtype, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let reduced = self.reduced(x.rank(), self.axes.of(inputs)?.as_deref())?;
        let kept: Vec<usize> = (0..x.rank()).filter(|a| !reduced.contains(a)).collect();
        let count: usize = reduced.iter().map(|a| x.shape()[*a]).product();
        let outputs: usize = kept.iter().map(|a| x.shape()[*a]).product();
        let x = &transpose(x, &[kept, reduced.clone()].concat())?;
        let shape = self.shape(inputs.tensor(0)?.shape(), &reduced, &1);
        if x.dtype() == DType::Bool && matches!(self.kind, ReduceKind::Max | ReduceKind::Min) {
            let v = x.as_slice::<bool>()?;
            let chunks = (0..outputs).map(|i| &v[i * count..(i + 1) * count]);
            let out = match self.kind {
                ReduceKind::Max => chunks.map(|c| c.contains(&true)).collect(),
                _ => chunks.map(|c| !c.contains(&false)).collect::<Vec<bool>>(),
            };
            return Ok(vec![Tensor::from_vec(shape, out)?.into()]);
        }
        let (dtype, x) = (x.dtype(), x.widen()?);
        with_number!(x.dtype(), T => {
            Ok(vec![Tensor::from_vec(shape, self.reduce::<T>(&x, dtype, count, outputs)?)?.narrow(dtype)?.into()])
        })
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        flow::moved(rows, outputs.len(), |a| {
            let rank = inputs.get(0)?.shape()?.len();
            let reduced = self.reduced(rank, self.axes.known(inputs).ok()??.as_deref()).ok()?;
            let before = if self.keep_dims { 0 } else { reduced.iter().filter(|r| **r < a).count() };
            (!reduced.contains(&a)).then(|| a - before)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::movement::trial::*};

    #[test]
    fn every_kind_over_the_last_axis() {
        let x = f32s(&[2, 3], &[1.0, -2.0, 4.0, 3.0, 0.5, 2.0]);
        let lse = |v: [f64; 3]| v.iter().map(|x| exp_f64(*x)).sum::<f64>();
        for (op, expected) in [
            ("ReduceSum", [3.0, 5.5]),
            ("ReduceMean", [1.0, 5.5 / 3.0]),
            ("ReduceMax", [4.0, 3.0]),
            ("ReduceMin", [-2.0, 0.5]),
            ("ReduceProd", [-8.0, 3.0]),
            ("ReduceL1", [7.0, 5.5]),
            ("ReduceL2", [21f32.sqrt(), 13.25f32.sqrt()]),
            ("ReduceSumSquare", [21.0, 13.25]),
            ("ReduceLogSum", [libm::log(3.0) as f32, libm::log(5.5) as f32]),
            ("ReduceLogSumExp", [libm::log(lse([1.0, -2.0, 4.0])) as f32, libm::log(lse([3.0, 0.5, 2.0])) as f32]),
        ] {
            let got = run(op, 18, &[("keepdims", Attribute::Int(0))], &[x.clone(), i64s(&[1], &[-1])]).unwrap();
            assert_eq!(got, f32s(&[2], &expected), "{op}");
            let axes = [("axes", Attribute::Ints(vec![1]))];
            assert_eq!(run(op, 12, &axes, &[x.clone()]).unwrap(), f32s(&[2, 1], &expected), "{op}");
        }
    }

    #[test]
    fn empty_axes_empty_sets_and_types() {
        let x = i64s(&[2, 2], &[1, 2, 3, 4]);
        assert_eq!(run("ReduceSum", 13, &[], &[x.clone()]).unwrap(), i64s(&[1, 1], &[10]));
        let noop = [("noop_with_empty_axes", Attribute::Int(1))];
        assert_eq!(run("ReduceSumSquare", 18, &noop, &[x.clone()]).unwrap(), i64s(&[2, 2], &[1, 4, 9, 16]));
        let none = i64s(&[0], &[]);
        assert_eq!(run("ReduceSum", 13, &noop, &[x.clone(), none.clone()]).unwrap(), x);
        let got = run("ReduceSum", 13, &[], &[x.clone(), i64s(&[1], &[0])]).unwrap();
        assert_eq!(got, i64s(&[1, 2], &[4, 6]));
        let empty = f32s(&[2, 0, 3], &[]);
        for (op, value) in [
            ("ReduceSum", 0.0),
            ("ReduceProd", 1.0),
            ("ReduceMax", f32::NEG_INFINITY),
            ("ReduceMin", f32::INFINITY),
            ("ReduceLogSum", f32::NEG_INFINITY),
            ("ReduceLogSumExp", f32::NEG_INFINITY),
            ("ReduceMean", f32::NAN),
        ] {
            let got = run(op, 18, &[], &[empty.clone(), i64s(&[1], &[1])]).unwrap();
            assert_eq!(got, f32s(&[2, 1, 3], &[value; 6]), "{op}");
        }
        let b = Tensor::from_vec([2, 2], vec![true, false, false, false]).unwrap();
        let got = run("ReduceMax", 20, &[], &[b.clone(), i64s(&[1], &[1])]).unwrap();
        assert_eq!(got, Tensor::from_vec([2, 1], vec![true, false]).unwrap());
        assert!(run("ReduceSum", 13, &[], &[b]).is_err());
        assert!(run("ReduceSum", 13, &[], &[x.clone(), i64s(&[1], &[2])]).is_err());
        assert!(run("ReduceSum", 13, &[], &[x, i64s(&[2], &[0, -2])]).is_err());
        let h = Tensor::from_vec([4096], vec![half::f16::from_f32(1.5); 4096]).unwrap();
        let got = run("ReduceMean", 13, &[], &[h]).unwrap();
        assert_eq!(got, Tensor::from_vec([1], vec![half::f16::from_f32(1.5)]).unwrap());
    }

    #[test]
    fn rows_move_with_the_axes_before_them() {
        let x = Fact::shaped(DType::F32, [Dim::Known(4), Dim::symbol("N"), Dim::Known(3)]);
        let axes = Fact::constant(i64s(&[1], &[0]));
        let facts = [Some(&x), Some(&axes)];
        for (axis, keep_dims, expected) in [(1, false, Rows::Axis(0)), (1, true, Rows::Axis(1)), (0, true, Rows::Mixed)]
        {
            let op = Reduce { kind: ReduceKind::Sum, axes: Axes::Input(1), keep_dims, noop_with_empty_axes: false };
            let out = op.infer(Facts(&facts)).unwrap();
            assert_eq!(op.rows(&[Rows::Axis(axis), Rows::Free], Facts(&facts), &out), [expected]);
        }
    }
}
