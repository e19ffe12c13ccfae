//! Elements as bits, so that equal ones are found whatever their type is.

use crate::{Error, ErrorKind, Result};
use half::{bf16, f16};
use hologram_ops::{DType, Tensor, numeric::Element};

/// Calls with the bits of each number, in order. All NaNs of a type are one; both zeros are two; the sign is extended.
///
/// # Errors
/// `Unsupported` for elements of a type that columns do not hold.
pub(crate) fn each_bits(tensor: &Tensor, each: impl FnMut(u64)) -> Result<()> {
    fn all<T: Element + Copy>(tensor: &Tensor, bits: impl Fn(T) -> u64, each: impl FnMut(u64)) -> Result<()> {
        tensor.as_slice::<T>()?.iter().map(|x| bits(*x)).for_each(each);
        Ok(())
    }
    match tensor.dtype() {
        DType::Bool => all::<bool>(tensor, u64::from, each),
        DType::U8 => all::<u8>(tensor, u64::from, each),
        DType::U16 => all::<u16>(tensor, u64::from, each),
        DType::U32 => all::<u32>(tensor, u64::from, each),
        DType::U64 => all::<u64>(tensor, |x| x, each),
        DType::I8 => all::<i8>(tensor, |x| x as u64, each),
        DType::I16 => all::<i16>(tensor, |x| x as u64, each),
        DType::I32 => all::<i32>(tensor, |x| x as u64, each),
        DType::I64 => all::<i64>(tensor, |x| x as u64, each),
        DType::F16 => all::<f16>(tensor, |x| u64::from(if x.is_nan() { f16::NAN } else { x }.to_bits()), each),
        DType::BF16 => all::<bf16>(tensor, |x| u64::from(if x.is_nan() { bf16::NAN } else { x }.to_bits()), each),
        DType::F32 => all::<f32>(tensor, |x| u64::from(if x.is_nan() { f32::NAN } else { x }.to_bits()), each),
        DType::F64 => all::<f64>(tensor, |x| if x.is_nan() { f64::NAN } else { x }.to_bits(), each),
        other => Err(Error::new(ErrorKind::Unsupported, format!("{other} elements are not told apart by their bits"))),
    }
}
