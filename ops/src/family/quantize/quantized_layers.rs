//! `ai.hologram::QuantizedLayers`: fully connected layers one after the other, in eight bits.

use super::{Coding, matmul_integer};
use crate::{
    DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::{Facts, shape_text},
    rows,
    tensor::element_count,
};
use std::sync::Arc;

/// Inputs of each layer: weights, scales, addends, and the table behind it, which the last one has not.
pub const INPUTS_OF_LAYER: usize = 4;

/// Numbers that one sum may have: so many products of two bytes fit an `i32`.
pub const WIDTH_MAX: usize = 1 << 16;

/// How the codes that a layer multiplies come about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerCoding {
    /// Of the numbers in front: the input of the first layer, the sums of the layer before each other one. The codes of
    /// the latter number the entries of the table that gives the codes of this layer.
    pub numbers: Coding,
    /// The code that stands for zero in this layer.
    pub zero: u8,
}

/// `y = s (c - zero) W + b` layer after layer over the last axis of `x`, `[..., k]` in `f32`, where `c` are codes of
/// eight bits ([`Coding`]): of `x` for the first layer, for each other one `table[code of y]` of the layer before it. A
/// table is an activation and the coding of its answer in one.
///
/// Inputs: `x`, then for each layer weights `[k, n]` in `i8`, scales `[n]` and addends `[n]` in `f32`, and for all but the
/// last a table `[256]` in `u8`. The output is `[..., n]` of the last layer in `f32`.
///
/// Order of arithmetic: the sum of products is exact, in `i32`; it is rounded to `f32` once and enters one fused
/// multiply-add with scale and addend. A row that holds a NaN gives NaN.
#[derive(Debug)]
pub struct QuantizedLayers {
    /// For each layer, how its codes come about.
    pub codings: Vec<LayerCoding>,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let factors = node.attributes.required("factors", |a, n| a.floats(n))?;
    let ints = |name: &str| node.attributes.required(name, |a, n| a.ints(n));
    let (codes, zeros) = (ints("codes")?, ints("zeros")?);
    if factors.is_empty() || factors.len() != codes.len() || factors.len() != zeros.len() {
        let (f, c, z) = (factors.len(), codes.len(), zeros.len());
        return Err(Error::invalid(format!("{f} factors, {c} codes and {z} zeros: there is one of each for a layer")));
    }
    if node.inputs != factors.len() * INPUTS_OF_LAYER {
        return Err(Error::invalid(format!("{} inputs for {} layers", node.inputs, factors.len())));
    }
    let one = |((factor, code), zero): ((&f32, &i64), &i64)| {
        Ok(LayerCoding { numbers: Coding::new(*factor, *code)?, zero: Coding::new(1.0, *zero)?.zero })
    };
    let codings: Vec<LayerCoding> = factors.iter().zip(&codes).zip(&zeros).map(one).collect::<Result<_>>()?;
    if codings[0].zero != codings[0].numbers.zero {
        return Err(Error::invalid("the first layer takes the codes of its input, so its zeros are one"));
    }
    Ok(Arc::new(QuantizedLayers { codings }))
}

impl QuantizedLayers {
    /// The index of the first input of a layer.
    pub fn input_of(layer: usize) -> usize {
        1 + layer * INPUTS_OF_LAYER
    }

