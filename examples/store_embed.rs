//! The store alone: Arrow batches under coordinates, equal content kept once, misses computed once.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use hologram::store::{Error, Space, Store};
use std::sync::Arc;

fn batch(values: Vec<i64>) -> Result<RecordBatch, Error> {
    let column: ArrayRef = Arc::new(Int64Array::from(values));
    RecordBatch::try_from_iter([("value", column)]).map_err(|e| Error::Invalid(e.to_string()))
}

fn main() -> Result<(), Error> {
    let store = Store::builder().l1_bytes(1 << 20).build();

    // A space names what a coordinate stands for: here a shop and a day.
    let space = Space::new([("shop", 20), ("day", 365)])?;
    let (monday, tuesday) = (space.encode(&[3, 0])?, space.encode(&[3, 1])?);
    println!("shop 3 on day 0 is {monday}, on day 1 {tuesday}");
    assert_eq!(space.decode(&tuesday)?, [3, 1]);

    // What is put is found, by reference.
    let put = store.put(&monday, batch(vec![10, 20, 30])?)?;
    let found = store.get_resident(&monday);
    assert!(found.is_some_and(|found| Arc::ptr_eq(&found, &put)));
    assert!(store.get_resident(&tuesday).is_none());

    // A miss computes once and keeps the answer; equal content shares the memory that is there already.
    for _ in 0..3 {
        let answer = store.resolve::<Error>(&tuesday, || batch(vec![10, 20, 30]))?;
        assert!(Arc::ptr_eq(&answer, &put), "one batch under two coordinates");
        assert_eq!(answer.records().column(0).as_primitive::<Int64Type>().value(2), 30);
    }
    let stats = store.stats();
    println!("{} computed, {} shared, {} bytes kept in L1", stats.computed, stats.shared, stats.l1.bytes);
    assert_eq!((stats.computed, stats.shared), (1, 1));

    // A region is a range of coordinates pinned in memory.
    let region = store.pin(&space.encode(&[4, 0])?, 365)?;
    store.put(&space.encode(&[4, 7])?, batch(vec![7])?)?;
    assert!(region.get(7).is_some() && region.get(8).is_none());
    Ok(())
}
