//! From a number type known at run time to a type parameter.

/// Runs `$body` with `$T` bound to the Rust type of the [`crate::DType`] among `$list`, else returns an `Unsupported` error.
macro_rules! with_types {
    ($dtype:expr, $T:ident => $body:expr, [$($variant:ident = $ty:ty),+ $(,)?], $what:literal) => {
        match $dtype {
            $($crate::DType::$variant => { type $T = $ty; $body })+
            other => Err($crate::Error::unsupported(format!(concat!("element type {} where ", $what, " is expected"), other))),
        }
    };
}

/// The working types of numbers (see [`working`](super::working)). The body is a `Result`.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [F32 = f32, F64 = f64, I64 = i64, U64 = u64], "a number")
    };
}

/// The working types of floating-point numbers. The body is a `Result`.
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [F32 = f32, F64 = f64], "a floating-point number")
    };
}

/// The working types of integers. The body is a `Result`.
macro_rules! with_integer {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [I64 = i64, U64 = u64], "an integer")
    };
}

/// The types that are kept narrower than they are computed in. The body is a `Result`.
macro_rules! with_stored {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F16 = half::f16, BF16 = half::bf16, I8 = i8, I16 = i16, I32 = i32, U8 = u8, U16 = u16, U32 = u32,
            F8E4M3FN = $crate::numeric::F8E4M3FN, F8E4M3FNUZ = $crate::numeric::F8E4M3FNUZ,
            F8E5M2 = $crate::numeric::F8E5M2, F8E5M2FNUZ = $crate::numeric::F8E5M2FNUZ,
            F8E8M0 = $crate::numeric::F8E8M0, F4E2M1 = $crate::numeric::F4E2M1,
            F6E2M3 = $crate::numeric::F6E2M3, F6E3M2 = $crate::numeric::F6E3M2,
            I4 = $crate::numeric::I4, U4 = $crate::numeric::U4, I2 = $crate::numeric::I2, U2 = $crate::numeric::U2,
        ], "a number")
    };
}

/// The floats of eight, six and four bits. The body is a `Result`.
macro_rules! with_small_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F8E4M3FN = $crate::numeric::F8E4M3FN, F8E4M3FNUZ = $crate::numeric::F8E4M3FNUZ,
            F8E5M2 = $crate::numeric::F8E5M2, F8E5M2FNUZ = $crate::numeric::F8E5M2FNUZ,
            F8E8M0 = $crate::numeric::F8E8M0, F4E2M1 = $crate::numeric::F4E2M1,
            F6E2M3 = $crate::numeric::F6E2M3, F6E3M2 = $crate::numeric::F6E3M2,
        ], "a float of at most 8 bits")
    };
}

/// The unsigned integer as wide as an element, for what moves elements and does not read them. The body is a `Result`.
macro_rules! with_bits {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype.size() {
            1 => {
                type $T = u8;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            8 => {
                type $T = u64;
                $body
            }
            _ => {
                Err($crate::Error::unsupported(format!("element type {} where a fixed-width type is expected", $dtype)))
            }
        }
    };
}

/// Every type that arithmetic is defined on, as it is kept. The body is a `Result`; for conversions only, everything else
/// runs in working types.
macro_rules! with_every_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F32 = f32, F64 = f64, I64 = i64, U64 = u64,
            F16 = half::f16, BF16 = half::bf16, I8 = i8, I16 = i16, I32 = i32, U8 = u8, U16 = u16, U32 = u32,
        ], "a number")
    };
}

pub(crate) use {
    with_bits, with_every_number, with_float, with_integer, with_number, with_small_float, with_stored, with_types,
};
