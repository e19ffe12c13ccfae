//! A store as a table: its coordinates in order, and what lies there.

use crate::store::{Coordinate, Error as StoreError, Hint, Store, coordinate_field};
use arrow_array::{
    ArrayRef, RecordBatch, RecordBatchOptions,
    builder::{BinaryBuilder, BooleanBuilder, StringBuilder, UInt8Builder, UInt32Builder, UInt64Builder},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::ScalarValue,
    datasource::{TableType, memory::MemorySourceConfig},
    error::{DataFusionError, Result},
    logical_expr::{
        BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDFImpl, Signature,
        TableProviderFilterPushDown, Volatility,
    },
    physical_plan::ExecutionPlan,
};
use std::{ops::Bound, sync::Arc};

/// A range of coordinates.
type Keys = (Bound<Coordinate>, Bound<Coordinate>);

/// The batches of a store as rows, read when a query runs.
///
/// Columns: `key` (the coordinate's bytes, whose order is the coordinates', with the extension type `hologram.coordinate`), `coordinate` (as text), `class` (the first
/// digit), `depth` (strata), `resident` (whether a tier in memory holds it), `rows`, `columns` and `bytes` of the batch.
///
/// Comparisons of `key` with constants, equality of `coordinate`, and comparisons of `class` become a range of the scan;
/// batches are read only for columns that describe them. [`CoordinateFunction`] makes keys of text:
///
/// ```sql
/// SELECT class, count(*) FROM kept WHERE key >= coordinate('3.0.0.0') AND key < coordinate('5.0.0.0') GROUP BY class
/// ```
#[derive(Debug)]
pub struct StoreTable {
    store: Arc<Store>,
    schema: SchemaRef,
}

impl StoreTable {
    /// The table of a store.
    pub fn new(store: Arc<Store>) -> Self {
        let field = |name: &str, data_type| Field::new(name, data_type, false);
        let schema = Schema::new(vec![
            coordinate_field("key", DataType::Binary),
            field("coordinate", DataType::Utf8),
            field("class", DataType::UInt8),
            field("depth", DataType::UInt32),
            field("resident", DataType::Boolean),
            field("rows", DataType::UInt64),
            field("columns", DataType::UInt32),
            field("bytes", DataType::UInt64),
        ]);
        Self { store, schema: Arc::new(schema) }
    }

    async fn batch(&self, keys: Keys, columns: &[usize], limit: usize) -> crate::Result<RecordBatch> {
        let (mut key, mut coordinate) = (BinaryBuilder::new(), StringBuilder::new());
        let (mut class, mut depth, mut resident) = (UInt8Builder::new(), UInt32Builder::new(), BooleanBuilder::new());
        let (mut rows, mut width, mut bytes) = (UInt64Builder::new(), UInt32Builder::new(), UInt64Builder::new());
        let asks = |column: usize| columns.contains(&column);
        let reads = (5..8).any(asks);
        let mut count = 0;
        for at in self.store.coordinates(keys).into_iter().take(limit) {
            count += 1;
            key.append_value(at.as_bytes());
            coordinate.append_value(at.to_string());
            class.append_value(at.as_bytes()[0]);
            depth.append_value(u32::try_from(at.depth()).unwrap_or(u32::MAX));
            resident.append_value(asks(4) && self.store.get_resident(&at).is_some());
            let batch = if reads { self.store.get(&at, Hint::Scan).await? } else { None };
            let (n, k, b) = batch.map_or((0, 0, 0), |batch| {
                (batch.records().num_rows(), batch.records().num_columns(), batch.size_bytes())
            });
            rows.append_value(n as u64);
            width.append_value(u32::try_from(k).unwrap_or(u32::MAX));
            bytes.append_value(b as u64);
        }
        let all: Vec<ArrayRef> = vec![
            Arc::new(key.finish()),
            Arc::new(coordinate.finish()),
            Arc::new(class.finish()),
            Arc::new(depth.finish()),
            Arc::new(resident.finish()),
            Arc::new(rows.finish()),
            Arc::new(width.finish()),
            Arc::new(bytes.finish()),
        ];
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let schema = self.schema.project(columns)?;
        let picked = columns.iter().map(|i| all[*i].clone()).collect();
        Ok(RecordBatch::try_new_with_options(Arc::new(schema), picked, &options)?)
    }
}

