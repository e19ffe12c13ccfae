//! `ai.hologram::QuantizedConv`: a convolution in eight bits.

use super::{
    Coding,
    conv_integer::{geometry, sums},
    quantized_layers::WIDTH_MAX,
};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts, family::nn::Conv, rows,
    tensor::element_count,
};
use std::sync::Arc;

/// `y = s (c - zero) * W + b`: the convolution of the codes of eight bits ([`Coding`]) of `x`, `[N, C, ...]` in `f32`, with
/// weights `[M, C / group, ...]` in `i8`; scales and addends are `[M]` in `f32`. Padding is zero: it adds nothing.
///
/// Order of arithmetic: the sum of products is exact, in `i32`; it is rounded to `f32` once and enters one fused
/// multiply-add with scale and addend. An image that holds a NaN gives NaN everywhere.
#[derive(Debug)]
pub struct QuantizedConv {
    /// The geometry.
    pub conv: Conv,
    /// How the input becomes codes.
    pub coding: Coding,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let factor = node.attributes.required("factor", |a, n| a.float(n))?;
    let coding = Coding::new(factor, node.attributes.int_or("zero", 0)?)?;
    if node.inputs != 4 {
        return Err(Error::invalid(format!("{} inputs where x, weights, scales and addends are", node.inputs)));
    }
    Ok(Arc::new(QuantizedConv { conv: geometry(node)?, coding }))
}

impl Operator for QuantizedConv {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        for (i, wanted) in [DType::F32, DType::I8, DType::F32, DType::F32].into_iter().enumerate() {
            let found = inputs.dtype(i)?;
            if found != wanted {
                return Err(Error::invalid(format!("input {i} is {found} where {wanted} is expected")));
            }
        }
        let as_floats = |f: &Fact| Fact::tensor(DType::F32, f.shape().map(<[_]>::to_vec));
        let (x, w) = (as_floats(inputs.required(0)?), as_floats(inputs.required(1)?));
        let maps = w.shape().and_then(|s| s.first()).cloned().unwrap_or(Dim::Unknown);
        for i in [2, 3] {
            match inputs.shape(i)? {
                Some([n]) if n.unify(&maps).is_ok() => {}
                None => {}
                Some(other) => {
                    let other = crate::fact::shape_text(other);
                    return Err(Error::invalid(format!("input {i} has shape {other} for {maps:?} output channels")));
                }
            }
        }
        if let Some(products) = w.shape().and_then(|s| crate::fact::known_shape(&s[1.min(s.len())..])) {
            let products = element_count(&products)?;
            if products > WIDTH_MAX {
                return Err(Error::unsupported(format!("sums of {products} products; {WIDTH_MAX} fit")));
            }
        }
        self.conv.infer(Facts(&[Some(&x), Some(&w)]))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let facts = inputs.known();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        self.infer(Facts(&facts))?;
        let (x, weights) = (inputs.tensor(0)?, inputs.tensor(1)?);
        let (scales, addends) = (inputs.tensor(2)?.as_slice::<f32>()?, inputs.tensor(3)?.as_slice::<f32>()?);
        let numbers = x.as_slice::<f32>()?;
        let codes = Tensor::from_vec(x.shape(), numbers.iter().map(|x| self.coding.code(*x)).collect())?;
        let found = sums(&self.conv, &codes, Some(&Tensor::scalar(self.coding.zero)), weights, None)?;
        let (images, maps) = (found.shape()[0], found.shape()[1]);
        let places = (found.len() / (images * maps).max(1)).max(1);
        let mut out = Vec::with_capacity(found.len());
        for (plane, own) in found.as_slice::<i32>()?.chunks_exact(places).enumerate() {
            let (scale, addend) = (scales[plane % maps], addends[plane % maps]);
            out.extend(own.iter().map(|sum| (*sum as f32).mul_add(scale, addend)));
        }
        let (image, own) = (numbers.len() / images.max(1), out.len() / images.max(1));
        if image > 0 && own > 0 {
            for (numbers, out) in numbers.chunks_exact(image).zip(out.chunks_exact_mut(own)) {
                if numbers.iter().any(|x| x.is_nan()) {
                    out.fill(f32::NAN);
                }
            }
        }
        Ok(vec![Tensor::from_vec(found.shape(), out)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::leading(rows, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, Result, Tensor, Value, family::ml::testing};

    fn attributes(factor: f32, zero: i64) -> Attributes {
        Attributes::new()
            .with("factor", Attribute::Float(factor))
            .with("zero", Attribute::Int(zero))
            .with("pads", Attribute::Ints(vec![0, 1, 0, 0]))
    }

    fn run(attributes: &Attributes, inputs: &[Tensor]) -> Result<Tensor> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::Tensor).collect();
        testing::run("ai.hologram", "QuantizedConv", 1, attributes, &inputs)?.remove(0).into_tensor()
    }

    fn inputs() -> Vec<Tensor> {
        let x = [0.5f32, 1.0, -0.5, 1.5, f32::NAN, 0.0, 0.0, 0.0];
        vec![
            Tensor::from_slice([2, 1, 2, 2], &x).unwrap(),
            Tensor::from_slice([2, 1, 1, 2], &[1i8, 2, -1, 0]).unwrap(),
            Tensor::from_slice([2], &[0.5f32, 2.0]).unwrap(),
            Tensor::from_slice([2], &[0.0f32, 1.0]).unwrap(),
        ]
    }

    #[test]
    fn padding_adds_nothing_and_nan_stays_in_its_image() {
        let got = run(&attributes(2.0, 9), &inputs()).unwrap();
        // The codes less their zero are 1, 2 and -1, 3, with a zero in front of each row.
        let want = [1.0, 2.5, -1.0, 2.5, 1.0, -1.0, 1.0, 3.0];
        assert_eq!(got.shape(), [2, 2, 2, 2]);
        let got = got.as_slice::<f32>().unwrap();
        assert_eq!(got[..8], want);
        assert!(got[8..].iter().all(|y| y.is_nan()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (what, at, tensor) in [
            ("a type", 0, Tensor::zeros(crate::DType::F64, [1, 1, 2, 2]).unwrap()),
            ("channels", 0, Tensor::zeros(crate::DType::F32, [1, 2, 2, 2]).unwrap()),
            ("weights", 1, Tensor::zeros(crate::DType::F32, [2, 1, 1, 2]).unwrap()),
            ("scales", 2, Tensor::zeros(crate::DType::F32, [1]).unwrap()),
            ("addends", 3, Tensor::zeros(crate::DType::F32, [2, 1]).unwrap()),
            ("too wide", 1, Tensor::zeros(crate::DType::I8, [2, 1, 256, 257]).unwrap()),
        ] {
            let mut inputs = inputs();
            inputs[at] = tensor;
            assert!(run(&attributes(2.0, 0), &inputs).is_err(), "{what}");
        }
        assert!(run(&attributes(2.0, 0), &inputs()[..3]).is_err());
        assert!(run(&attributes(f32::NAN, 0), &inputs()).is_err());
        assert!(run(&attributes(2.0, 300), &inputs()).is_err());
    }
}
