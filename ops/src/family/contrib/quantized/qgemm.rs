//! [QGemm](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QGemm): a matrix product of bytes with an addend, quantised again or scaled to numbers.

use super::{
    load::only,
    parameters::{Parameters, check},
};
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::broadcast_map,
    fact::Facts,
    family::{
        math::Gemm,
        quantize::{
            granularity::{integers, saturate, singles},
            matmul_integer::{centred, check_bytes},
        },
    },
    rows,
};
use std::sync::Arc;

/// `y = (A' B' + C) * r` in numbers, with `r = alpha * a_scale * b_scale`; or, with a scale and a zero point of the
/// output, `y = saturate(round((A' B' + C) * (r / y_scale)) + y_zero)`.
///
/// A prime stands for less the zero point, and transposed if the flag says so. The scale and the zero point of `B` are
/// one, or one for each column of the product. `A' B' + C` is in `i32`, everything after it in `f32`.
#[derive(Debug)]
pub struct QGemm {
    /// Of the centred factors.
    pub gemm: Gemm,
    /// The factor of the product and the addend.
    pub alpha: f32,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["alpha", "transA", "transB"], 6..=9)?;
    let a = node.attributes;
    let gemm = Gemm {
        alpha: 1.0,
        beta: 1.0,
        transpose_a: a.flag_or("transA", false)?,
        transpose_b: a.flag_or("transB", false)?,
        same_shape: false,
    };
    Ok(Arc::new(QGemm { gemm, alpha: a.float_or("alpha", 1.0)? }))
}

impl Operator for QGemm {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let dtype = inputs.dtype(0)?;
        check(inputs, dtype, 1, 2)?;
        let right = inputs.dtype(3)?;
        check_bytes(right)?;
        inputs.dtype_where(4, "f32", |t| t == DType::F32)?;
        inputs.dtype_where(5, right.name(), |t| t == right)?;
        if inputs.get(6).is_some() {
            inputs.dtype_where(6, "i32", |t| t == DType::I32)?;
        }
        let output = match (inputs.get(7), inputs.get(8)) {
            (None, None) => DType::F32,
            (Some(_), Some(_)) => {
                check(inputs, inputs.dtype(8)?, 7, 8)?;
                inputs.dtype(8)?
            }
            _ => return Err(Error::unsupported("inputs 7 and 8 (y_scale and y_zero_point) one without the other")),
        };
        let as_sums = |i: usize| inputs.get(i).map(|f| Fact::tensor(DType::I32, f.shape().map(<[_]>::to_vec)));
        let facts = [as_sums(0), as_sums(3), as_sums(6)];
        let found = self.gemm.infer(Facts(&facts.each_ref().map(Option::as_ref)))?.remove(0);
        Ok(vec![Fact::tensor(output, found.shape().map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (a, b) = (inputs.tensor(0)?, inputs.tensor(3)?);
        let from = Parameters::read(inputs, a.dtype(), 1, 2)?;
        let left = centred(a, inputs.optional_tensor(2)?, false)?.into();
        // Zero points of columns lie along the rows of a factor that is transposed.
        let right = centred(b, Some(inputs.tensor(5)?), self.gemm.transpose_b)?.into();
        let sums = self.gemm.evaluate(Inputs(&[Some(&left), Some(&right), inputs.get(6)]))?.remove(0).into_tensor()?;
        let columns = sums.shape().last().copied().unwrap_or(1);
        let mut factors = singles(inputs.tensor(4)?)?;
        if factors.len() != 1 && factors.len() != columns {
            return Err(Error::invalid(format!("{} scales for {columns} columns", factors.len())));
        }
        factors.iter_mut().for_each(|f| *f *= self.alpha * from.scale);
        let Some(zero) = inputs.optional_tensor(8)? else {
            let factors = Tensor::from_vec([factors.len()], factors)?;
            return Ok(vec![broadcast_map::<i32, f32, f32>(&sums, &factors, |c, f| c as f32 * f)?.into()]);
        };
        let to = Parameters::read(inputs, zero.dtype(), 7, 8)?;
        let codes = sums.as_slice::<i32>()?.iter().enumerate().map(|(i, c)| {
            let factor = factors[if factors.len() == 1 { 0 } else { i % columns }] / to.scale;
            saturate(f64::from(*c as f32 * factor), to.zero, to.limits)
        });
        Ok(vec![integers(to.dtype, sums.shape(), codes)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if [1, 2, 4, 5, 7, 8].into_iter().any(|i| rows.get(i).is_some_and(|r| *r != Rows::Free)) {
            return rows::opaque(rows, outputs.len());
        }
        let of = |i: usize| rows.get(i).copied().unwrap_or(Rows::Free);
        let facts = Facts(&[inputs.get(0), inputs.get(3), inputs.get(6)]);
        self.gemm.rows(&[of(0), of(3), of(6)], facts, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{run_in, t},
    };

    #[test]
    fn numbers_and_codes() {
        let (a, at) = (u8s(&[2, 2], &[1, 2, 3, 4]), u8s(&[2, 2], &[1, 3, 2, 4]));
        let (b, bt) = (i8s(&[2, 3], &[1, 0, 2, 1, 1, -1]), i8s(&[3, 2], &[1, 1, 0, 1, 2, -1]));
        let (half, one, az) = (t(&[], &[0.5]), t(&[], &[1.0]), u8s(&[], &[1]));
        let (scales, zeros) = (t(&[3], &[1.0, 2.0, 4.0]), i8s(&[3], &[1, 0, 0]));
        let c = Tensor::from_vec([3], vec![10, 20, -30]).unwrap();
        // Centred: (0 1, 2 3) x (0 0 2, 0 1 -1) + C.
        let want = t(&[2, 3], &[5.0, 21.0, -62.0, 5.0, 23.0, -58.0]);
        assert_eq!(run("QGemm", &[], &[&a, &half, &az, &b, &scales, &zeros, &c]).unwrap(), want);
        let flags = [("transA", Attribute::Int(1)), ("transB", Attribute::Int(1))];
        assert_eq!(run("QGemm", &flags, &[&at, &half, &az, &bt, &scales, &zeros, &c]).unwrap(), want);
        let alpha = [("alpha", Attribute::Float(2.0))];
        let got = run("QGemm", &alpha, &[&a, &half, &az, &b, &scales, &zeros, &c, &half, &u8s(&[], &[100])]).unwrap();
        assert_eq!(got, u8s(&[2, 3], &[120, 184, 0, 120, 192, 0]));
        let given = [&a, &half, &az, &b, &one, &i8s(&[], &[0])];
        let mut given: Vec<Option<Tensor>> = given.into_iter().map(|t| Some(t.clone())).collect();
        let got = run_in("com.microsoft", "QGemm", 1, &[], &given, 1).unwrap();
        assert_eq!(got[0], t(&[2, 3], &[0.5, 0.5, -0.5, 2.5, 1.5, 0.5]));
        given.extend([None, Some(one.clone())]);
        assert!(run_in("com.microsoft", "QGemm", 1, &[], &given, 1).is_err(), "a scale without a zero point");
        assert!(run("QGemm", &[], &[&a, &half, &az, &b, &t(&[2], &[1.0; 2]), &i8s(&[], &[0])]).is_err(), "two scales");
        assert!(
            run("QGemm", &[("beta", Attribute::Float(1.0))], &[&a, &half, &az, &b, &one, &i8s(&[], &[0])]).is_err()
        );
    }
}