    /// The shape of the output for these inputs' types.
    fn check(&self, given: impl Fn(usize) -> Result<(DType, Option<Vec<Dim>>)>) -> Result<Option<Vec<Dim>>> {
        let expect = |i: usize, dtype: DType, shape: &[Dim]| -> Result<Vec<Dim>> {
            let (found, dims) = given(i)?;
            let dims = dims.unwrap_or_else(|| vec![Dim::Unknown; shape.len()]);
            let unified: Option<Vec<Dim>> = (dims.len() == shape.len() && found == dtype)
                .then(|| dims.iter().zip(shape).map(|(a, b)| a.unify(b).ok()).collect())
                .flatten();
            unified.ok_or_else(|| {
                let (dims, shape) = (shape_text(&dims), shape_text(shape));
                Error::invalid(format!("input {i} is {found}{dims} where {dtype}{shape} is expected"))
            })
        };
        let (dtype, shape) = given(0)?;
        let mut width = match &shape {
            _ if dtype != DType::F32 => {
                return Err(Error::invalid(format!("input 0 is {dtype} where f32 is expected")));
            }
            Some(shape) => shape.last().cloned().ok_or_else(|| Error::invalid("input 0 has no dimensions"))?,
            None => Dim::Unknown,
        };
        for layer in 0..self.codings.len() {
            let first = Self::input_of(layer);
            let weights = expect(first, DType::I8, &[width, Dim::Unknown])?;
            if weights[0].known().is_some_and(|k| k > WIDTH_MAX) {
                return Err(Error::unsupported(format!("sums of {:?} products; {WIDTH_MAX} fit", weights[0])));
            }
            width = expect(first + 1, DType::F32, &weights[1..])?.remove(0);
            width = expect(first + 2, DType::F32, &[width])?.remove(0);
            if layer + 1 < self.codings.len() {
                expect(first + 3, DType::U8, &[Dim::Known(256)])?;
            }
        }
        Ok(shape.map(|mut shape| {
            if let Some(last) = shape.last_mut() {
                *last = width;
            }
            shape
        }))
    }
}

