//! [MurmurHash3](https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MurmurHash3): a hash
//! of each element.

use super::compose::check;
use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// [MurmurHash3_x86_32](https://github.com/aappleby/smhasher/wiki/MurmurHash3) of the bytes of each element, numbers in
/// little-endian order.
#[derive(Debug)]
pub struct MurmurHash3 {
    /// Where the hash begins.
    pub seed: u32,
    /// Whether the output is unsigned.
    pub positive: bool,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    check(node, &["seed", "positive"], 1, 1)?;
    let seed = node.attributes.int_or("seed", 0)?;
    Ok(Arc::new(MurmurHash3 {
        seed: u32::try_from(seed).map_err(|_| Error::invalid(format!("attribute 'seed' is {seed}")))?,
        positive: node.attributes.flag_or("positive", true)?,
    }))
}

fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let little = |part: &[u8]| part.iter().rev().fold(0u32, |k, b| k << 8 | u32::from(*b));
    let words = bytes.chunks_exact(4);
    let tail = words.remainder();
    let body =
        words.fold(seed, |h, word| (h ^ mix(little(word))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64));
    let mut h = body ^ mix(little(tail)) ^ bytes.len() as u32;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

fn dtype(given: DType) -> Result<DType> {
    match given {
        DType::I32 | DType::U32 | DType::I64 | DType::U64 | DType::F32 | DType::F64 | DType::String => Ok(given),
        other => Err(Error::unsupported(format!("element type {other} to hash"))),
    }
}

impl Operator for MurmurHash3 {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        dtype(inputs.dtype(0)?)?;
        let out = if self.positive { DType::U32 } else { DType::I32 };
        Ok(vec![Fact::tensor(out, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        let hashes: Vec<u32> = match dtype(x.dtype())? {
            DType::String => x.as_strings()?.iter().flatten().map(|s| hash(s.as_bytes(), self.seed)).collect(),
            d => x.buffer()?.as_slice().chunks_exact(d.size()).map(|bytes| hash(bytes, self.seed)).collect(),
        };
        if self.positive {
            return Ok(vec![Tensor::from_vec(x.shape(), hashes)?.into()]);
        }
        Ok(vec![Tensor::from_vec(x.shape(), hashes.into_iter().map(u32::cast_signed).collect())?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, family::nn::testing::run_in};

    #[test]
    fn published_values() {
        for (text, seed, want) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("test", 0, 0xba6b_d213),
            ("Hello, world!", 0, 0xc036_3e43),
            ("The quick brown fox jumps over the lazy dog", 0x9747_b28c, 0x2fa8_26cd),
        ] {
            assert_eq!(hash(text.as_bytes(), seed), want, "{text}");
        }
    }

    #[test]
    fn types_and_signs() {
        let go = |x: Tensor, positive: i64| {
            run_in("com.microsoft", "MurmurHash3", 1, &[("positive", Attribute::Int(positive))], &[Some(x)], 1)
        };
        let text = Tensor::from_string_iter([1], ["test"]).unwrap();
        assert_eq!(go(text.clone(), 1).unwrap()[0].as_slice::<u32>().unwrap(), [0xba6b_d213]);
        assert_eq!(go(text, 0).unwrap()[0].as_slice::<i32>().unwrap(), [0xba6b_d213u32.cast_signed()]);
        // The bytes of "test".
        let number = Tensor::scalar(i32::from_le_bytes(*b"test"));
        assert_eq!(go(number, 1).unwrap()[0].as_slice::<u32>().unwrap(), [0xba6b_d213]);
        assert!(go(Tensor::scalar(true), 1).is_err());
    }
}
