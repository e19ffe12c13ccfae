//! [Cast](https://onnx.ai/onnx/operators/onnx__Cast.html): the same values in another type.

use super::reshape::with_dims;
use crate::{
    Attributes, DType, Dim, Error, Fact, Inputs, Missing, Node, Operator, Result, Rows, Value,
    fact::Facts,
    numeric::{Conversion, Rounding},
};
use std::sync::Arc;

/// Converts each element.
///
/// Floats to integers truncate, and saturate where the specification leaves the result open; integers to narrower integers
/// keep the low bits; anything but zero is true. Strings are read as numbers (`INF`, `-INF`, `NaN` in any case) and
/// numbers written in the fewest digits that read back as the same number, without an exponent.
#[derive(Debug)]
pub struct Cast {
    /// The type of the output.
    pub to: DType,
    /// How floats of eight bits are made (from version 19).
    pub conversion: Conversion,
}

pub(super) fn parse(node: &Node<'_>) -> Result<Arc<dyn Operator>> {
    let to = if node.since < 6 {
        named(&node.attributes.required("to", Attributes::string)?)?
    } else {
        node.attributes.required("to", Attributes::dtype)?
    };
    Ok(Arc::new(Cast { to, conversion: conversion(node)? }))
}

/// The type with this name in ONNX's enumeration, which is how `to` tells it before version 6.
fn named(name: &str) -> Result<DType> {
    Ok(match name {
        "FLOAT" => DType::F32,
        "UINT8" => DType::U8,
        "INT8" => DType::I8,
        "UINT16" => DType::U16,
        "INT16" => DType::I16,
        "INT32" => DType::I32,
        "INT64" => DType::I64,
        "STRING" => DType::String,
        "BOOL" => DType::Bool,
        "FLOAT16" => DType::F16,
        "DOUBLE" => DType::F64,
        "UINT32" => DType::U32,
        "UINT64" => DType::U64,
        other => return Err(Error::unsupported(format!("attribute 'to' is '{other}', no element type of version 1"))),
    })
}

/// The attributes that say how floats of eight bits are made.
pub(super) fn conversion(node: &Node<'_>) -> Result<Conversion> {
    let rounding = match node.attributes.string_or("round_mode", "up".into())?.as_str() {
        "up" => Rounding::Up,
        "down" => Rounding::Down,
        "nearest" => Rounding::Nearest,
        other => return Err(Error::invalid(format!("attribute 'round_mode' is '{other}'; up, down or nearest"))),
    };
    Ok(Conversion { saturate: node.attributes.flag_or("saturate", true)?, rounding })
}

/// The fact of a cast of input 0.
pub(super) fn cast_fact(inputs: Facts<'_>, to: DType) -> Result<Fact> {
    inputs.dtype(0)?;
    let fact = Fact::tensor(to, inputs.shape(0)?.map(<[_]>::to_vec));
    let largest = match to {
        DType::I64 => i64::MAX,
        DType::I32 => i32::MAX.into(),
        _ => return Ok(fact),
    };
    let fits = |n: usize| i64::try_from(n).is_ok_and(|n| n <= largest);
    let mut fact = with_dims(fact, inputs);
    // A size that the type does not hold becomes some other number.
    for dim in fact.dims.iter_mut().flatten() {
        if dim.known().is_some_and(|n| !fits(n)) {
            *dim = Dim::Unknown;
        }
    }
    Ok(fact)
}

impl Operator for Cast {
    fn infer(&self, inputs: Facts<'_>) -> Result<Vec<Fact>> {
        Ok(vec![cast_fact(inputs, self.to)?])
    }

    fn evaluate(&self, inputs: Inputs<'_>) -> Result<Vec<Value>> {
        Ok(vec![inputs.tensor(0)?.cast_with(self.to, self.conversion)?.into()])
    }

    fn rows(&self, rows: &[Rows], _: Facts<'_>, outputs: &[Fact]) -> Vec<Rows> {
        vec![rows.first().copied().unwrap_or(Rows::Mixed); outputs.len()]
    }

