//! The planner: files from outside become archives.
//!
//! A model is imported ([`import`]), rewritten by the passes of one visible list ([`passes`]), proven or not proven to
//! treat its rows independently ([`rows`]), computed in eight bits where that is asked for ([`quantize`]), answered
//! beforehand where its rows are few ([`tables`]), and written as an archive that holds plan, programs and constants.
//! Start at [`Compiler`].

mod compiler;
mod emit;
mod error;
pub mod import;
mod observer;
pub mod passes;
mod ports;
pub mod quantize;
pub mod rows;
pub mod tables;
mod unread;

pub use compiler::{CompiledEntry, CompiledModel, Compiler, CompilerConfig};
pub use error::{Error, Result};
pub use observer::Observer;
pub use quantize::{CalibrationRows, QuantizeOptions, QuantizeProgress, QuantizeReport, Scheme};
pub use tables::{
    CompiledTable, DomainSpec, FillProgress, Mode, OccurringValues, TableAnswers, TableOptions, TableReport,
};
