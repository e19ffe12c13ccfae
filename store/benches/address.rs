//! Address arithmetic: the expanded space costs what the base space costs, and paths cost a few nanoseconds.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hologram_store::{
    Cell, Coordinate, Space, Stratum,
    atlas::{BASE_CELLS, STRATA},
};

fn address(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("address");
    let mut next = 0_u64;
    let mut number = move || {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        next >> 16
    };
    group.bench_function("base: number to digits and back", |bench| {
        bench.iter(|| {
            let cell = Cell::from_linear((number() % u64::from(BASE_CELLS)) as u32)?;
            Ok::<_, hologram_store::Error>(Cell::new(black_box(cell.class()), cell.page(), cell.byte()).linear())
        });
    });
    group.bench_function("expanded: number to digits and back", |bench| {
        bench.iter(|| {
            let stratum = Stratum::from_number(number() % STRATA)?;
            Ok::<_, hologram_store::Error>(Stratum::new(black_box(stratum.cell()), stratum.lane())?.number())
        });
    });
    for (name, count) in [("base", u64::from(BASE_CELLS)), ("expanded", STRATA)] {
        group.bench_function(format!("{name}: coordinate of a number"), |bench| {
            bench.iter(|| Coordinate::from(number() % black_box(count)));
        });
    }
    let parent = Coordinate::from(7_u32);
    group.bench_function("coordinate: child", |bench| {
        bench.iter(|| black_box(&parent).child(Stratum::FIRST));
    });
    let siblings: Vec<Coordinate> =
        (0..1_024).filter_map(|_| Stratum::from_number(number() % STRATA).ok()).map(|at| parent.child(at)).collect();
    group.bench_function("coordinate: compare", |bench| {
        bench.iter(|| siblings[number() as usize % 1_024] < siblings[number() as usize % 1_024]);
    });
    if let Ok(space) = Space::new([("a", 100), ("b", 50), ("c", 10), ("d", 7)]) {
        group.bench_function("space: encode four codes", |bench| {
            bench.iter(|| space.encode_u64(black_box(&[42, 17, 3, 5])));
        });
    }
    group.finish();
}

criterion_group!(benches, address);
criterion_main!(benches);
