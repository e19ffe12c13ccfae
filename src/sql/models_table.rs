//! The table `hologram.models`: what is registered, with what it takes and gives.

use super::ModelCatalog;
use crate::Result;
use arrow_array::{
    RecordBatch,
    builder::{ListBuilder, MapBuilder, StringBuilder, StructBuilder},
};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    datasource::{TableType, memory::MemorySourceConfig},
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};
use hologram_resolver::Port;
use std::sync::Arc;

/// The registered models as rows, read when a query runs.
///
/// Columns: `name`, `path` (NULL for a model made in the process), `inputs` and `outputs` (lists of name, type and
/// features), `rows` (`independent` or `dependent`, and why), `metadata` (what the model says of itself).
#[derive(Debug)]
pub struct ModelsTable {
    models: Arc<ModelCatalog>,
    schema: SchemaRef,
}

impl ModelsTable {
    /// The table of a catalog's models.
    pub fn new(models: Arc<ModelCatalog>) -> Self {
        let list = |fields| DataType::List(Arc::new(Field::new("item", DataType::Struct(fields), true)));
        let pair = DataType::Struct(Fields::from(vec![
            Field::new("keys", DataType::Utf8, false),
            Field::new("values", DataType::Utf8, true),
        ]));
        let schema = Schema::new(vec![
            Field::new("name", DataType::Utf8, false),
            Field::new("path", DataType::Utf8, true),
            Field::new("inputs", list(port_fields()), false),
            Field::new("outputs", list(port_fields()), false),
            Field::new("rows", DataType::Utf8, false),
            Field::new("metadata", DataType::Map(Arc::new(Field::new("entries", pair, false)), false), false),
        ]);
        Self { models, schema: Arc::new(schema) }
    }

    fn batch(&self) -> Result<RecordBatch> {
        let (mut names, mut paths, mut rows) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
        let ports = || ListBuilder::new(StructBuilder::from_fields(port_fields(), 0));
        let (mut inputs, mut outputs) = (ports(), ports());
        let mut metadata = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for info in self.models.list() {
            names.append_value(&info.name);
            paths.append_option(info.path.map(|p| p.display().to_string()));
            let signature = info.model.signature();
            append(&mut inputs, &signature.inputs)?;
            append(&mut outputs, &signature.outputs)?;
            let word = if signature.rows.independent { "independent" } else { "dependent" };
            rows.append_value(format!("{word}: {}", signature.rows.reason));
            for (key, value) in info.model.metadata() {
                metadata.keys().append_value(key);
                metadata.values().append_value(value);
            }
            metadata.append(true)?;
        }
        Ok(RecordBatch::try_new(
            self.schema.clone(),
            vec![
                Arc::new(names.finish()),
                Arc::new(paths.finish()),
                Arc::new(inputs.finish()),
                Arc::new(outputs.finish()),
                Arc::new(rows.finish()),
                Arc::new(metadata.finish()),
            ],
        )?)
    }
}

fn port_fields() -> Fields {
    Fields::from(vec![
        Field::new("name", DataType::Utf8, false),
        Field::new("type", DataType::Utf8, false),
        Field::new("features", DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))), false),
    ])
}

fn append(list: &mut ListBuilder<StructBuilder>, ports: &[Port]) -> Result<()> {
    let missing = || crate::Error::new(crate::ErrorKind::Internal, "hologram.models: a column has no builder");
    for port in ports {
        let one = list.values();
        one.field_builder::<StringBuilder>(0).ok_or_else(missing)?.append_value(&port.name);
        one.field_builder::<StringBuilder>(1).ok_or_else(missing)?.append_value(port.ty.to_string());
        let features =
            one.field_builder::<ListBuilder<Box<dyn arrow_array::builder::ArrayBuilder>>>(2).ok_or_else(missing)?;
        let names = features.values().as_any_mut().downcast_mut::<StringBuilder>().ok_or_else(missing)?;
        port.features.iter().for_each(|f| names.append_value(f));
        features.append(true);
        one.append(true);
    }
    list.append(true);
    Ok(())
}

#[async_trait]
impl TableProvider for ModelsTable {
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
