//! A store in a folder: durable puts, compare-and-swap, a scan, and everything there again after a new start.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrow_array::{Int64Array, RecordBatch};
use hologram::store::{Coordinate, Durability, Error, Hint, Put, Store};
use std::sync::Arc;

fn scores(values: Vec<i64>) -> Result<RecordBatch, Error> {
    RecordBatch::try_from_iter([("score", Arc::new(Int64Array::from(values)) as _)])
        .map_err(|error| Error::Invalid(error.to_string()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("store-folder-{}", std::process::id()));
    let models: Coordinate = "3.0.17.0".parse()?;
    let first = models.child("0.0.0.1".parse()?);
    let durable = Put { durability: Durability::Local, ..Put::default() };
    {
        let store = Store::builder().l1_bytes(64 << 20).open(&folder)?;
        let version = store.put_with(&first, scores(vec![1, 2, 3])?, durable)?; // on disk when it returns
        store.put(&models.child("0.0.0.2".parse()?), scores(vec![4])?)?; // on disk soon

        // A change that expects the version it has seen; the second one comes too late.
        let change = Put { expected: Some(Some(version)), ..durable };
        store.put_with(&first, scores(vec![10, 20])?, change)?;
        let late = store.put_with(&first, scores(vec![0])?, change);
        assert!(matches!(late, Err(Error::Conflict(_))));
    }
    let store = Store::builder().open(&folder)?;
    for (at, batch) in store.scan(models.range()) {
        println!("{at}: {} rows", batch?.records().num_rows());
    }
    let found = store.get_local(&first, Hint::Point)?;
    assert_eq!(found.map(|batch| batch.records().num_rows()), Some(2));
    assert!(store.remove(&first)?);
    drop(store);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