impl Operator for QuantizedLayers {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let shape = self.check(|i| Ok((inputs.dtype(i)?, inputs.shape(i)?.map(<[_]>::to_vec))))?;
        Ok(vec![Fact::tensor(DType::F32, shape)])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let known = |i: usize| {
            let tensor = inputs.tensor(i)?;
            Ok((tensor.dtype(), Some(tensor.shape().iter().copied().map(Dim::Known).collect())))
        };
        let shape = self.check(known)?.and_then(|shape| crate::fact::known_shape(&shape));
        let shape = shape.ok_or_else(|| Error::invalid("a shape that is not known"))?;
        let x = inputs.tensor(0)?;
        let width = x.shape().last().copied().unwrap_or(0);
        let rows = element_count(&x.shape()[..x.rank().saturating_sub(1)])?;
        let numbers = x.as_slice::<f32>()?;
        let has_nan: Vec<bool> = match width {
            0 => vec![false; rows],
            width => numbers.chunks_exact(width).map(|row| row.iter().any(|x| x.is_nan())).collect(),
        };
        let first = self.codings[0].numbers;
        let mut codes = Tensor::from_vec([rows, width], numbers.iter().map(|x| first.code(*x)).collect())?;
        let mut sums = Vec::new();
        for (layer, coding) in self.codings.iter().enumerate() {
            let at = Self::input_of(layer);
            let (weights, scales, addends) = (inputs.tensor(at)?, inputs.tensor(at + 1)?, inputs.tensor(at + 2)?);
            let centred = matmul_integer::centred(&codes, Some(&Tensor::scalar(coding.zero)), true)?;
            let products = matmul_integer::product(centred, matmul_integer::centred(weights, None, false)?)?;
            let (scales, addends) = (scales.as_slice::<f32>()?, addends.as_slice::<f32>()?);
            let columns = scales.len();
            sums = products
                .as_slice::<i32>()?
                .iter()
                .enumerate()
                .map(|(i, sum)| (*sum as f32).mul_add(scales[i % columns], addends[i % columns]))
                .collect();
            if let Some(next) = self.codings.get(layer + 1) {
                let table = inputs.tensor(at + 3)?.as_slice::<u8>()?;
                let of = |y: &f32| table[usize::from(next.numbers.code(*y))];
                codes = Tensor::from_vec([rows, columns], sums.iter().map(of).collect())?;
            }
        }
        let columns = shape.last().copied().unwrap_or(0).max(1);
        for (row, _) in sums.chunks_exact_mut(columns).zip(&has_nan).filter(|(_, nan)| **nan) {
            row.fill(f32::NAN);
        }
        Ok(vec![Tensor::from_vec(shape, sums)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        rows::along_last(rows, inputs, outputs.len())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, Attributes, Result, Tensor, Value, family::ml::testing};

    fn attributes(factors: &[f32], codes: &[i64], zeros: &[i64]) -> Attributes {
        Attributes::new()
            .with("factors", Attribute::Floats(factors.into()))
            .with("codes", Attribute::Ints(codes.into()))
            .with("zeros", Attribute::Ints(zeros.into()))
    }

    fn run(attributes: &Attributes, inputs: &[Tensor]) -> Result<Tensor> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::Tensor).collect();
        testing::run("ai.hologram", "QuantizedLayers", 1, attributes, &inputs)?.remove(0).into_tensor()
    }

    fn floats(shape: &[usize], values: &[f32]) -> Tensor {
        Tensor::from_slice(shape, values).unwrap()
    }

    fn weights(shape: &[usize], values: &[i8]) -> Tensor {
        Tensor::from_slice(shape, values).unwrap()
    }

    /// A layer of halves and a table that takes what is below its zero for zero, then a layer of one sum.
    fn two_layers(x: Tensor) -> Vec<Tensor> {
        let relu: Vec<u8> = (0..=255).map(|code: u8| code.saturating_sub(100)).collect();
        vec![
            x,
            weights(&[2, 3], &[2, -4, 0, 1, 1, -2]),
            floats(&[3], &[0.5, 0.5, 1.0]),
            floats(&[3], &[0.0, 1.0, 0.0]),
            Tensor::from_vec([256], relu).unwrap(),
            weights(&[3, 1], &[1, 10, 100]),
            floats(&[1], &[0.25]),
            floats(&[1], &[-1.0]),
        ]
    }

    #[test]
    fn sums_become_codes_and_codes_sums() {
        // A code is half of one in the input; of the sums in between a code is one.
        let own = attributes(&[2.0, 1.0], &[7, 100], &[7, 0]);
        let x = floats(&[1, 4, 2], &[1.0, -1.5, 0.2, 60.0, f32::NAN, 0.0, f32::NEG_INFINITY, 0.0]);
        let got = run(&own, &two_layers(x)).unwrap();
        // Codes less their zero: (2, -3), (0, 120), NaN, (-7, 0). Sums (0.5, -4.5, 6), (60, 61, -240), NaN, (-7, 15, 0);
        // of them the codes (0, 0, 6), (60, 61, 0), NaN, (0, 15, 0).
        assert_eq!(got, floats(&[1, 4, 1], &[149.0, 166.5, f32::NAN, 36.5]));
        let empty = run(&own, &two_layers(floats(&[0, 2], &[]))).unwrap();
        assert_eq!(empty.shape(), [0, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let x = floats(&[1, 2], &[1.0, 2.0]);
        let good = attributes(&[2.0, 1.0], &[7, 100], &[7, 0]);
        assert!(run(&good, &two_layers(x.clone())).is_ok());
        for (what, own) in [
            ("a factor", attributes(&[2.0, 0.0], &[7, 100], &[7, 0])),
            ("lists", attributes(&[2.0], &[7, 100], &[7, 0])),
            ("no layers", attributes(&[], &[], &[])),
            ("layers", attributes(&[2.0], &[7], &[7])),
            ("a zero", attributes(&[2.0, 1.0], &[7, 256], &[7, 0])),
            ("two zeros", attributes(&[2.0, 1.0], &[7, 100], &[8, 0])),
        ] {
            assert!(run(&own, &two_layers(x.clone())).is_err(), "{what}");
        }
        for (what, at, tensor) in [
            ("width", 0, floats(&[1, 3], &[1.0; 3])),
            ("a scalar", 0, floats(&[], &[1.0])),
            ("a type", 0, weights(&[1, 2], &[1, 2])),
            ("weights", 1, floats(&[2, 3], &[0.0; 6])),
            ("scales", 2, floats(&[2], &[0.0; 2])),
            ("addends", 3, floats(&[1, 3], &[0.0; 3])),
            ("a table", 4, Tensor::from_vec([255], vec![0u8; 255]).unwrap()),
            ("the next layer", 5, weights(&[2, 1], &[1, 1])),
            ("too wide", 1, weights(&[0, 3], &[])),
        ] {
            let mut inputs = two_layers(x.clone());
            inputs[at] = tensor;
            assert!(run(&good, &inputs).is_err(), "{what}");
        }
        let (k, one) = (super::WIDTH_MAX + 1, attributes(&[1.0], &[0], &[0]));
        let wide =
            [floats(&[1, k], &vec![0.0; k]), weights(&[k, 1], &vec![0; k]), floats(&[1], &[1.0]), floats(&[1], &[0.0])];
        assert!(run(&one, &wide).unwrap_err().to_string().contains("65536 fit"));
    }
}
