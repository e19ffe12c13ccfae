//! Number types as Rust traits, so that an operator is written once for all of them.
//!
//! [`Element`] is anything a fixed-width tensor holds, [`Number`] can be computed with, [`Float`] has fractions.
//! The macros in [`dispatch`](crate::numeric) turn a [`DType`](crate::DType) into a type parameter:
//! `with_number!(dtype, T => body::<T>())`.

mod convert;
mod element;
pub(crate) mod macros;
mod narrow;
pub mod reduce;
pub mod transcendental;
mod working;

pub use element::{Element, Float, Number};
pub(crate) use macros::{with_bits, with_every_number, with_float, with_integer, with_number};
pub use narrow::{
    Conversion, F4E2M1, F6E2M3, F6E3M2, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0, I2, I4, Rounding, U2, U4,
};
pub(crate) use working::{greatest, least};
pub use working::{rounding, working};