/// The range of keys that a condition asks for, when it is one.
fn range(filter: &Expr) -> Option<Keys> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    let (column, op, value) = match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
        (Expr::Literal(value, _), Expr::Column(column)) => (column, op.swap()?, value),
        _ => return None,
    };
    // Keys of which a class begins and ends.
    let class = |class: u64| -> Option<Coordinate> {
        let class = u8::try_from(class).ok().filter(|c| *c < crate::store::atlas::CLASSES)?;
        Coordinate::from_bytes(&[class, 0, 0, 0, 0, 0]).ok()
    };
    match column.name.as_str() {
        "key" => {
            let (ScalarValue::Binary(Some(key))
            | ScalarValue::LargeBinary(Some(key))
            | ScalarValue::BinaryView(Some(key))) = value
            else {
                return None;
            };
            let key = Coordinate::from_bytes(key).ok()?;
            Some(match op {
                Operator::Eq => (Bound::Included(key.clone()), Bound::Included(key.clone())),
                Operator::GtEq => (Bound::Included(key.clone()), Bound::Unbounded),
                Operator::Gt => (Bound::Excluded(key.clone()), Bound::Unbounded),
                Operator::LtEq => (Bound::Unbounded, Bound::Included(key.clone())),
                Operator::Lt => (Bound::Unbounded, Bound::Excluded(key.clone())),
                _ => return None,
            })
        }
        "coordinate" => {
            let text = value.try_as_str().flatten()?;
            let at: Coordinate = text.parse().ok().filter(|at: &Coordinate| at.to_string() == text)?;
            (op == Operator::Eq).then(|| (Bound::Included(at.clone()), Bound::Included(at)))
        }
        "class" => {
            let ScalarValue::UInt8(Some(n)) = value.cast_to(&DataType::UInt8).ok()? else { return None };
            let n = u64::from(n);
            // No class lies beyond the last one: nothing is left out there, and DataFusion filters what is.
            let from = |n: u64| class(n).map_or(Bound::Unbounded, Bound::Included);
            let before = |n: u64| class(n).map_or(Bound::Unbounded, Bound::Excluded);
            Some(match op {
                Operator::Eq => (from(n), before(n + 1)),
                Operator::GtEq => (from(n), Bound::Unbounded),
                Operator::Gt => (from(n + 1), Bound::Unbounded),
                Operator::LtEq => (Bound::Unbounded, before(n + 1)),
                Operator::Lt => (Bound::Unbounded, before(n)),
                _ => return None,
            })
        }
        _ => None,
    }
}

/// What both ranges hold.
fn both(a: Keys, b: Keys) -> Keys {
    let key = |bound: &Bound<Coordinate>| match bound {
        Bound::Included(key) => Some((key.clone(), false)),
        Bound::Excluded(key) => Some((key.clone(), true)),
        Bound::Unbounded => None,
    };
    let start = match (key(&a.0), key(&b.0)) {
        (None, _) => b.0,
        (Some(x), Some(y)) if y > x => b.0,
        _ => a.0,
    };
    let end = match (key(&a.1), key(&b.1)) {
        (None, _) => b.1,
        // Of equal ends the one that leaves its key out.
        (Some((x, out)), Some((y, other))) if (y.clone(), !other) < (x.clone(), !out) => b.1,
        _ => a.1,
    };
    (start, end)
}

fn is_empty((start, end): &Keys) -> bool {
    match (start, end) {
        (Bound::Included(a), Bound::Included(b)) => a > b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a >= b,
        _ => false,
    }
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let of = |filter: &&Expr| match range(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = projection.unwrap_or(&all);
        let keys = filters.iter().filter_map(range).fold((Bound::Unbounded, Bound::Unbounded), both);
        let limit = if is_empty(&keys) { 0 } else { limit.unwrap_or(usize::MAX) };
        let keys = if limit == 0 { (Bound::Unbounded, Bound::Unbounded) } else { keys };
        let batch = self.batch(keys, columns, limit).await?;
        let schema = batch.schema();
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
    }
}

/// `coordinate('3.0.17.0')`: a coordinate's bytes, whose order is the coordinates'.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct CoordinateFunction {
    signature: Signature,
}

