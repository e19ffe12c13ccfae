//! [BitCast](https://onnx.ai/onnx/operators/onnx__BitCast.html): the same bits read as another type of the same width.

use crate::{DType, Error, Fact, Inputs, Node, Operator, Result, Rows, Tensor, Value, fact::Facts};
use std::sync::Arc;

/// Reinterprets each element. Bytes read as booleans must be 0 or 1.
#[derive(Debug)]
pub struct BitCast {
    /// The type of the output.
    pub to: DType,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    Ok(Arc::new(BitCast { to: node.attributes.required("to", crate::Attributes::dtype)? }))
}

impl BitCast {
    fn check(&self, from: DType) -> Result<()> {
        if from.bits() != self.to.bits() || from.bits() == 0 {
            return Err(Error::invalid(format!("the bits of {from} cannot be read as {}", self.to)));
        }
        Ok(())
    }
}

impl Operator for BitCast {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        self.check(inputs.dtype(0)?)?;
        Ok(vec![Fact::tensor(self.to, inputs.shape(0)?.map(<[_]>::to_vec))])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        let x = inputs.tensor(0)?;
        self.check(x.dtype())?;
        if self.to.bits() == 8 * self.to.size() {
            return Ok(vec![Tensor::from_buffer(self.to, x.shape(), x.buffer()?.clone())?.into()]);
        }
        // Elements of a few bits take a byte each, of which signed ones fill the rest with their sign.
        let codes = x.buffer()?.iter().map(|b| i64::from(*b) & ((1 << self.to.bits()) - 1)).collect::<Vec<i64>>();
        let codes = Tensor::from_vec(x.shape(), codes)?;
        let to = if self.to.is_integer() { self.to } else { DType::U8 };
        Ok(vec![Tensor::from_buffer(self.to, x.shape(), codes.cast(to)?.buffer()?.clone())?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attribute, DType, Tensor, family::movement::trial::*};

    #[test]
    fn keeps_the_bits() {
        let to = |t: DType| [("to", Attribute::Int(t.code().into()))];
        let x = f32s(&[1, 2], &[1.0, -0.0]);
        let got = run("BitCast", 26, &to(DType::U32), &[x.clone()]).unwrap();
        assert_eq!(got, Tensor::from_vec([1, 2], vec![0x3f80_0000u32, 0x8000_0000]).unwrap());
        assert!(run("BitCast", 26, &to(DType::F64), &[x.clone()]).is_err());
        assert!(run("BitCast", 26, &to(DType::String), &[x]).is_err());
        let nibbles = i64s(&[3], &[-1, 7, -8]).cast(DType::I4).unwrap();
        let unsigned = run("BitCast", 26, &to(DType::U4), &[nibbles.clone()]).unwrap();
        assert_eq!(unsigned.to_i64_vec().unwrap(), [15, 7, 8]);
        assert_eq!(run("BitCast", 26, &to(DType::I4), &[unsigned]).unwrap(), nibbles);
        let floats = run("BitCast", 26, &to(DType::F4E2M1), &[nibbles]).unwrap();
        assert_eq!(floats.cast(DType::F32).unwrap(), f32s(&[3], &[-6.0, 6.0, -0.0]));
        let b = Tensor::from_vec([2], vec![1u8, 2]).unwrap();
        assert!(run("BitCast", 26, &to(DType::Bool), &[b]).is_err());
    }
}
