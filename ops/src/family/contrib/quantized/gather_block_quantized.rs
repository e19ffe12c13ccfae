//! [GatherBlockQuantized](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GatherBlockQuantized): slices of a table of codes by index, turned into numbers.

use super::{load::only, packed};
use crate::{
    DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value,
    fact::Facts,
    family::{
        movement::{Gather, select::around},
        nn::wide::{filled, narrow},
        quantize::granularity::singles,
    },
    operator::axis_index,
};
use std::sync::Arc;

/// The slices that Gather takes, each code as `(code - zero) * scale`, where each block along one axis has a scale and a
/// zero point.
///
/// Codes of `i4` and `u4` have the zero point 0 where none is given. Bytes hold codes of 2, 4 or 8 bits, packed along the
/// last axis, which is the quantised one, are gathered along the first, and have half their range for a zero point. The
/// product is in `f32`, rounded once to the type of the scales. An index out of range gives zeros.
#[derive(Debug)]
pub struct GatherBlockQuantized {
    /// The axis that is indexed, `-rank..rank`.
    pub gather_axis: i64,
    /// The axis that blocks lie along, `-rank..rank`.
    pub quantize_axis: i64,
    /// Codes that share a scale.
    pub block_size: usize,
    /// Bits of a code in a byte.
    pub bits: usize,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    only(node, &["bits", "block_size", "gather_axis", "quantize_axis"], 3..=4)?;
    let a = node.attributes;
    Ok(Arc::new(GatherBlockQuantized {
        gather_axis: a.int_or("gather_axis", 0)?,
        quantize_axis: a.int_or("quantize_axis", 1)?,
        block_size: packed::block_size(a.int_or("block_size", 128)?)?,
        bits: packed::bits(node)?,
    }))
}

/// The axes and how many codes an element of the data holds.
struct Plan {
    gather: usize,
    quantize: usize,
    codes: usize,
}

impl GatherBlockQuantized {
    fn plan(&self, dtype: DType, rank: usize) -> Result<Plan> {
        let (gather, quantize) = (axis_index(self.gather_axis, rank)?, axis_index(self.quantize_axis, rank)?);
        match dtype {
            DType::I4 | DType::U4 if self.bits == 4 => Ok(Plan { gather, quantize, codes: 1 }),
            DType::U8 if gather == 0 && quantize == rank - 1 && rank > 1 => {
                Ok(Plan { gather, quantize, codes: 8 / self.bits })
            }
            DType::U8 => Err(Error::unsupported(format!(
                "'gather_axis' {gather} and 'quantize_axis' {quantize} of bytes; the first and the last axis are read"
            ))),
            other => Err(Error::unsupported(format!("gathering {other} in codes of {} bits", self.bits))),
        }
    }

