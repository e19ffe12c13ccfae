//! The table `hologram.memos`: which answers are remembered, and how often they were asked for.

use super::ModelCatalog;
use crate::Result;
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    datasource::{TableType, memory::MemorySourceConfig},
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};
use hologram_resolver::rows::MemoStats;
use std::sync::Arc;

/// The memos of a catalog as rows, read when a query runs.
///
/// Columns: `namespace`, `model`, `entry`, `entries` (rows whose answers are there), `bytes`, `hits` (rows answered as an
/// equal one before) and `misses` (rows that were looked up and computed).
#[derive(Debug)]
pub struct MemosTable {
    models: Arc<ModelCatalog>,
    schema: SchemaRef,
}

impl MemosTable {
    /// The table of a catalog's memos.
    pub fn new(models: Arc<ModelCatalog>) -> Self {
        let texts = ["namespace", "model", "entry"].map(|name| Field::new(name, DataType::Utf8, false));
        let counts = ["entries", "bytes", "hits", "misses"].map(|name| Field::new(name, DataType::UInt64, false));
        Self { models, schema: Arc::new(Schema::new(texts.into_iter().chain(counts).collect::<Vec<_>>())) }
    }

    fn batch(&self) -> Result<RecordBatch> {
        let memos = self.models.memo_stats();
        let texts =
            |of: fn(&MemoStats) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(memos.iter().map(of))) };
        let counts =
            |of: fn(&MemoStats) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(memos.iter().map(of))) };
        Ok(RecordBatch::try_new(
            self.schema.clone(),
            vec![
                texts(|memo| &memo.namespace),
                texts(|memo| &memo.model),
                texts(|memo| &memo.entry),
                counts(|memo| memo.entries as u64),
                counts(|memo| memo.bytes as u64),
                counts(|memo| memo.hits),
                counts(|memo| memo.misses),
            ],
        )?)
    }
}

#[async_trait]
impl TableProvider for MemosTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let batch = self.batch()?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], self.schema.clone(), projection.cloned())?)
    }
}
