//! [Range](https://onnx.ai/onnx/operators/onnx__Range.html): numbers in even steps.

use super::flow;
use crate::{
    Dim, Error, Fact, Inputs, Limits, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    numeric::{Number, with_number},
    tensor::check_elements,
};
use std::sync::Arc;

/// `start + i * delta` for every i from 0 while it lies before `limit`.
///
/// Order of arithmetic: a product and a sum, each rounded; f16 and bf16 compute in f32 and round once.
#[derive(Debug)]
pub struct Range;

pub(super) fn parse(_: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(Range))
}

/// `max(ceil((limit - start) / delta), 0)`, exact for integers.
fn count<T: Number>(start: T, limit: T, delta: T) -> Result<usize> {
    let n = if T::DTYPE.is_integer() {
        let (s, l, d) = (i128::from(start.to_i64()), i128::from(limit.to_i64()), i128::from(delta.to_i64()));
        if d == 0 {
            return Err(Error::invalid("a delta of 0"));
        }
        let (span, step) = if d > 0 { (l - s, d) } else { (s - l, -d) };
        usize::try_from((span.max(0) + step - 1) / step).unwrap_or(usize::MAX)
    } else {
        let n = ((limit.to_f64() - start.to_f64()) / delta.to_f64()).ceil();
        if n.is_nan() || delta.to_f64() == 0.0 {
            return Err(Error::invalid("start, limit and delta give no number of elements"));
        }
        n.max(0.0) as usize
    };
    check_elements(&[n], Limits::default().elements)
}

fn range<T: Number>(inputs: &[Tensor; 3]) -> Result<Tensor> {
    let [start, limit, delta] = [inputs[0].item::<T>()?, inputs[1].item::<T>()?, inputs[2].item::<T>()?];
    let n = count(start, limit, delta)?;
    let mut out: Vec<T> = Vec::new();
    out.try_reserve_exact(n).map_err(|e| Error::Exhausted(format!("a range of {n} elements: {e}")))?;
    out.extend((0..n as i64).map(|i| start.add(T::from_i64(i).mul(delta))));
    Tensor::from_vec([n], out)
}

impl Operator for Range {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.same_dtype()?;
        let n = match (inputs.value(0), inputs.value(1), inputs.value(2)) {
            (Some(s), Some(l), Some(d)) => {
                let [s, l, d] = [s.widen()?, l.widen()?, d.widen()?];
                with_number!(s.dtype(), T => count(s.item::<T>()?, l.item::<T>()?, d.item::<T>()?).map(Dim::Known))?
            }
            // From 0 in steps of 1 there are as many as the limit says.
            (Some(s), None, Some(d)) if dtype.is_integer() && s.to_i64_vec()? == [0] && d.to_i64_vec()? == [1] => {
                inputs.required(1)?.dims.as_deref().and_then(<[Dim]>::first).cloned().unwrap_or(Dim::Unknown)
            }
            _ => Dim::Unknown,
        };
        Ok(vec![Fact::shaped(dtype, [n])])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let all = [inputs.tensor(0)?.widen()?, inputs.tensor(1)?.widen()?, inputs.tensor(2)?.widen()?];
        let dtype = inputs.tensor(0)?.dtype();
        with_number!(all[0].dtype(), T => Ok(vec![range::<T>(&all)?.narrow(dtype)?.into()]))
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![flow::shape_only(rows).unwrap_or(Rows::Mixed); outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Tensor, family::movement::trial::*};

    #[test]
    fn counts_up_down_and_not_at_all() {
        for (start, limit, delta, expected) in [
            (1i64, 5i64, 2i64, &[1i64, 3][..]),
            (10, 4, -2, &[10, 8, 6]),
            (10, 6, -3, &[10, 7]),
            (3, 3, 1, &[]),
            (5, 1, 1, &[]),
        ] {
            let inputs = [start, limit, delta].map(Tensor::scalar);
            assert_eq!(run("Range", 11, &[], &inputs).unwrap(), i64s(&[expected.len()], expected));
        }
        let got = run("Range", 11, &[], &[1.0f32, 2.0, 0.25].map(Tensor::scalar)).unwrap();
        assert_eq!(got, f32s(&[4], &[1.0, 1.25, 1.5, 1.75]));
        assert!(run("Range", 11, &[], &[0i64, 3, 0].map(Tensor::scalar)).is_err());
        assert!(run("Range", 11, &[], &[0.0f32, 3.0, 0.0].map(Tensor::scalar)).is_err());
        assert!(run("Range", 11, &[], &[i64::MIN, i64::MAX, 1].map(Tensor::scalar)).is_err());
        assert!(run("Range", 11, &[], &[0.0f64, 1e300, 1e-9].map(Tensor::scalar)).is_err());
    }
}