    /// The numbers of the whole table, in the order of its codes.
    fn table(&self, inputs: Inputs<'_>) -> Result<Tensor> {
        let (data, scales, zeros) = (inputs.tensor(0)?, inputs.tensor(2)?, inputs.optional_tensor(3)?);
        let plan = self.plan(data.dtype(), data.rank())?;
        let mut shape = data.shape().to_vec();
        shape[plan.quantize] = shape[plan.quantize].saturating_mul(plan.codes);
        let mut blocks = shape.clone();
        blocks[plan.quantize] = shape[plan.quantize].div_ceil(self.block_size);
        let expect = |i: usize, found: &[usize], wanted: &[usize]| match found == wanted {
            true => Ok(()),
            false => Err(Error::invalid(format!("input {i} has shape {found:?}; {wanted:?} is expected"))),
        };
        expect(2, scales.shape(), &blocks)?;
        let (outer, length, inner) = around(&shape, plan.quantize);
        let steps = blocks[plan.quantize];
        let zero_bytes = packed::bytes(self.bits, steps);
        if let Some(z) = zeros {
            let mut wanted = blocks.clone();
            if plan.codes > 1 {
                wanted[plan.quantize] = zero_bytes;
            }
            expect(3, z.shape(), &wanted)?;
            if z.dtype() != data.dtype() {
                return Err(Error::invalid(format!("input 3 is {} where {} is expected", z.dtype(), data.dtype())));
            }
        }
        let scales = singles(scales)?;
        let mut out = filled(&shape, 0.0f32)?;
        // A row of codes, each beginning at a byte of its own, and its zero points; bytes have nothing behind the axis.
        let row = plan.codes > 1;
        let (codes, zero_codes) = match row {
            true => (Vec::new(), None),
            false => (data.to_i64_vec()?, zeros.map(Tensor::to_i64_vec).transpose()?),
        };
        let bytes = if row { data.as_slice::<u8>()? } else { &[] };
        let zero_packed = if row { zeros.map(|z| z.as_slice::<u8>()).transpose()? } else { None };
        let middle = if data.dtype() == DType::U8 { 1 << (self.bits - 1) } else { 0 };
        let data_bytes = length / plan.codes;
        for (i, y) in out.iter_mut().enumerate() {
            let (rest, at) = (i % inner, i / inner % length);
            let (o, step) = (i / inner / length, at / self.block_size);
            let parameter = (o * steps + step) * inner + rest;
            let code = if row { packed::code(&bytes[o * data_bytes..], self.bits, at) } else { codes[i] };
            let zero = match (&zero_packed, &zero_codes) {
                (Some(z), _) => packed::code(&z[o * zero_bytes..], self.bits, step),
                (None, Some(z)) => z[parameter],
                (None, None) => middle,
            };
            *y = (code - zero) as f32 * scales[parameter];
        }
        debug_assert_eq!(out.len(), outer * length * inner);
        Tensor::from_vec(shape, out)
    }
}