impl Default for CoordinateFunction {
    fn default() -> Self {
        Self { signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for CoordinateFunction {
    fn name(&self) -> &str {
        "coordinate"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = |text: &str| -> Result<Vec<u8>> {
            let at: Coordinate = text.parse().map_err(|e: StoreError| DataFusionError::from(crate::Error::from(e)))?;
            Ok(at.as_bytes().to_vec())
        };
        match arguments.args.first() {
            Some(ColumnarValue::Scalar(value)) => {
                let text = value.try_as_str().flatten();
                Ok(ColumnarValue::Scalar(ScalarValue::Binary(text.map(key).transpose()?)))
            }
            Some(ColumnarValue::Array(texts)) => {
                use arrow_array::cast::AsArray;
                let mut keys = BinaryBuilder::new();
                for text in texts.as_string::<i32>() {
                    keys.append_option(text.map(key).transpose()?);
                }
                Ok(ColumnarValue::Array(Arc::new(keys.finish())))
            }
            None => Err(crate::Error::invalid("coordinate() takes one text").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sql::{Engine, EngineOptions},
        store::Stratum,
    };
    use arrow_array::{Int32Array, cast::AsArray, types::Int64Type};
    use datafusion::prelude::{col, lit};

    fn store() -> Arc<Store> {
        let store = Store::builder().build();
        let column: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let records = RecordBatch::try_from_iter([("a", column)]).unwrap();
        for class in 0..6u8 {
            for page in 0..4 {
                let root: Coordinate = format!("{class}.{page}.0.0").parse().unwrap();
                store.put(&root, records.clone()).unwrap();
                store.put(&root.child(Stratum::FIRST), records.slice(0, 1)).unwrap();
            }
        }
        Arc::new(store)
    }

    /// Every condition that is pushed down gives the rows that it gives without.
    #[test]
    fn ranges_are_those_of_the_conditions() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let engine = Engine::new(EngineOptions::default()).unwrap();
        engine.register_store("kept", store()).unwrap();
        let count = |condition: &str| {
            let sql = format!("SELECT count(*) FROM kept WHERE {condition}");
            let rows = runtime.block_on(async { engine.sql(&sql).await.unwrap().collect().await.unwrap() });
            rows[0].column(0).as_primitive::<Int64Type>().value(0)
        };
        for (condition, want) in [
            ("true", 48),
            ("class = 3", 8),
            ("class >= 4", 16),
            ("2 > class", 16),
            ("class = 95 OR class = 200", 0),
            ("class > 3 AND class < 3", 0),
            ("coordinate = '3.1.0.0'", 1),
            ("coordinate = '3.1.0.0/0.0.0.0'", 1),
            ("coordinate = 'nowhere'", 0),
            ("key = coordinate('3.1.0.0')", 1),
            ("key >= coordinate('3.1.0.0') AND key < coordinate('3.3.0.0')", 4),
            ("key > coordinate('3.1.0.0') AND key <= coordinate('3.3.0.0')", 4),
            ("key >= coordinate('3.1.0.0') AND class = 3 AND depth = 2", 3),
            ("rows = 1", 24),
            ("resident AND columns = 1", 48),
        ] {
            assert_eq!(count(condition), want, "{condition}");
        }
        let bad = runtime.block_on(async {
            engine.sql("SELECT coordinate('3.x')").await?.collect().await.map_err(crate::Error::from)
        });
        assert!(bad.is_err());
    }

    #[test]
    fn only_what_is_a_range_is_pushed_down() {
        let table = StoreTable::new(store());
        let [class, rows] = [col("class").eq(lit(3u8)), col("rows").gt(lit(3u64))];
        let pushed = table.supports_filters_pushdown(&[&class, &rows]).unwrap();
        assert_eq!(pushed, [TableProviderFilterPushDown::Inexact, TableProviderFilterPushDown::Unsupported]);
        let key = |class| Coordinate::from_bytes(&[class, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(range(&class), Some((Bound::Included(key(3)), Bound::Excluded(key(4)))));
        let last = col("class").eq(lit(95u8));
        assert_eq!(range(&last), Some((Bound::Included(key(95)), Bound::Unbounded)));
    }
}
