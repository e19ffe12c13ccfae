//! planner
pub mod import;
