//! The planner: files from outside become archives.
//!
//! A model is imported ([`import`]), rewritten by the passes of one visible list ([`passes`]), proven or not proven to
//! treat its rows independently ([`rows`]), answered beforehand where its rows are few ([`tables`]), and written as an
//! archive that holds plan, programs and constants. Start at [`Compiler`].

mod compiler;
mod emit;
mod error;
pub mod import;
pub mod passes;
mod ports;
pub mod rows;
pub mod tables;

pub use compiler::{CompiledEntry, CompiledModel, Compiler, CompilerConfig};
pub use error::{Error, Result};
pub use tables::{CompiledTable, DomainSpec, FillProgress, Mode, Observer, TableOptions, TableReport};
