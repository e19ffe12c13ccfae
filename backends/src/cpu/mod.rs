//! The CPU backend.
//!
//! A program is prepared once: its calls are parsed and its constants taken over. Each combination of input types then
//! specialises it: inference fixes every shape, calls on known values are folded, every other call gets a kernel or the
//! operator's own reference, and intermediate values get places in one arena. Specialisations are kept.

mod arena;
mod forest;
mod gemm;
mod int8;
mod kernels;
mod listed;
mod prepared;
mod simd;
mod specialise;

pub use listed::add_listed;

use crate::{Backend, Prepared};
use hologram_ops::{Registry, Result, Tensor, program::Program};
use std::sync::Arc;

/// Runs a body with the best instruction set of this CPU switched on, so that the compiler may vectorise it; no bit of
/// it changes. The body must be an `#[inline(always)]` closure that calls functions of the same kind.
#[inline]
pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    simd::vectorized(simd::Isa::best(), body)
}

/// The CPU of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu;

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn prepare(
        &self,
        program: Program,
        constants: Vec<Option<Tensor>>,
        registry: &Registry,
    ) -> Result<Arc<dyn Prepared>> {
        Ok(Arc::new(prepared::CpuPrepared::new(program, constants, registry)?))
    }
}
