//! The one enum of number types.

use crate::{Error, Result};

/// The type of a tensor's elements.
///
/// The discriminants are ONNX's `TensorProto.DataType` codes, which archives store as they are.
/// Elements of fewer than eight bits take one byte each in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the variants are the field's own names for number types")]
pub enum DType {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    U16 = 4,
    I16 = 5,
    I32 = 6,
    I64 = 7,
    String = 8,
    Bool = 9,
    F16 = 10,
    F64 = 11,
    U32 = 12,
    U64 = 13,
    BF16 = 16,
    F8E4M3FN = 17,
    F8E4M3FNUZ = 18,
    F8E5M2 = 19,
    F8E5M2FNUZ = 20,
    U4 = 21,
    I4 = 22,
    F4E2M1 = 23,
    F8E8M0 = 24,
    U2 = 25,
    I2 = 26,
    F6E2M3 = 27,
    F6E3M2 = 28,
}

impl DType {
    /// Every type, in the order of its code.
    pub const ALL: &'static [DType] = &[
        Self::F32,
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::String,
        Self::Bool,
        Self::F16,
        Self::F64,
        Self::U32,
        Self::U64,
        Self::BF16,
        Self::F8E4M3FN,
        Self::F8E4M3FNUZ,
        Self::F8E5M2,
        Self::F8E5M2FNUZ,
        Self::U4,
        Self::I4,
        Self::F4E2M1,
        Self::F8E8M0,
        Self::U2,
        Self::I2,
        Self::F6E2M3,
        Self::F6E3M2,
    ];

    /// The type with this ONNX code.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for complex numbers and unknown codes.
    pub fn from_code(code: i32) -> Result<Self> {
        Self::ALL.iter().copied().find(|t| *t as i32 == code).ok_or_else(|| {
            Error::unsupported(format!("tensor element type {code} (complex numbers and unknown types)"))
        })
    }

    /// The ONNX code.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Bytes of one element in memory; 0 for strings, whose elements vary.
    pub fn size(self) -> usize {
        match self {
            Self::String => 0,
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            _ => 1,
        }
    }

    /// Bits of one element as the standard packs it; 0 for strings, whose elements vary.
    pub fn bits(self) -> usize {
        match self {
            Self::U2 | Self::I2 => 2,
            Self::U4 | Self::I4 | Self::F4E2M1 => 4,
            Self::F6E2M3 | Self::F6E3M2 => 6,
            other => other.size() * 8,
        }
    }

    /// Whether the type is a floating-point number.
    pub fn is_float(self) -> bool {
        matches!(
            self,
            Self::F32
                | Self::F64
                | Self::F16
                | Self::BF16
                | Self::F8E4M3FN
                | Self::F8E4M3FNUZ
                | Self::F8E5M2
                | Self::F8E5M2FNUZ
                | Self::F4E2M1
                | Self::F6E2M3
                | Self::F6E3M2
                | Self::F8E8M0
        )
    }

    /// Whether the type is a signed or unsigned integer (booleans are not).
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Self::String | Self::Bool)
    }

    /// The name that error messages, `explain` and archives use, such as `f32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::String => "string",
            Self::Bool => "bool",
            Self::F16 => "f16",
            Self::F64 => "f64",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::BF16 => "bf16",
            Self::F8E4M3FN => "f8e4m3fn",
            Self::F8E4M3FNUZ => "f8e4m3fnuz",
            Self::F8E5M2 => "f8e5m2",
            Self::F8E5M2FNUZ => "f8e5m2fnuz",
            Self::U4 => "u4",
            Self::I4 => "i4",
            Self::F4E2M1 => "f4e2m1",
            Self::F6E2M3 => "f6e2m3",
            Self::F6E3M2 => "f6e3m2",
            Self::F8E8M0 => "f8e8m0",
            Self::U2 => "u2",
            Self::I2 => "i2",
        }
    }

    /// The type with this [`name`](Self::name).
    ///
    /// # Errors
    /// [`Error::Invalid`] when no type has it.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|t| t.name() == name)
            .ok_or_else(|| Error::invalid(format!("no number type is named '{name}'")))
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_round_trip() {
        for t in DType::ALL {
            assert_eq!(DType::from_code(t.code()), Ok(*t));
            assert_eq!(DType::from_name(t.name()), Ok(*t));
        }
        assert!(DType::from_code(14).is_err(), "complex64 is not ours");
        assert!(DType::from_code(0).is_err());
    }
}
