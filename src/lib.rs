//! Hologram answers queries over model outputs.
//!
//! A model is compiled once into a `.holo` archive, an Arrow IPC file with its plan, its weights and every answer that
//! could be worked out beforehand. At query time a resolver plan turns coordinates and columns into Arrow batches. This
//! crate is the facade: it names what the layers below offer, and adds the query layer.
//!
//! - [`Compiler`] makes archives (feature `compile`, on by default).
//! - [`Archive`], [`Model`] and [`Session`] open and run them: the value door takes tensors, [`rows`] takes columns.
//! - `cli` is the `hologram` command, and `settings` are its settings (feature `cli`).
//! - `sql` puts models into DataFusion (feature `sql`): start at `sql::Engine`.

#[cfg(feature = "cli")]
pub mod cli;
mod error;
#[cfg(feature = "cli")]
pub mod settings;
#[cfg(feature = "sql")]
pub mod sql;

pub use error::{Error, ErrorKind, Result};
pub use hologram_backends as backends;
pub use hologram_kernels as kernels;
pub use hologram_ops as ops;
#[cfg(feature = "compile")]
pub use hologram_planner::{self as planner, CompiledModel, Compiler, CompilerConfig};
pub use hologram_resolver::{self as resolver, Model, ModelOptions, Session, Signature, plan, rows};
pub use hologram_store::{self as store, Archive};
