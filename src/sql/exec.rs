//! The execution plan: batches come in, are brought to the plan's best size, and go out with answers beside them.

use super::{account::PoolAccount, narrow::Narrowed};
use crate::Error;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StructArray, UInt64Array, new_null_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::{
    arrow::compute::{concat_batches, filter_record_batch, nullif, take},
    common::{
        cast::{as_boolean_array, as_struct_array},
        internal_err,
        tree_node::TreeNodeRecursion,
    },
    error::Result,
    execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext, cache::cache_manager::FileMetadataCache},
    physical_expr::{PhysicalExpr, projection::ProjectionMapping},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
        PlanProperties, ReplaceChildrenOptions,
        execution_plan::CardinalityEffect,
        metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, RecordOutput},
    },
};
use futures::{Stream, StreamExt};
use hologram_ops::control::{CancelToken, Control, MemoryAccount};
use hologram_resolver::{plan::EntryPoint, rows::RowSession};
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// One call of a plan.
#[derive(Debug, Clone)]
pub(crate) struct PhysicalCall {
    /// The model as the query names it.
    pub(crate) reference: String,
    /// The name of the answer's column.
    pub(crate) name: String,
    /// What feeds the model.
    pub(crate) columns: Vec<Arc<dyn PhysicalExpr>>,
    /// True on the rows that need an answer.
    pub(crate) guard: Option<Arc<dyn PhysicalExpr>>,
    /// The session that answers.
    pub(crate) rows: RowSession,
    /// The session for the rows that the query's conditions let through, where that leaves something out.
    pub(crate) narrowed: Option<Arc<Narrowed>>,
}

/// Answers calls of `predict` for the rows of its input.
///
/// It counts `rows_scored`, `null_rows` (answered with NULL without a run), `looked_up` (rows answered from the archive's
/// table), `missed` (rows with a value outside of that table, which were computed), `unfilled` (rows whose answers a table
/// that is filled on demand did not have yet, which were computed), `repeated` (rows answered as an equal
/// one before), `batches` (runs of a plan) and `casts` (columns cast, batch by batch) beside DataFusion's own metrics.
#[derive(Debug, Clone)]
pub struct PredictExec {
    input: Arc<dyn ExecutionPlan>,
    calls: Arc<Vec<PhysicalCall>>,
    /// The metadata of files that the session knows.
    files: Arc<FileMetadataCache>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PredictExec {
    /// A plan that answers some calls over the rows of `input`.
    pub(crate) fn try_new(
        input: Arc<dyn ExecutionPlan>,
        calls: Arc<Vec<PhysicalCall>>,
        files: Arc<FileMetadataCache>,
    ) -> Result<Self> {
        let given = input.schema();
        let mut fields: Vec<_> = given.fields().iter().cloned().collect();
        for call in calls.iter() {
            let answer = call.rows.binding().output();
            let field =
                Field::new(&call.name, answer.data_type().clone(), true).with_metadata(answer.metadata().clone());
            fields.push(Arc::new(field));
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, given.metadata().clone()));
        let indices: Vec<usize> = (0..given.fields().len()).collect();
        let mapping = ProjectionMapping::from_indices(&indices, &given)?;
        let equivalence = input.equivalence_properties();
        let properties = PlanProperties::new(
            equivalence.project(&mapping, schema.clone()),
            input.output_partitioning().project(&mapping, equivalence),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { input, calls, files, schema, properties: Arc::new(properties), metrics })
    }

    /// The calls.
    pub(super) fn calls(&self) -> &[PhysicalCall] {
        &self.calls
    }

    /// The metadata of files that the session knows.
    pub(super) fn files(&self) -> &FileMetadataCache {
        self.files.as_ref()
    }

    /// Whether a row's answers depend on that row alone.
    fn is_row_independent(&self) -> bool {
        self.calls.iter().all(|c| c.rows.session().signature().rows.independent)
    }

    /// Rows that are answered at once.
    fn rows_best(&self) -> usize {
        self.calls.iter().map(|c| c.rows.rows_best()).min().unwrap_or(usize::MAX).max(1)
    }
}

/// The entry point that a session runs.
fn entry(rows: &RowSession) -> Option<&EntryPoint> {
    let session = rows.session();
    let entries = &session.model().plan().entry_points;
    let fits =
        |e: &&EntryPoint| e.inputs.iter().map(|p| &p.name).eq(session.signature().inputs.iter().map(|p| &p.name));
    entries.iter().find(fits)
}

