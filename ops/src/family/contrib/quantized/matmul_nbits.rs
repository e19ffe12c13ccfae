//! [MatMulNBits](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits): a product with a matrix of codes of a few bits, quantised in blocks.

use super::{
    load::{only, unset},
    packed,
    parameters::rows_like,
};
use crate::{
    Attributes, DType, Dim, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    broadcast::broadcast_map,
    fact::Facts,
    family::{
        math::{MatMul, elementwise::same_float},
        nn::wide::filled,
        quantize::granularity::singles,
    },
};
use std::sync::Arc;

/// `Y = A B^T + bias` with `B[n, k] = (code - zero) * scale`, where each block of `k` has a scale and a zero point.
///
/// Order of arithmetic: an element of `B` is an exact difference (of a zero point in codes) times the scale in `f32`;
/// the product is MatMul's in `f32`; then the bias; `f16` and `bf16` are rounded to once, at the end. `accuracy_level`
/// names the least accuracy of `A`, of which none is lost here. Without zero points they are half of the range.
#[derive(Debug)]
pub struct MatMulNBits {
    /// Columns of the product.
    pub n: usize,
    /// Elements of a row of `A`.
    pub k: usize,
    /// Bits of a code: 2, 4 or 8.
    pub bits: usize,
    /// Codes that share a scale.
    pub block_size: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["K", "N", "accuracy_level", "bits", "block_size", "weight_prepacked"], 3..=6)?;
    unset(node, "weight_prepacked")?;
    let level = node.attributes.int_or("accuracy_level", 0)?;
    if !(0..=4).contains(&level) {
        return Err(Error::unsupported(format!("attribute 'accuracy_level' is {level}; it is 0 to 4")));
    }
    let size = |name: &str| {
        let n = node.attributes.required(name, Attributes::int)?;
        usize::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| Error::invalid(format!("attribute '{name}' is {n}")))
    };
    let block_size = packed::block_size(node.attributes.required("block_size", Attributes::int)?)?;
    Ok(Arc::new(MatMulNBits { n: size("N")?, k: size("K")?, bits: packed::bits(node)?, block_size }))
}

impl MatMulNBits {
    /// Blocks of a row of the weight.
    fn blocks(&self) -> usize {
        self.k.div_ceil(self.block_size)
    }

    fn check_length(&self, i: usize, found: usize, per_row: usize) -> Result<()> {
        if self.n.checked_mul(per_row) == Some(found) {
            return Ok(());
        }
        Err(Error::invalid(format!("input {i} has {found} elements; {} rows of {per_row} are expected", self.n)))
    }

    /// The zero point of each block: codes that are packed, or numbers.
    fn zeros(&self, zero: Option<&Tensor>) -> Result<Vec<f32>> {
        let blocks = self.blocks();
        let Some(zero) = zero else {
            return filled(&[self.n, blocks], (1u32 << (self.bits - 1)) as f32);
        };
        if zero.dtype() != DType::U8 {
            self.check_length(3, zero.len(), blocks)?;
            return singles(zero);
        }
        let per_row = packed::bytes(self.bits, blocks);
        self.check_length(3, zero.len(), per_row)?;
        let rows = zero.as_slice::<u8>()?.chunks_exact(per_row);
        Ok(rows.flat_map(|row| (0..blocks).map(|b| packed::code(row, self.bits, b) as f32)).collect())
    }

    /// The weight in numbers, as the right factor `[K, N]`.
    fn weight(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let (codes, scales) = (inputs.tensor(1)?, inputs.tensor(2)?);
        let (blocks, blob) = (self.blocks(), packed::bytes(self.bits, self.block_size));
        self.check_length(1, codes.len(), blocks.saturating_mul(blob))?;
        self.check_length(2, scales.len(), blocks)?;
        let (codes, scales, zeros) =
            (codes.as_slice::<u8>()?, singles(scales)?, self.zeros(inputs.optional_tensor(3)?)?);
        let mut out = filled(&[self.k, self.n], 0.0f32)?;
        for n in 0..self.n {
            for k in 0..self.k {
                let at = n * blocks + k / self.block_size;
                let code = packed::code(&codes[at * blob..(at + 1) * blob], self.bits, k % self.block_size);
                out[k * self.n + n] = (code as f32 - zeros[at]) * scales[at];
            }
        }
        Tensor::from_vec([self.k, self.n], out)
    }
}

