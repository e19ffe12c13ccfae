//! The rule that keeps dictionaries of texts as Parquet has them, where only models read the column.
//!
//! DataFusion reads texts as views. A model that looks its categories up does so once a text where the column is a
//! dictionary, and once a row where it is not. So a scan whose texts nobody else reads hands them on by their codes, when
//! the files' metadata say that each column chunk is nothing but codes of a small dictionary. Only metadata that the session
//! has in its cache are asked: the rule reads nothing.

use super::{PredictExec, admit::TableAdmits};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::{
    config::ConfigOptions,
    datasource::{
        listing::PartitionedFile,
        physical_plan::{
            FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
            parquet::metadata::CachedParquetMetaData,
        },
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::Result,
    execution::cache::cache_manager::FileMetadataCache,
    parquet::{
        arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        basic::Encoding,
        file::metadata::{ColumnChunkMetaData, ParquetMetaData},
    },
    physical_expr::{Partitioning, PhysicalExpr, ScalarFunctionExpr, expressions::Column},
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions,
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        filter::FilterExec,
        limit::{GlobalLimitExec, LocalLimitExec},
        projection::ProjectionExec,
        repartition::RepartitionExec,
    },
};
use std::sync::Arc;

/// Greater dictionaries, in bytes as they are stored, are left alone: a batch has few rows for each of their texts.
const DICTIONARY_BYTES_MAX: i64 = 16 << 10;

/// Has scans of Parquet hand on texts that only models read by the codes of their dictionaries.
#[derive(Debug, Default, Clone, Copy)]
pub struct TextsByCodes;

impl PhysicalOptimizerRule for TextsByCodes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let uses = vec![Use::Typed; plan.schema().fields().len()];
        Ok(rewritten(&plan, &uses, None)?.unwrap_or(plan))
    }

    fn name(&self) -> &str {
        "texts_by_codes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// How a column is read above the plan that gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Not at all, or handed on to where it is not.
    Unread,
    /// By models, which take texts in any layout.
    ByModels,
    /// By what was planned for its type.
    Typed,
}

/// Notes that a column is read in some way.
fn note(uses: &mut [Use], column: &Column, how: Use) {
    if let Some(before) = uses.get_mut(column.index()) {
        *before = how.max(*before);
    }
}

/// Notes how the columns of an expression are read: by a model where they are arguments of one.
fn note_columns(uses: &mut [Use], expr: &Arc<dyn PhysicalExpr>) {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return note(uses, column, Use::Typed);
    }
    match ScalarFunctionExpr::try_downcast_func::<TableAdmits>(expr.as_ref()) {
        Some(admits) => note_arguments(uses, admits.args()),
        None => expr.children().into_iter().for_each(|child| note_columns(uses, child)),
    }
}

/// Notes how what feeds a model is read.
fn note_arguments(uses: &mut [Use], arguments: &[Arc<dyn PhysicalExpr>]) {
    for argument in arguments {
        match argument.downcast_ref::<Column>() {
            Some(column) => note(uses, column, Use::ByModels),
            None => note_columns(uses, argument),
        }
    }
}

/// A plan whose scans hand texts on by codes, where its columns' uses allow it; `None` when it stays as it is.
///
/// The metadata of files are those that the model above has at hand.
fn rewritten(
    plan: &Arc<dyn ExecutionPlan>,
    uses: &[Use],
    files: Option<&FileMetadataCache>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let (Some(scan), Some(files)) = (plan.downcast_ref::<DataSourceExec>(), files) {
        return by_codes(scan, uses, files);
    }
    let files = plan.downcast_ref::<PredictExec>().map(PredictExec::files).or(files);
    let mut is_changed = false;
    let mut children = Vec::with_capacity(plan.children().len());
    for child in plan.children() {
        let child_uses = uses_below(plan.as_ref(), uses, child.schema().fields().len());
        let new = rewritten(child, &child_uses, files)?;
        is_changed |= new.is_some();
        children.push(new.unwrap_or_else(|| child.clone()));
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    is_changed.then(|| plan.clone().replace_children(children, options)).transpose()
}

/// How the columns of a plan's input are read, by the plan and above it.
fn uses_below(plan: &dyn ExecutionPlan, above: &[Use], width: usize) -> Vec<Use> {
    let mut uses = vec![Use::Unread; width];
    if let Some(predict) = plan.downcast_ref::<PredictExec>() {
        uses.copy_from_slice(&above[..width]);
        for call in predict.calls() {
            note_arguments(&mut uses, &call.columns);
            call.guard.iter().for_each(|guard| note_columns(&mut uses, guard));
        }
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        for (one, how) in projection.expr().iter().zip(above) {
            match one.expr.downcast_ref::<Column>() {
                Some(column) => note(&mut uses, column, *how),
                None => note_columns(&mut uses, &one.expr),
            }
        }
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        match filter.projection() {
            Some(kept) => kept.iter().zip(above).for_each(|(place, how)| uses[*place] = uses[*place].max(*how)),
            None => uses.copy_from_slice(above),
        }
        note_columns(&mut uses, filter.predicate());
    } else if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
        uses.copy_from_slice(above);
        match repartition.partitioning() {
            Partitioning::RoundRobinBatch(_) | Partitioning::UnknownPartitioning(_) => {}
            Partitioning::Hash(exprs, _) => exprs.iter().for_each(|expr| note_columns(&mut uses, expr)),
            _ => uses.fill(Use::Typed),
        }
    } else if hands_on(plan) {
        uses.copy_from_slice(above);
    } else {
        uses.fill(Use::Typed);
    }
    uses
}

