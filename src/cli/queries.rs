//! Queries: the SQL engine and the threads it runs on, started when a command first asks.

use super::{
    Context, Failure, Result,
    console::{Progress, duration_text, grouped, spinner},
};
use crate::{
    ErrorKind,
    rows::{Casts, Nulls},
    sql::{CastPolicy, Engine, EngineOptions, HologramOptions, NullPolicy},
};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::{
    execution::SendableRecordBatchStream,
    physical_plan::{
        ExecutionPlan, execute_stream,
        statistics::{StatisticsArgs, StatisticsContext},
    },
    prelude::SessionConfig,
};
use futures::StreamExt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
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
        let start = async {
            let frame = self.engine.sql(statement).await?;
            let task = Arc::new(frame.task_ctx());
            let plan = frame.create_physical_plan().await?;
            Ok((execute_stream(plan.clone(), task)?, plan))
        };
        let (stream, plan) = self.runtime.block_on(async {
            tokio::select! {
                started = start => started,
                _ = tokio::signal::ctrl_c() => Err(cancelled()),
            }
        })?;
        Ok(Answer { runtime: &self.runtime, stream, plan, started: Instant::now() })
    }
}

fn cancelled() -> Failure {
    Failure::new(ErrorKind::Cancelled, "the query was cancelled")
}

/// The answer of a statement, batch by batch.
pub(super) struct Answer<'a> {
    runtime: &'a Runtime,
    stream: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    started: Instant,
}

/// How often a query that takes long says how far it is.
const TICK: Duration = Duration::from_millis(250);

/// The rows that predictions of a plan have scored, and how many there will be where statistics tell.
fn scored(plan: &Arc<dyn ExecutionPlan>) -> Option<(usize, Option<usize>)> {
    if let Some(count) = plan.metrics().and_then(|m| m.sum_by_name("rows_scored")) {
        let all = |child: &&Arc<dyn ExecutionPlan>| {
            StatisticsContext::new().compute(child.as_ref(), &StatisticsArgs::new()).ok()
        };
        let statistics = plan.children().first().and_then(all);
        return Some((count.as_usize(), statistics.and_then(|s| s.num_rows.get_value().copied())));
    }
    plan.children().into_iter().find_map(scored)
}

/// `1,200 of 5,000 rows scored, about 3.1 s left`.
fn standing(plan: &Arc<dyn ExecutionPlan>, elapsed: Duration) -> String {
    match scored(plan) {
        None => format!("running, {}", duration_text(elapsed)),
        Some((done, Some(all))) if done > 0 && done <= all => {
            let left = elapsed.mul_f64((all - done) as f64 / done as f64);
            format!("{} of {} rows scored, about {} left", grouped(done), grouped(all), duration_text(left))
        }
        Some((done, _)) => format!("{} rows scored, {}", grouped(done), duration_text(elapsed)),
    }
}

impl Answer<'_> {
    pub(super) fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next batch; `None` at the end. Ctrl-C cancels the query and nothing else. While it is waited for, a terminal
    /// shows how far the query is.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Self { runtime, stream, plan, started } = self;
        let mut shown: Option<Progress> = None;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    batch = stream.next() => return Ok(batch.transpose()?),
                    _ = tokio::signal::ctrl_c() => return Err(cancelled()),
                    () = tokio::time::sleep(TICK) => {
                        let text = standing(plan, started.elapsed());
                        match &shown {
                            Some(progress) => progress.set(|| text),
                            None => shown = Some(spinner(text)),
                        }
                    }
                }
            }
        })
    }
}