impl Operator for GatherBlockQuantized {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        let data = inputs.dtype(0)?;
        inputs.dtype_where(1, "i32 or i64", |t| matches!(t, DType::I32 | DType::I64))?;
        let dtype =
            inputs.dtype_where(2, "f32, f16 or bf16", |t| matches!(t, DType::F32 | DType::F16 | DType::BF16))?;
        if inputs.get(3).is_some() {
            inputs.dtype_where(3, data.name(), |t| t == data)?;
        }
        let (Some(shape), Some(indices)) = (inputs.shape(0)?, inputs.shape(1)?) else {
            self.plan(data, 2)?;
            return Ok(vec![Fact::tensor(dtype, None)]);
        };
        let plan = self.plan(data, shape.len())?;
        let mut shape = shape.to_vec();
        shape[plan.quantize] = shape[plan.quantize].map(|n| n.saturating_mul(plan.codes));
        Ok(vec![Fact::tensor(dtype, Some([&shape[..plan.gather], indices, &shape[plan.gather + 1..]].concat()))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let (table, indices) = (self.table(inputs)?, inputs.tensor(1)?);
        let axis = axis_index(self.gather_axis, table.rank())?;
        let (outer, extent, inner) = around(table.shape(), axis);
        let shape = [&table.shape()[..axis], indices.shape(), &table.shape()[axis + 1..]].concat();
        let (values, at) = (table.as_slice::<f32>()?, indices.to_i64_vec()?);
        let mut out = filled(&shape, 0.0f32)?;
        if inner > 0 && !at.is_empty() {
            for (i, slice) in out.chunks_exact_mut(inner).enumerate() {
                // Zeros stay where the index is out of range.
                if let Ok(k) = crate::family::movement::select::wrap_index(at[i % at.len()], extent) {
                    slice.copy_from_slice(&values[(i / at.len() * extent + k) * inner..][..inner]);
                }
            }
        }
        debug_assert_eq!(out.len(), outer * at.len() * inner);
        Ok(vec![narrow(inputs.tensor(2)?.dtype(), shape, out)?.into()])
    }

    fn rows(&self, rows: &[Rows], inputs: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        if rows.first() != Some(&Rows::Free) || rows.iter().skip(2).any(|r| *r != Rows::Free) {
            return crate::rows::opaque(rows, outputs.len());
        }
        let facts = Facts(&[inputs.get(0), inputs.get(1)]);
        Gather { axis: self.gather_axis }.rows(&rows[..2.min(rows.len())], facts, outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{run, u8s};
    use crate::{Attribute, DType, Tensor, family::nn::testing::t};

    fn with(pairs: &[(&'static str, i64)]) -> Vec<(&'static str, Attribute)> {
        pairs.iter().map(|(name, value)| (*name, Attribute::Int(*value))).collect()
    }

    #[test]
    fn bytes_of_each_width() {
        // A row of threes, or of ones, in blocks of 16 of the scales 1 and 10; all 32 codes of a row are alike.
        let indices = Tensor::from_vec([2], vec![1i64, -3]).unwrap();
        for (bits, three) in [(2i64, 0xffu8), (4, 0x33), (8, 3)] {
            let each = 4 * bits as usize;
            let data = u8s(&[2, each], &[vec![0; each], vec![three; each]].concat());
            let scales = t(&[2, 2], &[9.0, 9.0, 1.0, 10.0]);
            let middle = (1 << (bits - 1)) as f32;
            let attributes = with(&[("bits", bits), ("block_size", 16)]);
            let got = run("GatherBlockQuantized", &attributes, &[&data, &indices, &scales]).unwrap();
            assert_eq!(got.shape(), [2, 32]);
            let row = [vec![3.0 - middle; 16], vec![10.0 * (3.0 - middle); 16]].concat();
            // The second index is out of range.
            assert_eq!(got, t(&[2, 32], &[row, vec![0.0; 32]].concat()), "{bits} bits");
            let zero = if bits == 8 { u8s(&[2, 2], &[0, 0, 1, 2]) } else { u8s(&[2, 1], &[0, 1 | 2 << bits]) };
            let got = run("GatherBlockQuantized", &attributes, &[&data, &indices, &scales, &zero]).unwrap();
            let row = [vec![2.0; 16], vec![10.0; 16]].concat();
            assert_eq!(got, t(&[2, 32], &[row, vec![0.0; 32]].concat()), "{bits} bits");
        }
    }

    #[test]
    fn small_integers_and_refusals() {
        let small = |shape: &[usize], v: Vec<i64>| Tensor::from_vec(shape, v).unwrap().cast(DType::I4).unwrap();
        let data = small(&[2, 3], vec![-8, 1, 7, 2, 3, 4]);
        let index = Tensor::scalar(2i32);
        let scales = t(&[1, 3], &[1.0, 2.0, 0.5]);
        let attributes = with(&[("quantize_axis", 0), ("gather_axis", 1), ("block_size", 16)]);
        let got = run("GatherBlockQuantized", &attributes, &[&data, &index, &scales]).unwrap();
        assert_eq!(got, t(&[2], &[3.5, 2.0]));
        let zero = small(&[1, 3], vec![0, 0, -1]);
        let half = scales.cast(DType::F16).unwrap();
        let got = run("GatherBlockQuantized", &attributes, &[&data, &index, &half, &zero]).unwrap();
        assert_eq!(got, t(&[2], &[4.0, 2.5]).cast(DType::F16).unwrap());
        assert!(run("GatherBlockQuantized", &attributes, &[&data, &index, &t(&[1, 2], &[1.0; 2])]).is_err(), "scales");
        let bytes = u8s(&[2, 8], &[0; 16]);
        assert!(run("GatherBlockQuantized", &attributes, &[&bytes, &index, &t(&[2, 1], &[1.0; 2])]).is_err(), "axes");
        assert!(run("GatherBlockQuantized", &with(&[("bits", 8)]), &[&data, &index, &t(&[2, 1], &[1.0; 2])]).is_err());
        assert!(
            run("GatherBlockQuantized", &with(&[("block_size", 0)]), &[&bytes, &index, &t(&[2, 1], &[1.0; 2])])
                .is_err()
        );
    }
}
