//! ops
pub mod forest;