/// Whether a plan gives the rows of its input as they are.
fn hands_on(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
}

/// A scan of Parquet that hands on texts by their codes; `None` where there is no column for that.
fn by_codes(scan: &DataSourceExec, above: &[Use], known: &FileMetadataCache) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some((config, source)) = scan.downcast_to_file_source::<ParquetSource>() else { return Ok(None) };
    let table = source.table_schema();
    let crypto = &source.table_parquet_options().crypto;
    let Some(projection) = source.projection() else { return Ok(None) };
    // What a source of one's own would not take over. An order that rows are to be read in comes from a sort, and none lies
    // between here and the model.
    if !table.virtual_columns().is_empty() || crypto.file_decryption.is_some() || crypto.factory_id.is_some() {
        return Ok(None);
    }
    let mut uses = vec![Use::Unread; table.table_schema().fields().len()];
    for (one, how) in projection.iter().zip(above) {
        match one.expr.downcast_ref::<Column>() {
            Some(column) => note(&mut uses, column, *how),
            None => note_columns(&mut uses, &one.expr),
        }
    }
    source.filter().iter().for_each(|filter| note_columns(&mut uses, filter));
    let is_candidate =
        |(place, field): &(usize, &Arc<Field>)| uses[*place] == Use::ByModels && field.data_type().is_string();
    let fields = table.file_schema().fields();
    let mut names: Vec<String> =
        fields.iter().enumerate().filter(is_candidate).map(|(_, f)| f.name().clone()).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for file in config.file_groups.iter().flat_map(FileGroup::iter) {
        let Some(metadata) = metadata_at_hand(known, file) else { return Ok(None) };
        names.retain(|name| is_by_codes(&metadata, name));
        files.push(metadata);
    }
    if names.is_empty() {
        return Ok(None);
    }
    let mut files = files.into_iter();
    let mut groups = Vec::with_capacity(config.file_groups.len());
    for group in &config.file_groups {
        let mut members = group.files().to_vec();
        for (file, metadata) in members.iter_mut().zip(&mut files) {
            file.arrow_schema = Some(with_codes(file_schema(file, metadata)?.as_ref(), &names));
        }
        let statistics = group.file_statistics(None).cloned();
        let group = FileGroup::new(members);
        groups.push(match statistics {
            Some(statistics) => group.with_statistics(Arc::new(statistics)),
            None => group,
        });
    }
    let partitions = table.table_partition_cols().clone();
    let coded = TableSchema::builder(with_codes(table.file_schema(), &names)).with_table_partition_cols(partitions);
    let mut new = ParquetSource::new(coded.build()).with_table_parquet_options(source.table_parquet_options().clone());
    if let Some(bytes) = source.table_parquet_options().global.metadata_size_hint {
        new = new.with_metadata_size_hint(bytes);
    }
    if let Some(factory) = source.parquet_file_reader_factory() {
        new = new.with_parquet_file_reader_factory(factory.clone());
    }
    if let Some(filter) = source.filter() {
        new = new.with_predicate(filter);
    }
    let Some(new) = new.try_pushdown_projection(projection)? else { return Ok(None) };
    let config: FileScanConfig =
        FileScanConfigBuilder::from(config.clone()).with_source(new).with_file_groups(groups).build();
    Ok(Some(DataSourceExec::from_data_source(config)))
}

/// The metadata of a file, where they are known.
fn metadata_at_hand(known: &FileMetadataCache, file: &PartitionedFile) -> Option<Arc<ParquetMetaData>> {
    let entry = known.get(&file.object_meta.location).filter(|entry| entry.is_valid_for(&file.object_meta))?;
    Some(entry.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()?.parquet_metadata().clone())
}

/// Whether all of a column's pages hold codes of small dictionaries. A file that lacks the column has NULL for it.
fn is_by_codes(metadata: &ParquetMetaData, name: &str) -> bool {
    let is_it = |chunk: &&ColumnChunkMetaData| chunk.column_path().parts() == [name];
    let is_coded = |chunk: &ColumnChunkMetaData| {
        let codes = [Encoding::RLE_DICTIONARY, Encoding::PLAIN_DICTIONARY];
        chunk.page_encoding_stats_mask().is_some_and(|mask| mask.encodings().all(|e| codes.contains(&e)))
            && chunk
                .dictionary_page_offset()
                .is_some_and(|start| (1..=DICTIONARY_BYTES_MAX).contains(&(chunk.data_page_offset() - start)))
    };
    metadata.row_groups().iter().flat_map(|group| group.columns().iter().find(is_it)).all(is_coded)
}

/// The schema of a file's columns as its reader gives them.
fn file_schema(file: &PartitionedFile, metadata: Arc<ParquetMetaData>) -> Result<SchemaRef> {
    match &file.arrow_schema {
        Some(schema) => Ok(schema.clone()),
        None => Ok(ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new())?.schema().clone()),
    }
}

/// A schema with some of its columns as dictionaries of texts.
fn with_codes(schema: &Schema, names: &[String]) -> SchemaRef {
    let codes = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let field = |field: &Arc<Field>| match names.contains(field.name()) {
        true => Arc::new(field.as_ref().clone().with_data_type(codes.clone())),
        false => field.clone(),
    };
    let fields: Vec<Arc<Field>> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}
