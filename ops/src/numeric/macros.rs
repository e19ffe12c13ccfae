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

/// All numbers: floats and integers, without booleans. The body is a `Result`.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F32 = f32, F64 = f64, F16 = half::f16, BF16 = half::bf16, I8 = i8, I16 = i16, I32 = i32, I64 = i64,
            U8 = u8, U16 = u16, U32 = u32, U64 = u64,
        ], "a number")
    };
}

/// Floating-point numbers. The body is a `Result`.
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F32 = f32, F64 = f64, F16 = half::f16, BF16 = half::bf16,
        ], "a floating-point number")
    };
}

/// Everything with a fixed width: numbers and booleans. The body is a `Result`.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        $crate::numeric::macros::with_types!($dtype, $T => $body, [
            F32 = f32, F64 = f64, F16 = half::f16, BF16 = half::bf16, I8 = i8, I16 = i16, I32 = i32, I64 = i64,
            U8 = u8, U16 = u16, U32 = u32, U64 = u64, Bool = bool,
        ], "a fixed-width type")
    };
}

pub(crate) use {with_element, with_float, with_number, with_types};
