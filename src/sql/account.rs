//! The memory of runs, charged to DataFusion's pool.

use datafusion::execution::{
    TaskContext,
    memory_pool::{MemoryConsumer, MemoryReservation},
};
use hologram_ops::control::MemoryAccount;

/// An account whose budget is the query's memory pool.
#[derive(Debug)]
pub(crate) struct PoolAccount(MemoryReservation);

impl PoolAccount {
    /// An account of one partition of a plan.
    pub(crate) fn new(context: &TaskContext, partition: usize) -> Self {
        let consumer = MemoryConsumer::new(format!("PredictExec[{partition}]"));
        Self(consumer.register(context.memory_pool()))
    }
}

impl MemoryAccount for PoolAccount {
    fn charge(&self, bytes: usize) -> hologram_ops::Result<()> {
        self.0.try_grow(bytes).map_err(|e| hologram_ops::Error::Exhausted(e.strip_backtrace()))
    }

    fn release(&self, bytes: usize) {
        self.0.shrink(bytes.min(self.0.size()));
    }
}
