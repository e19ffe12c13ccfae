//! Resolver plans: resolve coordinates to slots, compute, answer.
//!
//! A plan is data in an archive: numbered slots and ordered steps that fill them. [`Model::open`] opens an archive,
//! resolves what its plan names by coordinate without a copy, and makes its programs ready on a backend. A [`Session`]
//! then answers through two doors: [`Session::run`] takes named values, the row door takes Arrow columns. Where an archive
//! holds the answers of a finite space ([`table`]), the row door looks them up. [`eval`] runs one operator at once, without
//! an archive.

mod bits;
mod eager;
mod error;
mod explain;
mod model;
pub mod plan;
pub mod rows;
mod session;
mod signature;
pub mod table;

pub use eager::eval;
pub use error::{Error, ErrorKind, Result};
pub use explain::Explanation;
pub use model::{Model, ModelOptions, NUMERICS_KEY, SEMANTICS_KEY};
pub use session::Session;
pub use signature::{Port, RowProof, Signature};
