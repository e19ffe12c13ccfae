//! SQL over models: `predict('model', columns...)` in DataFusion.
//!
//! A bare scalar function is the wrong place for a model: DataFusion copies it, moves it below filters and limits, and
//! runs it at planning when its arguments are literals. So [`predict`](PredictFunction) only names and types a call. An
//! analyzer rule ([`HoistPredictions`]) takes every call out of its expression into one logical node, [`PredictNode`],
//! with a plan of its own, [`PredictExec`]: each call is answered once a row, filters on other columns and limits go
//! below it, predictions that nobody reads disappear, and rows that a `CASE`, `AND`, `OR` or `COALESCE` does not reach are
//! not scored. What a condition says of a model with a table is asked of the table before a row is scored ([`AdmitByTables`]),
//! and texts that only models read stay the dictionaries that Parquet keeps ([`TextsByCodes`]).
//!
//! [`Engine`] is a session with all of it. Who has a context of their own calls [`register`] on its state's builder and
//! [`register_models_table`] on the context.

mod account;
mod admit;
mod call;
mod engine;
mod exec;
mod function;
mod guard;
mod hoist;
mod late;
mod memos_table;
mod model_catalog;
mod models_table;
mod narrow;
mod node;
mod options;
mod planner;
mod prune;
mod store_table;
mod table_argument;
mod table_function;
mod text_codes;
mod through;

pub use admit::AdmitByTables;
pub use engine::{Engine, EngineOptions};
pub use exec::PredictExec;
pub use function::PredictFunction;
pub use hoist::HoistPredictions;
pub use late::LatePredictions;
pub use memos_table::MemosTable;
pub use model_catalog::{ModelCatalog, ModelInfo};
pub use models_table::ModelsTable;
pub use node::{PredictCall, PredictNode};
pub use options::{CastPolicy, HologramOptions, MemoPolicy, NullPolicy};
pub use planner::{PredictPlanner, PredictQueryPlanner};
pub use prune::PrunePredictions;
pub use store_table::{CoordinateFunction, StoreTable};
pub use table_argument::plan_sql;
pub use table_function::PredictRelation;
pub use text_codes::TextsByCodes;

use datafusion::{
    catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider},
    execution::SessionStateBuilder,
    logical_expr::ScalarUDF,
    prelude::SessionContext,
};
use std::sync::Arc;

/// Puts `predict`, its rules, its planner and the settings `hologram.*` into a state that is being built.
///
/// Replaces the state's query planner; who needs another one gives it [`PredictPlanner`] among its extension planners
/// and sets it after this call.
pub fn register(builder: SessionStateBuilder, models: &Arc<ModelCatalog>) -> SessionStateBuilder {
    let mut builder = builder;
    let config = builder.config().take().unwrap_or_default();
    let config = match config.options().extensions.get::<HologramOptions>() {
        Some(_) => config,
        None => config.with_option_extension(HologramOptions::default()),
    };
    let function = Arc::new(ScalarUDF::from(PredictFunction::new(models.clone())));
    let coordinate = Arc::new(ScalarUDF::from(CoordinateFunction::default()));
    builder.scalar_functions().get_or_insert_with(Vec::new).extend([function, coordinate]);
    builder.relation_planners().get_or_insert_with(Vec::new).insert(0, Arc::new(PredictRelation));
    builder
        .with_physical_optimizer_rule(Arc::new(TextsByCodes))
        .with_config(config)
        .with_analyzer_rule(Arc::new(HoistPredictions::new(models.clone())))
        .with_optimizer_rule(Arc::new(PrunePredictions))
        .with_optimizer_rule(Arc::new(LatePredictions))
        .with_optimizer_rule(Arc::new(AdmitByTables))
        .with_query_planner(Arc::new(PredictQueryPlanner::default()))
}

/// Makes the registered models readable as the table `hologram.models`, and what is remembered of them as `hologram.memos`.
///
/// # Errors
/// What the context's catalog says when it does not take the schema.
pub fn register_models_table(context: &SessionContext, models: &Arc<ModelCatalog>) -> crate::Result<()> {
    let name = context.copied_config().options().catalog.default_catalog.clone();
    let catalog: Arc<dyn CatalogProvider> = match context.catalog(&name) {
        Some(catalog) => catalog,
        None => {
            let catalog: Arc<dyn CatalogProvider> = Arc::new(MemoryCatalogProvider::new());
            context.register_catalog(name, catalog.clone());
            catalog
        }
    };
    let schema = MemorySchemaProvider::new();
    schema.register_table("models".into(), Arc::new(ModelsTable::new(models.clone())))?;
    schema.register_table("memos".into(), Arc::new(MemosTable::new(models.clone())))?;
    catalog.register_schema("hologram", Arc::new(schema))?;
    Ok(())
}
