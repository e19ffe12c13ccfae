//! Queries: the SQL engine and the threads it runs on, started when a command first asks.

use super::{Context, Failure, Result};
use crate::{
    ErrorKind,
    rows::{Casts, Nulls},
    sql::{CastPolicy, Engine, EngineOptions, HologramOptions, NullPolicy},
};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::{execution::SendableRecordBatchStream, prelude::SessionConfig};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// The engine with its threads.
pub(super) struct Queries {
    runtime: Runtime,
    engine: Engine,
}

/// The stack of a thread that plans and runs queries.
const STACK_BYTES: usize = 16 << 20;

impl Queries {
    /// Starts the engine with the settings in force.
    pub(super) fn start(context: &Context) -> Result<Self> {
        let values = context.settings.values();
        let mut builder = Builder::new_multi_thread();
        if values.threads > 0 {
            builder.worker_threads(values.threads);
        }
        // DataFusion plans by recursion: a call with many columns needs more than the two mebibytes of a thread.
        let runtime = builder.enable_all().thread_stack_size(STACK_BYTES).build()?;
        let options = HologramOptions {
            casts: match values.casts {
                Casts::Lenient => CastPolicy::Lenient,
                Casts::Strict => CastPolicy::Strict,
            },
            nulls: match values.nulls {
                Nulls::Auto => NullPolicy::Auto,
                Nulls::Missing => NullPolicy::Missing,
                Nulls::Null => NullPolicy::Null,
                Nulls::Error => NullPolicy::Error,
            },
            ..HologramOptions::default()
        };
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_batch_size(values.batch_rows)
            .with_option_extension(options);
        let engine = Engine::new(EngineOptions {
            config: Some(config),
            memory_bytes_max: values.memory_limit_bytes,
            partitions: (values.threads > 0).then_some(values.threads),
            ..EngineOptions::default()
        })?;
        Ok(Self { runtime, engine })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plans a statement and starts it.
    pub(super) fn stream(&self, statement: &str) -> Result<Answer<'_>> {
        let stream = self.runtime.block_on(async {
            tokio::select! {
                stream = async { Ok(self.engine.sql(statement).await?.execute_stream().await?) } => stream,
                _ = tokio::signal::ctrl_c() => Err(cancelled()),
            }
        })?;
        Ok(Answer { runtime: &self.runtime, stream })
    }
}

fn cancelled() -> Failure {
    Failure::new(ErrorKind::Cancelled, "the query was cancelled")
}

/// The answer of a statement, batch by batch.
pub(super) struct Answer<'a> {
    runtime: &'a Runtime,
    stream: SendableRecordBatchStream,
}

impl Answer<'_> {
    pub(super) fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next batch; `None` at the end. Ctrl-C cancels the query and nothing else.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Self { runtime, stream } = self;
        runtime.block_on(async {
            tokio::select! {
                batch = stream.next() => Ok(batch.transpose()?),
                _ = tokio::signal::ctrl_c() => Err(cancelled()),
            }
        })
    }
}
