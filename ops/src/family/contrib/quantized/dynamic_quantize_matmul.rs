//! [DynamicQuantizeMatMul](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeMatMul): a product of numbers, quantised on the way, with a matrix of bytes.

use super::{
    load::only,
    matmul_integer_to_float::{check_bias, scaled},
};
use crate::{
    DType, Fact, Inputs, Node, Operator, Result, Tensor, Value,
    broadcast::broadcast_map,
    fact::Facts,
    family::quantize::{
        DynamicQuantizeLinear,
        matmul_integer::{centred, check_bytes, product, product_fact},
        qlinear_matmul::scale,
    },
};
use std::sync::Arc;

/// `y = C * (a_scale * b_scale) + bias` with `a` quantised as DynamicQuantizeLinear does and `C` the product of the
/// centred bytes; the arithmetic is that of [`MatMulIntegerToFloat`](super::MatMulIntegerToFloat).
///
/// The range is that of all of `a`, so that no row is independent of the others.
#[derive(Debug)]
pub struct DynamicQuantizeMatMul;

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &[], 3..=5)?;
    Ok(Arc::new(DynamicQuantizeMatMul))
}

impl Operator for DynamicQuantizeMatMul {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        inputs.dtype_where(0, "f32", |t| t == DType::F32)?;
        check_bytes(inputs.dtype(1)?)?;
        inputs.dtype_where(2, "f32", |t| t == DType::F32)?;
        check_bias(inputs, 4, DType::F32)?;
        let a = Fact::tensor(DType::U8, inputs.shape(0)?.map(<[_]>::to_vec));
        Ok(vec![product_fact(&a, inputs.required(1)?, DType::F32)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let b = inputs.tensor(1)?;
        let quantised = DynamicQuantizeLinear.evaluate(Inputs(&[inputs.get(0)]))?;
        let [a, a_scale, a_zero] = &quantised.into_iter().map(Value::into_tensor).collect::<Result<Vec<Tensor>>>()?[..]
        else {
            return Err(crate::Error::invalid("a quantised tensor has a scale and a zero point"));
        };
        let sums = product(centred(a, Some(a_zero), true)?, centred(b, inputs.optional_tensor(3)?, false)?)?;
        let factors = broadcast_map::<f32, f32, f32>(a_scale, &scale(inputs, 2, b.rank(), false)?, |p, q| p * q)?;
        Ok(vec![scaled(&sums, &factors, inputs.optional_tensor(4)?)?.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{i8s, run, u8s};
    use crate::{Tensor, family::nn::testing::t};

    #[test]
    fn ranges_scales_and_bias() {
        // The range -55..=200 has the scale 1 and the zero point 55.
        let a = t(&[2, 2], &[-55.0, 200.0, 1.4, 0.6]);
        let (half, columns) = (t(&[], &[0.5]), t(&[3], &[1.0, 0.5, 2.0]));
        let b = i8s(&[2, 3], &[1, 0, 2, 0, 1, -1]);
        let got = run("DynamicQuantizeMatMul", &[], &[&a, &b, &columns]).unwrap();
        assert_eq!(got, t(&[2, 3], &[-55.0, 100.0, -620.0, 1.0, 0.5, 2.0]));
        let bias = t(&[1], &[0.25]);
        let unsigned = u8s(&[2, 1], &[5, 3]);
        let got = run("DynamicQuantizeMatMul", &[], &[&a, &unsigned, &half, &u8s(&[], &[4]), &bias]).unwrap();
        assert_eq!(got, t(&[2, 1], &[-127.25, 0.25]));
        assert!(run("DynamicQuantizeMatMul", &[], &[&unsigned, &b, &half]).is_err(), "bytes on the left");
        assert!(run("DynamicQuantizeMatMul", &[], &[&a, &b, &half, &u8s(&[], &[4])]).is_err(), "a zero point of u8");
        assert!(run("DynamicQuantizeMatMul", &[], &[&a, &b, &half, &i8s(&[], &[4]), &Tensor::scalar(1.0f32)]).is_err());
    }
}
