//! Opening an archive of 100 MB: the frame and the index are checked, no section is read.

use std::fs::File;

use criterion::{Criterion, criterion_group, criterion_main};
use hologram_store::{Archive, ArchiveWriter, Result, SectionSpec};

const SECTIONS: usize = 100;
const SECTION_BYTES: usize = 1_000_000;

fn write(file: File) -> Result<File> {
    let mut writer = ArchiveWriter::new(file)?;
    let data: Vec<u8> = (0..SECTION_BYTES).map(|byte| byte as u8).collect();
    for number in 0..SECTIONS {
        let spec = SectionSpec::new(format!("layer.{number}.weight"), "weight").tensor("u8", [SECTION_BYTES as u64]);
        writer.section(&spec.at((number as u64).into()), &data)?;
    }
    writer.finish(&[("target", "bench")])
}

fn archive(criterion: &mut Criterion) {
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if file.reopen().map(write).is_err() {
        return;
    }
    let mut group = criterion.benchmark_group("archive");
    group.bench_function("open 100 MB", |bench| bench.iter(|| Archive::open(file.path())));
    group.bench_function("open 100 MB, one section of 1 MB checked", |bench| {
        bench.iter(|| Archive::open(file.path())?.section("layer.50.weight"));
    });
    if let Ok(open) = Archive::open(file.path()) {
        group.bench_function("a section that was checked before", |bench| {
            bench.iter(|| open.section("layer.50.weight"))
        });
    }
    group.finish();
}

criterion_group!(benches, archive);
criterion_main!(benches);
