//! Gets and puts of the tiers in memory, beside the plain structures that they are built on.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::{Arc, RwLock},
};

use arc_swap::ArcSwapOption;
use arrow_array::{Int32Array, RecordBatch};
use criterion::{Criterion, criterion_group, criterion_main};
use hologram_store::{Batch, Coordinate, L0, L1, Tier};

const KEYS: u32 = 100_000;

/// Keys in an order that no cache line foresees.
fn keys() -> impl FnMut() -> u32 {
    let mut state = 1_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((state >> 32) * u64::from(KEYS)) >> 32) as u32
    }
}

fn tier(criterion: &mut Criterion) {
    let column = || Arc::new(Int32Array::from(vec![1])) as _;
    let batch = || RecordBatch::try_from_iter([("a", column())]).map(|records| Arc::new(Batch::new(records)));
    let Ok(batches) = (0..KEYS).map(|_| batch()).collect::<Result<Vec<_>, _>>() else { return };
    let mut group = criterion.benchmark_group("tier");

    let plain: Vec<ArcSwapOption<Batch>> = batches.iter().map(|batch| Some(Arc::clone(batch)).into()).collect();
    let mut next = keys();
    group.bench_function("get: Vec of ArcSwapOption", |bench| bench.iter(|| plain[next() as usize].load_full()));

    let l0 = L0::new(1 << 30);
    let Ok(region) = l0.pin(&Coordinate::from(0_u32), KEYS as usize) else { return };
    for (key, batch) in (0..KEYS).zip(&batches) {
        assert!(l0.put(&key.into(), Arc::clone(batch)).is_ok());
    }
    group.bench_function("get: L0 by slot", |bench| bench.iter(|| region.get(next() as usize)));
    group.bench_function("get: L0 by coordinate", |bench| bench.iter(|| l0.find(&Coordinate::from(next()))));

    let map: HashMap<Coordinate, Arc<Batch>> = (0..KEYS).map(Coordinate::from).zip(batches.iter().cloned()).collect();
    let map = RwLock::new(map);
    group.bench_function("get: RwLock of HashMap", |bench| {
        bench.iter(|| map.read().map(|map| map.get(&Coordinate::from(next())).cloned()).ok());
    });

    let l1 = L1::new(1 << 30);
    for (key, batch) in (0..KEYS).zip(&batches) {
        assert!(l1.put(&key.into(), Arc::clone(batch)).is_ok());
    }
    group.bench_function("get: L1", |bench| bench.iter(|| l1.find(&Coordinate::from(next()))));
    group.bench_function("put: L1, in place", |bench| {
        bench.iter(|| {
            let key = next();
            l1.put(&key.into(), Arc::clone(&batches[key as usize]))
        });
    });

    let tenth = L1::new(l1.stats().bytes / 10);
    group.bench_function("get, or put and evict: L1 at a tenth", |bench| {
        bench.iter(|| {
            let key = next();
            let at = black_box(Coordinate::from(key));
            match tenth.find(&at) {
                Some(found) => Ok(vec![(at, found)]),
                None => tenth.put(&at, Arc::clone(&batches[key as usize])),
            }
        });
    });
    group.finish();
}

criterion_group!(benches, tier);
criterion_main!(benches);
