//! The encoded and the disk tier: gets to a verified batch, a fresh map, and durable puts alone and in groups, beside one
//! `fdatasync` and beside decoding alone.

use std::{
    fs::File,
    io::Write,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arrow_array::{Int64Array, RecordBatch};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hologram_store::{
    Batch, Coordinate, Encoded, L2, Schemas,
    tier::sd::{PutOptions, Sd, SdOptions},
};

const KEYS: u32 = 20_000;

/// A batch of so many bytes of numbers.
fn batch(bytes: usize) -> Option<Arc<Batch>> {
    let column = Arc::new(Int64Array::from_iter_values(0..(bytes / 8) as i64)) as _;
    RecordBatch::try_from_iter([("a", column)]).ok().map(|records| Arc::new(Batch::new(records)))
}

fn disk(criterion: &mut Criterion) {
    let (Some(small), Some(large), Ok(folder)) = (batch(4_096), batch(1_500_000), tempfile::tempdir()) else { return };
    let mut group = criterion.benchmark_group("disk");
    let durable = PutOptions { durable: true, ..PutOptions::default() };
    let Ok(sd) = Sd::open(folder.path().join("sd"), SdOptions::default()) else { return };
    for key in 0..KEYS {
        assert!(sd.insert(&key.into(), &small, PutOptions::default()).is_ok());
    }
    assert!(sd.insert(&KEYS.into(), &large, durable).is_ok());
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Coordinate::from((((state >> 32) * u64::from(KEYS)) >> 32) as u32)
    };

    if let Ok(encoded) = Encoded::of(&small) {
        let schemas = Schemas::default();
        group.bench_function("decode: 4 KiB", |bench| bench.iter(|| encoded.decode(&schemas)));
    }
    let l2 = L2::new(1 << 30);
    for key in 0..KEYS {
        assert!(Encoded::of(&small).and_then(|encoded| l2.keep(&key.into(), encoded)).is_ok());
    }
    group.bench_function("get: L2, 4 KiB", |bench| bench.iter(|| l2.find(&next())));
    group.bench_function("get: SD, 4 KiB", |bench| bench.iter(|| sd.find(&next())));
    group.bench_function("get: SD, 1.5 MB", |bench| bench.iter(|| sd.find(&KEYS.into())));
    group.bench_function("put: SD, 4 KiB, not durable", |bench| {
        bench.iter(|| sd.insert(&next(), &small, PutOptions::default()));
    });

    group.sample_size(20).measurement_time(Duration::from_secs(4));
    let Ok(mut file) = File::create(folder.path().join("plain")) else { return };
    group.bench_function("one write of 4 KiB and fdatasync", |bench| {
        bench.iter(|| file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()));
    });
    group.bench_function("put: SD, 4 KiB, durable", |bench| bench.iter(|| sd.insert(&next(), &small, durable)));
    group.bench_function("put: SD, 4 KiB, durable, each of 64 threads'", |bench| {
        bench.iter_custom(|rounds| {
            let start = Instant::now();
            thread::scope(|scope| {
                for worker in 0..64_u32 {
                    let (sd, small) = (&sd, &small);
                    scope.spawn(move || {
                        for round in 0..rounds as u32 {
                            let at = Coordinate::from((worker * 311 + round) % KEYS);
                            assert!(sd.insert(&at, small, durable).is_ok());
                        }
                    });
                }
            });
            start.elapsed() / 64
        });
    });
    drop(sd);
    group.bench_function("open: 1.5 MB in a fresh map, found and verified", |bench| {
        let path = folder.path().join("fresh");
        if let Ok(sd) = Sd::open(&path, SdOptions { segment_bytes: 1 << 21, ..SdOptions::default() }) {
            assert!(sd.insert(&KEYS.into(), &large, durable).is_ok());
        }
        bench.iter_batched(
            || (),
            |()| Sd::open(&path, SdOptions::default()).and_then(|sd| sd.find(&KEYS.into())),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, disk);
criterion_main!(benches);
