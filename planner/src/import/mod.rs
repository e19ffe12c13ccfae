//! Import: files of others become plain structures, and those become graphs.
//!
//! Each format has a folder. A reader checks everything that it hands on: sizes against what is really there, names,
//! order and bounds; what it cannot represent is an error that names file and place.

pub mod onnx;
