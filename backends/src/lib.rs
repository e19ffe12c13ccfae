//! Backends: devices that make programs ready and run them.
//!
//! A [`Backend`] turns a [`Program`] and its constants into a [`Prepared`], which is given tensors and answers with
//! tensors. Submitting and waiting are apart, because some devices cannot block. Backends know nothing of coordinates.
//! Start at [`Backend`]; [`cpu::Cpu`] is the one that is always there.

pub mod cpu;
mod output;

pub use output::OutputBuffer;

use hologram_ops::{Registry, Result, Tensor, Value, control::Control, forest::Span, program::Program};
use std::sync::Arc;

/// A device that prepares programs and runs them.
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The device's name, such as `cpu`.
    fn name(&self) -> &'static str;

    /// Makes a program ready: parses every call, takes the constants over without a copy, chooses kernels.
    ///
    /// `constants` has one entry a slot; those of kind `Constant` must be filled.
    ///
    /// # Errors
    /// [`hologram_ops::Error::Unsupported`] for what this device cannot run, [`hologram_ops::Error::Invalid`] for a
    /// program that is not well-formed; both name the node.
    fn prepare(
        &self,
        program: Program,
        constants: Vec<Option<Tensor>>,
        registry: &Registry,
    ) -> Result<Arc<dyn Prepared>>;
}

/// A program without what none of some rows reaches.
#[derive(Debug, Clone)]
pub struct Narrowed {
    /// The program.
    pub prepared: Arc<dyn Prepared>,
    /// The nodes of its trees.
    pub nodes: usize,
    /// Those that rows may reach.
    pub nodes_left: usize,
}

/// A program made ready on one device.
pub trait Prepared: Send + Sync + std::fmt::Debug {
    /// Starts a run with these inputs, in the program's order.
    ///
    /// # Errors
    /// Wrong inputs and an exhausted account; errors of the run itself come from the submission.
    fn submit(&self, inputs: &[Value], control: &Control) -> Result<Box<dyn Submission>>;

    /// Runs to the end into buffers that are used again: a second run of the same shapes allocates nothing, but for a list of
    /// the columns of a table of more than 32 that lie apart.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), those of the run, and [`hologram_ops::Error::Unsupported`] for outputs that are no
    /// fixed-width tensors.
    fn run_into(&self, inputs: &[Value], outputs: &mut Vec<OutputBuffer>, control: &Control) -> Result<()>;

    /// Whether equal inputs always give equal outputs: no operator draws random numbers without a seed.
    fn is_pure(&self) -> bool;

    /// The same program for rows whose columns lie in spans, for each input one a column or none; `None` where that leaves
    /// nothing out. Such rows get the same bits; what others get means nothing.
    fn narrowed(&self, _spans: &[Option<&[Span]>]) -> Option<Narrowed> {
        None
    }

    /// What was chosen for runs of these input types, for `explain`: a line a call.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    fn describe(&self, inputs: &[Value]) -> Result<Description>;
}

/// A run that was started.
pub trait Submission: Send {
    /// Blocks until the run is over and returns its outputs.
    ///
    /// # Errors
    /// What went wrong in the run.
    fn wait(self: Box<Self>) -> Result<Vec<Value>>;

    /// Whether [`wait`](Self::wait) would return without blocking.
    fn is_ready(&mut self) -> bool;
}

/// What a prepared program does for given input types.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// Bytes of the arena that intermediate values share.
    pub arena_bytes: usize,
    /// Bytes that intermediate values would take without sharing.
    pub unshared_bytes: usize,
    /// Each call in order.
    pub calls: Vec<CallDescription>,
}

/// What is done for one call.
#[derive(Debug, Clone)]
pub struct CallDescription {
    /// The node.
    pub node: String,
    /// The operator.
    pub op: String,
    /// How it runs: a kernel's name, `reference`, `folded` or `alias`.
    pub how: &'static str,
    /// The outputs' types as text.
    pub outputs: Vec<String>,
    /// Offset in the arena and bytes of each output that lies there.
    pub places: Vec<Option<(usize, usize)>>,
}
