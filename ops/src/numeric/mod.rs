//! Number types as Rust traits, so that an operator is written once for all of them.
//!
//! [`Element`] is anything a fixed-width tensor holds, [`Number`] can be computed with, [`Float`] has fractions.
//! The macros in [`dispatch`](crate::numeric) turn a [`DType`](crate::DType) into a type parameter:
//! `with_number!(dtype, T => body::<T>())`.

mod convert;
mod element;
pub(crate) mod macros;
pub mod reduce;
pub mod transcendental;
mod working;

pub use element::{Element, Float, Number};
pub(crate) use macros::{with_bits, with_every_number, with_float, with_integer, with_number};
pub use working::working;
pub(crate) use working::{greatest, least};
