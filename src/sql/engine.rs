//! A session that answers SQL over models.

use super::{ModelCatalog, ModelInfo, register, register_models_table, table_argument};
use crate::{Error, Result};
use datafusion::{
    dataframe::DataFrame,
    execution::{SessionStateBuilder, memory_pool::FairSpillPool, runtime_env::RuntimeEnvBuilder},
    prelude::{SessionConfig, SessionContext},
};
use hologram_resolver::{Model, ModelOptions};
use std::{path::Path, sync::Arc};

/// How an engine is made.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The settings of the session, DataFusion's and `hologram.*`.
    pub config: Option<SessionConfig>,
    /// Memory that queries may hold, in bytes; without a limit when it is not given.
    pub memory_bytes_max: Option<usize>,
    /// Partitions that a query runs in; one a core when it is not given.
    pub partitions: Option<usize>,
    /// How models are opened.
    pub models: ModelOptions,
    /// Bytes that remembered answers take at most; 64 MiB when it is not given.
    pub memo_bytes_max: Option<usize>,
}

/// A DataFusion session that knows `predict`, models, and files by their paths.
///
/// ```no_run
/// # async fn example() -> hologram::Result<()> {
/// use hologram::sql::{Engine, EngineOptions};
/// let engine = Engine::new(EngineOptions::default())?;
/// engine.register_model("wine", "wine_pipeline.onnx")?;
/// engine.sql("SELECT predict('wine', w) FROM 'wine.parquet' w").await?.show().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    context: SessionContext,
    models: Arc<ModelCatalog>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("models", &self.models).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with no models.
    ///
    /// # Errors
    /// What DataFusion says of the settings.
    pub fn new(options: EngineOptions) -> Result<Self> {
        let models = ModelCatalog::new(options.models.clone());
        let models = match options.memo_bytes_max {
            Some(bytes) => models.with_memo_bytes(bytes),
            None => models,
        };
        Self::with_models(Arc::new(models), options)
    }

    /// An engine over a catalog of models that others may share.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_models(models: Arc<ModelCatalog>, options: EngineOptions) -> Result<Self> {
        let mut config = options.config.unwrap_or_else(|| SessionConfig::new().with_information_schema(true));
        if let Some(partitions) = options.partitions {
            config = config.with_target_partitions(partitions);
        }
        let mut runtime = RuntimeEnvBuilder::new();
        if let Some(bytes) = options.memory_bytes_max {
            runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
        }
        let builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime.build_arc()?)
            .with_default_features();
        let context = SessionContext::new_with_state(register(builder, &models).build()).enable_url_table();
        register_models_table(&context, &models)?;
        Ok(Self { context, models })
    }

    /// Opens a `.holo` archive, or compiles another model file in memory, under a name; a taken name is replaced.
    ///
    /// # Errors
    /// `Missing` for a file that is not there, `Unsupported` for what this version cannot run, `Invalid` for a file that
    /// is wrong.
    pub fn register_model(&self, name: &str, path: impl AsRef<Path>) -> Result<Arc<Model>> {
        self.models.register(name, path)
    }

    /// Makes a store readable as a table of this name; a taken name is an error.
    ///
    /// # Errors
    /// `Invalid` for a name that is taken.
    pub fn register_store(&self, name: &str, store: Arc<crate::store::Store>) -> Result<()> {
        self.context.register_table(name, Arc::new(super::StoreTable::new(store)))?;
        Ok(())
    }

    /// The registered models.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.models.list()
    }

    /// The catalog of models, to register open ones or to take names away.
    pub fn model_catalog(&self) -> &Arc<ModelCatalog> {
        &self.models
    }

    /// Plans a statement; it runs when the frame is collected or streamed.
    ///
    /// Beside DataFusion's SQL, `predict('model', t)` over a relation `t` binds the relation's columns by name.
    ///
    /// # Errors
    /// `Invalid` for wrong SQL, `Missing` for models and columns that are not there.
    pub async fn sql(&self, sql: &str) -> Result<DataFrame> {
        let plan = table_argument::plan_sql(&self.context, sql).await?;
        self.context.execute_logical_plan(plan).await.map_err(Error::from)
    }

    /// DataFusion's context, to register tables and to set what SQL cannot.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }
}