    /// Only a float can stand for a missing value.
    fn missing(&self) -> Missing {
        if self.to.is_float() { Missing::Carries } else { Missing::Rejects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attribute, Tensor, family::movement::trial::*};
    use half::{bf16, f16};

    fn to(x: Tensor, dtype: DType) -> Result<Tensor> {
        run("Cast", 13, &[("to", Attribute::Int(dtype.code().into()))], &[x])
    }

    #[test]
    fn sizes_that_the_type_does_not_hold_are_not_carried() {
        let x = i64s(&[2], &[1 << 40, 3]);
        let to = |dtype: DType| [("to", Attribute::Int(dtype.code().into()))];
        let found = infer("Cast", 13, &to(DType::I32), &[Fact::constant(x.clone())]).unwrap();
        assert_eq!(found[0].dims, Some(vec![Dim::Unknown, Dim::Known(3)]));
        let found = infer("Cast", 13, &to(DType::I64), &[Fact::constant(x)]).unwrap();
        assert_eq!(found[0].dims, Some(vec![Dim::Known(1 << 40), Dim::Known(3)]));
    }

    #[test]
    fn numbers_to_numbers() {
        let x = f32s(&[5], &[1.9, -1.9, 300.0, f32::NAN, -0.0]);
        assert_eq!(to(x.clone(), DType::I32).unwrap(), Tensor::from_vec([5], vec![1i32, -1, 300, 0, 0]).unwrap());
        assert_eq!(to(x.clone(), DType::U8).unwrap(), Tensor::from_vec([5], vec![1u8, 0, 255, 0, 0]).unwrap());
        assert_eq!(to(x, DType::Bool).unwrap(), Tensor::from_vec([5], vec![true, true, true, true, false]).unwrap());
        let x = i64s(&[3], &[200, -1, 1 << 40]);
        assert_eq!(to(x.clone(), DType::I8).unwrap(), Tensor::from_vec([3], vec![-56i8, -1, 0]).unwrap());
        assert_eq!(to(x, DType::U64).unwrap(), Tensor::from_vec([3], vec![200u64, u64::MAX, 1 << 40]).unwrap());
        let x = Tensor::from_vec([2], vec![u64::MAX, 3]).unwrap();
        assert_eq!(to(x.clone(), DType::I16).unwrap(), Tensor::from_vec([2], vec![-1i16, 3]).unwrap());
        assert_eq!(to(x, DType::F32).unwrap(), f32s(&[2], &[18_446_744_073_709_551_615.0, 3.0]));
        let x = Tensor::from_vec([2], vec![70_000.0f64, 1.000_488_281_25]).unwrap();
        let half = vec![f16::INFINITY, f16::from_f32(1.000_488_3)];
        assert_eq!(to(x.clone(), DType::F16).unwrap(), Tensor::from_vec([2], half).unwrap());
        let b = vec![bf16::from_f32(70_144.0), bf16::ONE];
        assert_eq!(to(x, DType::BF16).unwrap(), Tensor::from_vec([2], b).unwrap());
        let four = to(f32s(&[3], &[0.6, -5.0, 9.0]), DType::F4E2M1).unwrap();
        assert_eq!(to(four, DType::F32).unwrap(), f32s(&[3], &[0.5, -4.0, 6.0]));
        let wrapped = to(i64s(&[2], &[9, -9]), DType::I4).unwrap();
        assert_eq!(to(wrapped, DType::I8).unwrap(), Tensor::from_vec([2], vec![-7i8, 7]).unwrap());
    }

    #[test]
    fn the_type_is_a_name_before_version_6() {
        let x = f32s(&[2], &[1.5, 0.0]);
        let named = |name: &str| run("Cast", 5, &[("to", Attribute::String(name.into()))], &[x.clone()]);
        assert_eq!(named("INT64").unwrap(), i64s(&[2], &[1, 0]));
        assert_eq!(named("BOOL").unwrap(), Tensor::from_vec([2], vec![true, false]).unwrap());
        for dtype in ["FLOAT", "DOUBLE", "FLOAT16", "INT8", "INT16", "INT32", "UINT8", "UINT16", "UINT32", "UINT64"] {
            let there = named(dtype).unwrap();
            assert_eq!(to(there, DType::I64).unwrap(), to(x.clone(), DType::I64).unwrap(), "{dtype}");
        }
        for bad in ["COMPLEX64", "float32", ""] {
            assert!(named(bad).is_err(), "{bad}");
        }
        assert!(run("Cast", 5, &[("to", Attribute::Int(7))], &[x.clone()]).is_err(), "a code");
        assert!(run("Cast", 6, &[("to", Attribute::String("INT64".into()))], &[x]).is_err(), "a name");
    }

    #[test]
    fn strings_both_ways() {
        let s = Tensor::from_string_iter([6], ["0.1", "1e-3", "-INF", "+inf", "nan", "16777217"]).unwrap();
        let f = f32s(&[6], &[0.1, 0.001, f32::NEG_INFINITY, f32::INFINITY, f32::NAN, 16_777_216.0]);
        assert_eq!(to(s, DType::F32).unwrap(), f);
        let texts = ["0.1", "0.001", "-INF", "INF", "NaN", "16777216"];
        assert_eq!(to(f, DType::String).unwrap(), Tensor::from_string_iter([6], texts).unwrap());
        let s = Tensor::from_string_iter([3], ["9007199254740993", "-2.5", "+3"]).unwrap();
        assert_eq!(to(s, DType::I64).unwrap(), i64s(&[3], &[9_007_199_254_740_993, -2, 3]));
        assert!(to(Tensor::from_string_iter([1], ["one"]).unwrap(), DType::I64).is_err());
        let x = Tensor::from_vec([2], vec![f16::from_f32(0.5), f16::from_f32(2.0)]).unwrap();
        assert_eq!(to(x, DType::String).unwrap(), Tensor::from_string_iter([2], ["0.5", "2"]).unwrap());
    }
}