fn describe(call: &PhysicalCall, input: &Schema, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let binding = call.rows.binding();
    let columns: Vec<String> = call.columns.iter().map(ToString::to_string).collect();
    write!(f, "{} = {}({})", call.name, call.reference, columns.join(", "))?;
    if let Some(guard) = &call.guard {
        write!(f, " where {guard}")?;
    }
    write!(f, ", model={}", call.rows.session().model().name())?;
    if let Some(entry) = entry(&call.rows) {
        write!(f, ", entry={}, steps={}", entry.name, entry.steps.len())?;
    }
    if !call.rows.session().signature().rows.independent {
        write!(f, ", rows=dependent")?;
    }
    if let Some(table) = call.rows.table() {
        write!(f, ", table={} entries", table.entries())?;
        if let Some(blocks) = table.blocks() {
            write!(f, " on demand, {} there", blocks.filled())?;
        }
    }
    if let Some(narrowed) = &call.narrowed {
        write!(f, ", {narrowed}")?;
    }
    let list = |name: &str, lines: Vec<String>, f: &mut fmt::Formatter<'_>| match lines.is_empty() {
        true => Ok(()),
        false => write!(f, ", {name}=[{}]", lines.join("; ")),
    };
    let is_coded = |e: &&Arc<dyn PhysicalExpr>| matches!(e.data_type(input), Ok(DataType::Dictionary(_, _)));
    list("dictionaries", call.columns.iter().filter(is_coded).map(ToString::to_string).collect(), f)?;
    list("casts", binding.casts().iter().map(ToString::to_string).collect(), f)?;
    list("warnings", binding.warnings().to_vec(), f)
}

impl DisplayAs for PredictExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if format == DisplayFormatType::TreeRender {
            return self.calls.iter().try_for_each(|c| writeln!(f, "{}={}", c.name, c.reference));
        }
        write!(f, "PredictExec: ")?;
        for (i, call) in self.calls.iter().enumerate() {
            write!(f, "{}", if i > 0 { "; " } else { "" })?;
            describe(call, &self.input.schema(), f)?;
        }
        if format == DisplayFormatType::Verbose {
            for call in self.calls.iter() {
                let text = call.rows.session().model().explain().to_string();
                text.lines().try_for_each(|line| write!(f, "\n      | {line}"))?;
            }
        }
        Ok(())
    }
}

impl ExecutionPlan for PredictExec {
    fn name(&self) -> &str {
        "PredictExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        match self.is_row_independent() {
            true => vec![Distribution::UnspecifiedDistribution],
            false => vec![Distribution::SinglePartition],
        }
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::try_new(input, self.calls.clone(), self.files.clone())?)),
            _ => internal_err!("PredictExec takes one input"),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self.calls.iter().flat_map(|c| c.columns.iter().chain(&c.guard)) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn supports_limit_pushdown(&self) -> bool {
        self.is_row_independent()
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let counter = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let account: Arc<dyn MemoryAccount> = Arc::new(PoolAccount::new(&context, partition));
        Ok(Box::pin(PredictStream {
            input,
            schema: self.schema.clone(),
            calls: self.calls.clone(),
            rows_best: self.rows_best(),
            holds_all: !self.is_row_independent(),
            waiting: Vec::new(),
            waiting_rows: 0,
            held_bytes: 0,
            ready: None,
            ended: false,
            control: Control { cancel: CancelToken::new(), account },
            baseline: BaselineMetrics::new(&self.metrics, partition),
            counts: Counts {
                rows_scored: counter("rows_scored"),
                null_rows: counter("null_rows"),
                looked_up: counter("looked_up"),
                missed: counter("missed"),
                unfilled: counter("unfilled"),
                repeated: counter("repeated"),
                batches: counter("batches"),
                casts: counter("casts"),
            },
        }))
    }
}

struct Counts {
    rows_scored: Count,
    null_rows: Count,
    looked_up: Count,
    missed: Count,
    unfilled: Count,
    repeated: Count,
    batches: Count,
    casts: Count,
}

/// The answers of one partition.
struct PredictStream {
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    calls: Arc<Vec<PhysicalCall>>,
    /// Rows that are answered at once.
    rows_best: usize,
    /// Whether every row must be there before the first is answered.
    holds_all: bool,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    /// Bytes charged for batches that wait.
    held_bytes: usize,
    /// Rows that are answered next, at most [`rows_best`](Self::rows_best) a poll.
    ready: Option<RecordBatch>,
    ended: bool,
    control: Control,
    baseline: BaselineMetrics,
    counts: Counts,
}

impl Drop for PredictStream {
    fn drop(&mut self) {
        self.control.cancel.cancel();
        self.control.account.release(self.held_bytes);
    }
}

impl RecordBatchStream for PredictStream {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

impl Stream for PredictStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.next_rows() {
                Err(e) => return self.fail(e),
                Ok(Some(batch)) => {
                    let timer = self.baseline.elapsed_compute().clone();
                    let _timing = timer.timer();
                    return match self.answer(&batch) {
                        Ok(answered) => Poll::Ready(Some(Ok(answered.record_output(&self.baseline)))),
                        Err(e) => self.fail(e),
                    };
                }
                Ok(None) if self.ended => return Poll::Ready(None),
                Ok(None) => {}
            }
            match ready!(self.input.poll_next_unpin(cx)) {
                Some(Ok(batch)) => {
                    if let Err(e) = self.wait(batch) {
                        return self.fail(e);
                    }
                }
                Some(Err(e)) => return self.fail(e),
                None => self.ended = true,
            }
        }
    }
}

