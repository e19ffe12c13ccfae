//! The planner of Hologram: it imports models, rewrites their graphs and writes archives.
//!
//! Start at [`import`] for what can be read.

pub mod import;
