//! Import: files of other libraries into what the planner works on.

pub mod trees;