impl PredictStream {
    /// The stream's last word.
    fn fail(&mut self, e: datafusion::error::DataFusionError) -> Poll<Option<Result<RecordBatch>>> {
        self.ended = true;
        self.ready = None;
        self.waiting.clear();
        self.waiting_rows = 0;
        Poll::Ready(Some(Err(e)))
    }

    /// Takes a batch of the input.
    fn wait(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.holds_all {
            let bytes = batch.get_array_memory_size();
            self.control.account.charge(bytes).map_err(Error::from)?;
            self.held_bytes += bytes;
        }
        self.waiting_rows += batch.num_rows();
        self.waiting.push(batch);
        Ok(())
    }

    /// The rows to answer next, when enough are there.
    fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        if self.ready.is_none() {
            let enough = !self.holds_all && self.waiting_rows >= self.rows_best || self.ended;
            if !enough || self.waiting.is_empty() {
                return Ok(None);
            }
            let schema = self.input.schema();
            self.ready = match self.waiting.as_slice() {
                [_] => self.waiting.pop(),
                many => Some(concat_batches(&schema, many)?),
            };
            self.waiting.clear();
            self.waiting_rows = 0;
        }
        let Some(batch) = self.ready.take() else { return Ok(None) };
        if batch.num_rows() <= self.rows_best {
            return Ok(Some(batch));
        }
        let rest = batch.num_rows() - self.rows_best;
        self.ready = Some(batch.slice(self.rows_best, rest));
        Ok(Some(batch.slice(0, self.rows_best)))
    }

    /// The batch with its answers.
    fn answer(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = batch.columns().to_vec();
        for call in self.calls.iter() {
            columns.push(self.answer_call(call, batch)?);
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }

    fn answer_call(&self, call: &PhysicalCall, batch: &RecordBatch) -> Result<ArrayRef> {
        let Some(guard) = &call.guard else { return self.score(call, batch) };
        let mask = guard.evaluate(batch)?.into_array(batch.num_rows())?;
        let mask = true_only(as_boolean_array(&mask)?);
        let reached = mask.true_count();
        if reached == batch.num_rows() {
            return self.score(call, batch);
        }
        if reached == 0 {
            return Ok(new_null_array(call.rows.binding().output().data_type(), batch.num_rows()));
        }
        let answers = self.score(call, &filter_record_batch(batch, &mask)?)?;
        let mut next = 0u64;
        let places: UInt64Array = mask
            .values()
            .iter()
            .map(|reached| {
                let place = reached.then_some(next);
                next += u64::from(reached);
                place
            })
            .collect();
        Ok(take(&answers, &places, None)?)
    }

    fn score(&self, call: &PhysicalCall, batch: &RecordBatch) -> Result<ArrayRef> {
        let rows = batch.num_rows();
        let arrays = call.columns.iter().map(|e| e.evaluate(batch)?.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let place = |e: hologram_resolver::Error| Error::from(e).at(format_args!("model '{}'", call.reference));
        let session = call.narrowed.as_ref().and_then(|narrowed| narrowed.for_rows(rows)).unwrap_or(&call.rows);
        let (answers, stats) = session.run(&arrays, rows, &self.control).map_err(place)?;
        self.counts.rows_scored.add(stats.rows - stats.null_rows);
        self.counts.null_rows.add(stats.null_rows);
        self.counts.looked_up.add(stats.looked_up);
        self.counts.missed.add(stats.missed);
        self.counts.unfilled.add(stats.unfilled);
        self.counts.repeated.add(stats.repeated);
        self.counts.batches.add(stats.runs);
        self.counts.casts.add(call.rows.binding().casts().len());
        Ok(answers)
    }
}

/// A mask with false where it is NULL.
pub(crate) fn true_only(mask: &BooleanArray) -> BooleanArray {
    match mask.nulls() {
        Some(nulls) => BooleanArray::new(mask.values() & nulls.inner(), None),
        None => mask.clone(),
    }
}

/// The fields of a struct column, NULL where the struct is.
pub(crate) fn members(array: &ArrayRef) -> Result<Vec<ArrayRef>> {
    let whole: &StructArray = as_struct_array(array)?;
    let Some(nulls) = whole.nulls() else { return Ok(whole.columns().to_vec()) };
    let keep = BooleanArray::new(!nulls.inner(), None);
    whole.columns().iter().map(|c| Ok(nullif(c, &keep)?)).collect()
}
