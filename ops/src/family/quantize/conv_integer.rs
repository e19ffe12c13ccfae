//! [ConvInteger](https://onnx.ai/onnx/operators/onnx__ConvInteger.html): a convolution of bytes in 32 bits.

use super::matmul_integer::check_bytes;
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::nn::{Conv, window::Window},
    rows,
};
use std::sync::Arc;

/// The convolution of `x - zero point` with `w - zero point` in `i32`, which wraps. Padding is the zero point: it adds
/// nothing. A zero point of the weight is one, or one for each output channel.
#[derive(Debug)]
pub struct ConvInteger {
    /// The geometry.
    pub conv: Conv,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(ConvInteger { conv: geometry(node)? }))
}

/// Window and groups, as Conv has them.
pub(super) fn geometry(node: &Node<'_>) -> Result<Conv> {
    let group = node.attributes.int_or("group", 1)?;
    let group = usize::try_from(group)
        .ok()
        .filter(|g| *g > 0)
        .ok_or_else(|| Error::invalid(format!("attribute 'group' is {group}; it is at least 1")))?;
    Ok(Conv { window: Window::parse(node)?, group })
}

/// The fact of a convolution of these, in another type.
pub(super) fn convolved_fact(conv: &Conv, x: &Fact, w: &Fact, dtype: DType) -> Result<Fact> {
    for f in [x, w] {
        check_bytes(f.dtype().ok_or_else(|| Error::invalid(format!("{} where a tensor is expected", f.ty)))?)?;
    }
    let as_double = |f: &Fact| Fact::tensor(DType::F64, f.shape().map(<[_]>::to_vec));
    let (x, w) = (as_double(x), as_double(w));
    let found = conv.infer(Facts(&[Some(&x), Some(&w)]))?.remove(0);
    Ok(Fact::tensor(dtype, found.shape().map(<[_]>::to_vec)))
}

/// Bytes less their zero points, as doubles; several zero points go along axis 0.
fn centred(x: &Tensor, zero: Option<&Tensor>) -> Result<Tensor> {
    check_bytes(x.dtype())?;
    let zeros = match zero {
        None => vec![0],
        Some(z) if z.dtype() != x.dtype() => {
            return Err(Error::invalid(format!("the zero point is {} where {} is expected", z.dtype(), x.dtype())));
        }
        Some(z) => z.to_i64_vec()?,
    };
    let leading = x.shape().first().copied().unwrap_or(1);
    if zeros.len() != 1 && zeros.len() != leading {
        return Err(Error::invalid(format!("{} zero points for {leading} channels", zeros.len())));
    }
    let plane = (x.len() / leading.max(1)).max(1);
    let at = |i: usize| if zeros.len() == 1 { zeros[0] } else { zeros[i / plane] };
    let values = x.to_i64_vec()?.into_iter().enumerate().map(|(i, v)| (v - at(i)) as f64).collect();
    Tensor::from_vec(x.shape(), values)
}

/// The sums of a convolution of bytes. Doubles hold them exactly: a product takes 17 bits, so 2^36 of them fit.
pub(super) fn sums(conv: &Conv, x: &Tensor, xz: Option<&Tensor>, w: &Tensor, wz: Option<&Tensor>) -> Result<Tensor> {
    if xz.is_some_and(|z| z.len() != 1) {
        return Err(Error::invalid("the input's zero point is one number"));
    }
    let (x, w) = (Value::Tensor(centred(x, xz)?), Value::Tensor(centred(w, wz)?));
    let found = conv.evaluate(Inputs(&[Some(&x), Some(&w)]))?.remove(0);
    let found = found.as_tensor()?;
    Tensor::from_vec(found.shape(), found.as_slice::<f64>()?.iter().map(|v| *v as i64 as i32).collect())
}

impl Operator for ConvInteger {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![convolved_fact(&self.conv, inputs.required(0)?, inputs.required(1)?, DType::I32)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (x, w) = (inputs.tensor(0)?, inputs.tensor(1)?);
        Ok(vec![sums(&self.conv, x, inputs.optional_tensor(2)?, w, inputs.optional_tensor(3)?)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Attribute, Attributes, Tensor,
        family::math::elementwise::testing::{run, run_with},
    };

    #[test]
    fn padding_adds_nothing() {
        let x = Tensor::from_vec([1, 1, 2, 3], vec![2u8, 3, 4, 5, 6, 7]).unwrap();
        let w = Tensor::from_vec([2, 1, 1, 2], vec![1u8, 1, 3, 1]).unwrap();
        let (xz, wz) = (Tensor::scalar(1u8), Tensor::from_vec([2], vec![0u8, 1]).unwrap());
        let got = run("ConvInteger", 10, &[&x, &w, &xz]).unwrap();
        assert_eq!(got, Tensor::from_vec([1, 2, 2, 2], vec![3, 5, 9, 11, 5, 9, 17, 21]).unwrap());
        let padded = Attributes::new().with("pads", Attribute::Ints(vec![0, 1, 0, 0]));
        let got = run_with("ConvInteger", 10, &padded, &[&x, &w, &xz, &wz]).unwrap();
        assert_eq!(got, Tensor::from_vec([1, 2, 2, 3], vec![1, 3, 5, 4, 9, 11, 0, 2, 4, 0, 8, 10]).unwrap());
        assert!(run("ConvInteger", 10, &[&x, &w, &wz]).is_err(), "two zero points of the input");
        assert!(run("ConvInteger", 10, &[&x, &w, &Tensor::scalar(1i8)]).is_err());
        assert!(run("ConvInteger", 10, &[&x, &Tensor::from_vec([1, 2, 1, 1], vec![1u8, 2]).unwrap()]).is_err());
    }
}