impl Operator for MatMulNBits {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        if inputs.get(4).is_some() {
            return Err(Error::unsupported("input 4 (g_idx), which reorders blocks"));
        }
        let dtype = same_float(&[inputs.dtype(0)?])?;
        if dtype == DType::F64 {
            return Err(Error::unsupported("input 0 is f64; f32, f16 and bf16 are multiplied with"));
        }
        inputs.dtype_where(1, "u8", |t| t == DType::U8)?;
        inputs.dtype_where(2, dtype.name(), |t| t == dtype)?;
        if inputs.get(3).is_some() {
            inputs.dtype_where(3, "u8 or the type of input 0", |t| t == DType::U8 || t == dtype)?;
        }
        super::matmul_integer_to_float::check_bias(inputs, 5, dtype)?;
        let a = Fact::tensor(dtype, inputs.shape(0)?.map(<[_]>::to_vec));
        let b = Fact::shaped(dtype, [Dim::Known(self.k), Dim::Known(self.n)]);
        MatMul.infer(Facts(&[Some(&a), Some(&b)]))
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let a = inputs.tensor(0)?;
        let (left, right) = (Value::Tensor(a.widen()?), Value::Tensor(self.weight(inputs)?));
        let mut y = MatMul.evaluate(Inputs(&[Some(&left), Some(&right)]))?.remove(0).into_tensor()?;
        if let Some(bias) = inputs.optional_tensor(5)? {
            self.check_length(5, bias.len(), 1)?;
            y = broadcast_map::<f32, f32, f32>(&y, &bias.widen()?, |y, b| y + b)?;
        }
        Ok(vec![y.narrow(a.dtype())?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        let right = Fact::shaped(DType::F32, [Dim::Known(self.k), Dim::Known(self.n)]);
        let facts: Vec<Option<&Fact>> =
            (0..inputs.len()).map(|i| if i == 1 { Some(&right) } else { inputs.get(i) }).collect();
        if rows.get(1) != Some(&Rows::Free) {
            return crate::rows::opaque(rows, outputs.len());
        }
        rows_like(&MatMul, &[0, 1], rows, Facts(&facts), outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, u8s};
    use crate::{
        Attribute, Tensor,
        family::nn::testing::{count, run_in, t},
    };

    fn attributes(n: i64, k: i64, bits: i64) -> Vec<(&'static str, Attribute)> {
        let sizes = [("N", n), ("K", k), ("bits", bits), ("block_size", 16)];
        sizes.into_iter().map(|(name, value)| (name, Attribute::Int(value))).collect()
    }

    #[test]
    fn codes_of_each_width() {
        // One row of ones; 18 codes of k in two blocks, the last of them mostly unused.
        let a = Tensor::from_vec([1, 18], vec![1.0f32; 18]).unwrap();
        let scales = t(&[1, 2], &[1.0, 10.0]);
        for (bits, fill, blob, sum) in [(2i64, 0b0110_0110u8, 4usize, 24.0f32), (4, 0x53, 8, 64.0), (8, 7, 16, 112.0)] {
            // The codes 2 and 1, 3 and 5, or 7, in turns: sixteen, then two of them times ten.
            let codes = u8s(&[1, 2, blob], &vec![fill; 2 * blob]);
            let last = sum / 8.0 * 10.0;
            let zero = if bits == 8 { u8s(&[1, 2], &[0, 0]) } else { u8s(&[1, 1], &[0]) };
            let got = run("MatMulNBits", &attributes(1, 18, bits), &[&a, &codes, &scales, &zero]).unwrap();
            assert_eq!(got, t(&[1, 1], &[sum + last]), "{bits} bits");
            let middle = (1u32 << (bits - 1)) as f32;
            let got = run("MatMulNBits", &attributes(1, 18, bits), &[&a, &codes, &scales]).unwrap();
            assert_eq!(got, t(&[1, 1], &[sum - 16.0 * middle + last - 20.0 * middle]), "{bits} bits");
        }
    }

    #[test]
    fn zero_points_bias_and_refusals() {
        let a = count(&[2, 16]);
        let codes = u8s(&[2, 1, 8], &[[0x99u8; 8], [0x11; 8]].concat());
        let scales = t(&[2, 1], &[1.0, 0.5]);
        let (packed, numbers, bias) = (u8s(&[2, 1], &[8, 3]), t(&[2, 1], &[8.5, 1.5]), t(&[2], &[1.0, 2.0]));
        let attributes = attributes(2, 16, 4);
        // The rows of A sum to 120 and 376; the weights are all 1 and -1, or 0.5 and -0.25.
        let got = run("MatMulNBits", &attributes, &[&a, &codes, &scales, &packed]).unwrap();
        assert_eq!(got, t(&[2, 2], &[120.0, -120.0, 376.0, -376.0]));
        let given = [Some(a.clone()), Some(codes.clone()), Some(scales.clone()), Some(numbers), None, Some(bias)];
        let got = run_in("com.microsoft", "MatMulNBits", 1, &attributes, &given, 1).unwrap();
        assert_eq!(got[0], t(&[2, 2], &[61.0, -28.0, 189.0, -92.0]));
        let index = Tensor::from_vec([16], vec![0i32; 16]).unwrap();
        let error = run("MatMulNBits", &attributes, &[&a, &codes, &scales, &packed, &index]).unwrap_err().to_string();
        assert!(error.contains("g_idx"), "{error}");
        assert!(run("MatMulNBits", &attributes, &[&a, &u8s(&[2, 1, 4], &[0; 8]), &scales]).is_err(), "too few codes");
        assert!(run("MatMulNBits", &attributes, &[&count(&[2, 15]), &codes, &scales]).is_err(), "K");
        assert!(run("MatMulNBits", &attributes, &[&a, &codes, &t(&[2], &[1.0; 2]), &u8s(&[1], &[0])]).is_err());
        for (name, value) in [("bits", 3), ("block_size", 24), ("N", 0), ("weight_prepacked", 1), ("accuracy_level", 9)]
        {
            let mut changed = attributes.clone();
            changed.retain(|(n, _)| *n != name);
            changed.push((name, Attribute::Int(value)));
            let error = run("MatMulNBits", &changed, &[&a, &codes, &scales]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
