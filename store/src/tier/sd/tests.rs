//! The log against a model: histories, crashes, damage, full disks, many writers.

#![expect(clippy::print_stdout, reason = "tests that run at random print what they ran")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use super::{lying::Lying, *};
use crate::tier::suite;

/// Small segments, so that short histories roll and compact.
fn small() -> SdOptions {
    SdOptions { budget_bytes: 1 << 24, segment_bytes: 8_192, salvage: false }
}

fn durable() -> PutOptions {
    PutOptions { durable: true, ..PutOptions::default() }
}

fn at(key: u32) -> Coordinate {
    key.into()
}

/// The number that a batch carries.
fn number(batch: &Batch) -> u32 {
    use arrow_array::{cast::AsArray, types::UInt32Type};
    batch.records().column(0).as_primitive::<UInt32Type>().value(0)
}

fn seed() -> u64 {
    let given = std::env::var("HOLOGRAM_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |t| t.as_nanos() as u64))
}

/// How many rounds of a long test to run: a short sample unless the environment asks for more.
fn rounds(short: u64) -> u64 {
    std::env::var("HOLOGRAM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(short)
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    let options = |budget: usize| SdOptions { budget_bytes: budget as u64, segment_bytes: 1 << 16, salvage: false };
    let in_folder = |budget: usize| -> Box<dyn Tier> {
        let path = folder.path().join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Box::new(Sd::open(path, options(budget)).unwrap())
    };
    suite::conforms("a folder", &in_folder, &|key| at(key));
    let in_memory =
        |budget: usize| -> Box<dyn Tier> { Box::new(Sd::on(Arc::new(Lying::new()), options(budget)).unwrap()) };
    let deep = |key: u32| (0..7).fold(at(key), |at, _| at.child(crate::Stratum::FIRST));
    suite::conforms("a disk in memory, deep keys", &in_memory, &deep);
}

#[test]
fn what_was_put_is_there_after_closing() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4_u32 {
        let sd = Sd::open(folder.path(), small()).unwrap();
        for key in 0..round * 50 {
            assert_eq!(sd.find(&at(key)).unwrap().map(|(batch, _)| number(&batch)), Some(key + round - 1), "key {key}");
        }
        for key in 0..(round + 1) * 50 {
            sd.insert(&at(key), &suite::batch(key + round, 3), PutOptions::default()).unwrap();
        }
        let second = Sd::open(folder.path(), small()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(second.contains("another process"), "{second}");
    }
}

#[test]
fn versions_guard_changes() {
    let sd = Sd::on(Arc::new(Lying::new()), small()).unwrap();
    let put = |expected, value| {
        sd.insert(&at(1), &suite::batch(value, 1), PutOptions { expected: Some(expected), ..durable() })
    };
    let first = put(None, 1).unwrap();
    assert!(matches!(put(None, 2), Err(Error::Conflict(what)) if what.contains("nothing was expected")));
    let second = put(Some(first), 2).unwrap();
    assert!(second > first && matches!(put(Some(first), 3), Err(Error::Conflict(_))));
    assert_eq!(sd.find(&at(1)).unwrap().map(|(batch, version)| (number(&batch), version)), Some((2, second)));
    let gone = PutOptions { expected: Some(Some(first)), ..durable() };
    assert!(matches!(sd.delete(&at(1), gone), Err(Error::Conflict(_))));
    assert!(sd.delete(&at(1), PutOptions { expected: Some(Some(second)), ..durable() }).unwrap());
    assert!(sd.find(&at(1)).unwrap().is_none() && !sd.delete(&at(1), durable()).unwrap());
}

#[test]
fn what_expires_is_gone() {
    let sd = Sd::on(Arc::new(Lying::new()), small()).unwrap();
    let ttl = |seconds| PutOptions { ttl: Some(Duration::from_secs(seconds)), ..PutOptions::default() };
    sd.insert(&at(1), &suite::batch(1, 1), ttl(3_600)).unwrap();
    sd.insert(&at(2), &suite::batch(2, 1), ttl(1)).unwrap();
    // Let the second run out, by the clock that the entry was stamped with.
    let started = std::time::Instant::now();
    while sd.find(&at(2)).unwrap().is_some() {
        assert!(started.elapsed() < Duration::from_secs(10), "it does not expire");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(sd.scan(..).map(|(at, ..)| at).collect::<Vec<_>>(), [at(1)]);
}

#[test]
fn ranges_that_hold_nothing_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    let sd = Sd::open(folder.path(), SdOptions::default()).unwrap();
    for key in 0..9_u32 {
        sd.insert(&key.into(), &suite::batch(key, 1), PutOptions::default()).unwrap();
    }
    let (three, five) = (Coordinate::from(3_u32), Coordinate::from(5_u32));
    assert_eq!(sd.scan(five.clone()..three.clone()).count(), 0);
    assert_eq!(sd.scan((std::ops::Bound::Excluded(five.clone()), std::ops::Bound::Excluded(five.clone()))).count(), 0);
    assert_eq!(sd.scan(three..=five).count(), 3);
}

#[test]
fn scans_are_ordered_snapshots_that_outlive_compaction() {
    let folder = tempfile::tempdir().unwrap();
    let sd = Sd::open(folder.path(), small()).unwrap();
    let parent = at(7);
    let keys: Vec<Coordinate> = [at(7), parent.child(crate::Stratum::FIRST), at(6), at(8)].into();
    for (i, key) in keys.iter().enumerate() {
        sd.insert(key, &suite::batch(i as u32, 1), PutOptions::default()).unwrap();
    }
    let subtree: Vec<u32> = sd.scan(parent.range()).map(|(_, _, read)| number(&read.unwrap())).collect();
    assert_eq!(subtree, [0, 1], "a coordinate and what lies below it");
    let snapshot = sd.scan(..);
    for round in 10..400 {
        for key in &keys {
            sd.insert(key, &suite::batch(round, 1), PutOptions::default()).unwrap();
        }
    }
    sd.delete(&at(6), PutOptions::default()).unwrap();
    sd.compact().unwrap();
    let stats = sd.log_stats();
    assert!(stats.compactions > 0 && stats.segments <= 3, "{stats:?}");
    assert_eq!(snapshot.map(|(_, _, read)| number(&read.unwrap())).collect::<Vec<_>>(), [2, 0, 1, 3]);
    assert_eq!(sd.scan(..).map(|(_, _, read)| number(&read.unwrap())).collect::<Vec<_>>(), [399; 3]);
    drop(sd);
    let sd = Sd::open(folder.path(), small()).unwrap();
    assert_eq!(sd.scan(..).map(|(_, _, read)| number(&read.unwrap())).collect::<Vec<_>>(), [399; 3]);
}

/// Bytes of a log with these many streams of a batch, and of entries that name them, for keys of one stratum.
fn log_bytes(batch: &Batch, streams: u64, references: u64) -> u64 {
    let stream = Encoded::of(batch).unwrap().bytes().len() as u64;
    streams * (128 + entry::aligned(stream)) + references * 128
}

#[test]
fn equal_batches_are_written_once() {
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    let batch = suite::batch(7, 100);
    for key in 0..20 {
        sd.insert(&at(key), &batch, PutOptions::default()).unwrap();
    }
    let live = |sd: &Sd| sd.stats().bytes as u64;
    assert_eq!((live(&sd), sd.log_stats().streams), (log_bytes(&batch, 1, 19), 1));
    // Put anew where it lies already.
    sd.insert(&at(0), &batch, PutOptions::default()).unwrap();
    assert_eq!((live(&sd), sd.log_stats().streams), (log_bytes(&batch, 1, 20), 1));
    // The others keep it when its own key lets go of it, over compaction and closing.
    sd.delete(&at(0), PutOptions::default()).unwrap();
    for key in 1..10 {
        sd.insert(&at(key), &suite::batch(key, 3), PutOptions::default()).unwrap();
    }
    let check = |sd: &Sd| {
        assert!(sd.find(&at(0)).unwrap().is_none());
        for key in 1..20 {
            let found = sd.find(&at(key)).unwrap().map(|(batch, _)| number(&batch));
            assert_eq!(found, Some(if key < 10 { key } else { 7 }), "key {key}");
        }
        assert_eq!(live(sd), log_bytes(&batch, 1, 10) + log_bytes(&suite::batch(1, 3), 9, 0));
        assert_eq!(sd.log_stats().streams, 10);
    };
    check(&sd);
    sd.compact().unwrap();
    check(&sd);
    assert_eq!(sd.log_stats().disk_bytes, live(&sd), "nothing else is left");
    drop(sd);
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    check(&sd);
    sd.compact().unwrap();
    check(&sd);
    // With the last of them it leaves.
    for key in 10..20 {
        sd.delete(&at(key), PutOptions::default()).unwrap();
    }
    assert_eq!((live(&sd), sd.log_stats().streams), (log_bytes(&suite::batch(1, 3), 9, 0), 9));
    for key in 1..10 {
        sd.delete(&at(key), PutOptions::default()).unwrap();
    }
    sd.compact().unwrap();
    assert_eq!((live(&sd), sd.log_stats().streams, sd.log_stats().disk_bytes), (0, 0, 0));
}

#[test]
fn what_expires_leaves_its_stream_to_others() {
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    let ttl = PutOptions { ttl: Some(Duration::from_secs(1)), ..PutOptions::default() };
    sd.insert(&at(1), &suite::batch(1, 9), ttl).unwrap();
    sd.insert(&at(2), &suite::batch(1, 9), PutOptions::default()).unwrap();
    sd.insert(&at(3), &suite::batch(1, 9), ttl).unwrap();
    let started = std::time::Instant::now();
    while sd.find(&at(1)).unwrap().is_some() || sd.find(&at(3)).unwrap().is_some() {
        assert!(started.elapsed() < Duration::from_secs(10), "it does not expire");
        thread::sleep(Duration::from_millis(50));
    }
    sd.insert(&at(4), &suite::batch(4, 1), PutOptions::default()).unwrap();
    sd.delete(&at(4), PutOptions::default()).unwrap();
    sd.compact().unwrap();
    assert_eq!(sd.stats().entries, 1, "compaction takes out what has expired");
    drop(sd);
    let sd = Sd::on(disk as Arc<dyn Disk>, small()).unwrap();
    assert_eq!(sd.scan(..).map(|(at, _, read)| (at, number(&read.unwrap()))).collect::<Vec<_>>(), [(at(2), 1)]);
}

/// A put that shares a stream whose only other name has expired, and that ends a segment: the compaction that follows takes
/// that name out, and keeps the stream.
#[test]
fn compaction_in_the_middle_of_a_put_keeps_what_it_shares() {
    const SEGMENT: u64 = 8_192;
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    // Eight entries fill a segment.
    let rows = (0..200).find(|rows| log_bytes(&suite::batch(0, *rows), 1, 0) == SEGMENT / 8).unwrap();
    let put = |key, value, options| assert!(sd.insert(&at(key), &suite::batch(value, rows), options).is_ok());
    put(1, 1_000, PutOptions { ttl: Some(Duration::from_secs(1)), ..PutOptions::default() });
    (0..7).for_each(|value| put(9, value, PutOptions::default()));
    for segment in 1..3 {
        (0..2).for_each(|i| put(segment * 100 + i, segment * 100 + i, PutOptions::default()));
        (0..6).for_each(|i| put(9, segment * 10 + i, PutOptions::default()));
    }
    let started = std::time::Instant::now();
    while sd.version(&at(1)).is_some() {
        assert!(started.elapsed() < Duration::from_secs(10), "it does not expire");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((sd.log_stats().compactions, sd.log_stats().segments), (0, 3));
    put(2, 1_000, durable());
    assert_eq!(
        (sd.log_stats().compactions, sd.stats().entries),
        (1, 6),
        "the first segment, with the one that expired"
    );
    let check = |sd: &Sd| {
        assert_eq!(sd.find(&at(2)).unwrap().map(|(batch, _)| number(&batch)), Some(1_000));
        assert_eq!(sd.stats().bytes as u64, log_bytes(&suite::batch(0, rows), 6, 1));
        assert_eq!(sd.log_stats().streams, 6);
    };
    check(&sd);
    drop(sd);
    check(&Sd::on(disk as Arc<dyn Disk>, small()).unwrap());
}

/// A put that fails names nothing.
#[test]
fn a_put_that_fails_shares_nothing() {
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    sd.insert(&at(1), &suite::batch(1, 9), durable()).unwrap();
    disk.fail_after(Some(0), io::ErrorKind::StorageFull);
    assert!(matches!(sd.insert(&at(2), &suite::batch(1, 9), PutOptions::default()), Err(Error::Exhausted(_))));
    disk.fail_after(None, io::ErrorKind::StorageFull);
    sd.delete(&at(1), PutOptions::default()).unwrap();
    assert_eq!((sd.stats().bytes, sd.stats().entries, sd.log_stats().streams), (0, 0, 0));
}

#[test]
fn different_streams_are_kept_apart_whatever_the_digest() {
    let disk = Lying::new();
    let file = disk.create("1", 4_096).unwrap();
    let segment = Arc::new(Segment::new(1, file));
    let mut streams = Streams::default();
    for version in 1..4 {
        let entry = Entry {
            at: at(1),
            kind: Kind::Put,
            version,
            expires: 0,
            ahead: 0,
            shape: Shape { schema_bytes: 0, is_plain: true },
            stream_bytes: version,
            digest: [9; 16],
        };
        streams.add(&Arc::new(Stream::new(&entry, Spot::of(&segment, 0, &entry))));
    }
    let find = |bytes| streams.find([9; 16], |stream| stream.bytes == bytes).map(|stream| stream.origin);
    assert_eq!([find(0), find(1), find(2), find(3)], [None, Some(1), Some(2), Some(3)]);
    assert!(streams.find([8; 16], |_| true).is_none());
}

#[test]
fn a_damaged_stream_is_not_shared_again() {
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
    for key in 1..3 {
        sd.insert(&at(key), &suite::batch(7, 9), durable()).unwrap();
    }
    drop(sd);
    let mut files = disk.files();
    let stream = Encoded::of(&suite::batch(7, 9)).unwrap().bytes().to_vec();
    let (_, bytes) = files.iter_mut().find(|(name, _)| name.ends_with(".seg")).unwrap();
    let start = bytes.windows(stream.len()).position(|window| window == stream).unwrap();
    bytes[start + stream.len() / 2] ^= 1;
    let sd = Sd::on(Arc::new(Lying::of(files)), small()).unwrap();
    sd.insert(&at(3), &suite::batch(7, 9), durable()).unwrap();
    assert_eq!(sd.log_stats().streams, 2, "it was compared with the damaged one");
    assert!(matches!(sd.find(&at(1)), Err(Error::Corrupt(_))) && matches!(sd.find(&at(2)), Err(Error::Corrupt(_))));
    assert_eq!((sd.verify(), sd.log_stats().quarantined), (vec![at(1), at(2)], 1));
    // Put anew, they share the one that is whole.
    for key in 1..3 {
        sd.insert(&at(key), &suite::batch(7, 9), durable()).unwrap();
        assert_eq!(sd.find(&at(key)).unwrap().map(|(batch, _)| number(&batch)), Some(7));
    }
    assert_eq!((sd.verify(), sd.log_stats().streams), (vec![], 1));
}

#[test]
fn waiting_writers_share_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let sd = Sd::open(folder.path(), SdOptions { segment_bytes: 1 << 20, ..small() }).unwrap();
    thread::scope(|scope| {
        for worker in 0..16 {
            let sd = &sd;
            scope.spawn(move || {
                for i in 0..20 {
                    sd.insert(&at(worker * 100 + i), &suite::batch(i, 1), durable()).unwrap();
                }
            });
        }
    });
    let stats = sd.log_stats();
    assert!(stats.syncs < 200, "{stats:?} for 320 durable puts");
}

/// What a history may leave behind: for each key the values that may be there, the last acknowledged one first.
#[derive(Default)]
struct Model(BTreeMap<u32, Vec<Option<u32>>>);

impl Model {
    fn may(&mut self, key: u32, value: Option<u32>) {
        self.0.entry(key).or_insert_with(|| vec![None]).push(value);
    }

    /// Everything that was written so far is durable.
    fn acknowledge(&mut self) {
        for values in self.0.values_mut() {
            *values = values.last().copied().into_iter().collect();
        }
    }

    fn check(&self, sd: &Sd, place: &dyn Fn() -> String) {
        for (key, allowed) in &self.0 {
            let found = sd.find(&at(*key)).unwrap_or_else(|error| panic!("{}: key {key}: {error}", place()));
            let found = found.map(|(batch, _)| number(&batch));
            assert!(allowed.contains(&found), "{}: key {key} is {found:?}; allowed are {allowed:?}", place());
        }
    }

    /// What is there is what was chosen, from now on.
    fn settle(&mut self, sd: &Sd) {
        for (key, values) in &mut self.0 {
            let found = sd.find(&at(*key)).ok().flatten().map(|(batch, _)| number(&batch));
            *values = vec![found];
        }
    }
}

/// Some operations, each noted in the model; errors end them where the disk is told to fail.
fn history(sd: &Sd, model: &mut Model, random: &mut Random, operations: u64) -> Result<()> {
    for _ in 0..operations {
        let key = random.below(12) as u32;
        // Half of the batches are a few that come again and again, and share their streams.
        let is_common = random.below(2) == 0;
        let value = random.below(if is_common { 4 } else { 1 << 20 }) as u32;
        let rows = if is_common { value * 100 } else { random.below(400) as u32 };
        let batch = suite::batch(value, rows as usize);
        match random.below(16) {
            0 => sd.flush().map(|()| model.acknowledge())?,
            1 => {
                model.may(key, None);
                if sd.delete(&at(key), PutOptions { durable: random.below(2) == 0, ..PutOptions::default() })? {}
            }
            2 => sd.compact()?,
            3..6 => {
                model.may(key, Some(value));
                sd.insert(&at(key), &batch, durable())?;
                model.acknowledge();
            }
            _ => {
                model.may(key, Some(value));
                sd.insert(&at(key), &batch, PutOptions::default())?;
            }
        }
    }
    Ok(())
}

/// After a crash at any moment the log opens, holds all that was acknowledged, and nothing that was never written.
#[test]
fn crash_images_lose_nothing_that_was_acknowledged() {
    let seed = seed();
    let images = rounds(400);
    for image in 0..images {
        let mut random = Random(seed.wrapping_add(image));
        let mut model = Model::default();
        let mut disk = Arc::new(Lying::new());
        let place = |life: u32| move || format!("HOLOGRAM_SEED={} life {life}", seed.wrapping_add(image));
        for life in 0..4 {
            let on = Arc::clone(&disk) as Arc<dyn Disk>;
            let sd = Sd::on(on, small()).unwrap_or_else(|error| panic!("{}: {error}", place(life)()));
            model.check(&sd, &place(life));
            model.settle(&sd);
            let count = random.below(60);
            // Now and then the power goes in the middle of an operation.
            if random.below(3) == 0 {
                disk.fail_after(Some(random.below(40) as u32), io::ErrorKind::Other);
            }
            let outcome = history(&sd, &mut model, &mut random, count);
            assert!(outcome.is_ok() || disk.operations() > 0, "{}: {outcome:?}", place(life)());
            let next = Arc::new(disk.crash(random.below(u64::MAX >> 33)));
            disk.fail_after(Some(0), io::ErrorKind::Other);
            drop(sd);
            disk = next;
        }
    }
    println!("{images} crash images, seed {seed}");
}

/// The same with many writers: the power goes while they write, wait for each other's syncs and end segments.
#[test]
fn crashes_among_writers_lose_nothing_that_was_acknowledged() {
    let seed = seed();
    let images = rounds(60);
    for image in 0..images {
        let mut random = Random(seed.wrapping_add(image));
        let disk = Arc::new(Lying::new());
        let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
        let acknowledged: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(0)).collect();
        let stop = AtomicU64::new(0);
        let (least, next) = thread::scope(|scope| {
            for (worker, acknowledged) in acknowledged.iter().enumerate() {
                let (sd, stop) = (&sd, &stop);
                scope.spawn(move || {
                    for step in 1..u32::MAX {
                        if stop.load(Ordering::SeqCst) != 0 {
                            break;
                        }
                        let rows = (step as usize * 37 + worker) % 300;
                        sd.insert(&at(worker as u32), &suite::batch(step, rows), durable()).unwrap();
                        acknowledged.store(step.into(), Ordering::SeqCst);
                    }
                });
            }
            thread::sleep(Duration::from_micros(200 + random.below(4_000)));
            let least: Vec<u64> = acknowledged.iter().map(|step| step.load(Ordering::SeqCst)).collect();
            let next = disk.crash(random.below(1 << 30));
            stop.store(1, Ordering::SeqCst);
            (least, next)
        });
        let sd = Sd::on(Arc::new(next), small())
            .unwrap_or_else(|error| panic!("HOLOGRAM_SEED={}: {error}", seed.wrapping_add(image)));
        for (worker, least) in least.iter().enumerate() {
            let found = sd.find(&at(worker as u32)).unwrap().map_or(0, |(batch, _)| u64::from(number(&batch)));
            assert!(found >= *least, "HOLOGRAM_SEED={}: {found} after {least}", seed.wrapping_add(image));
        }
    }
    println!("{images} crash images among writers, seed {seed}");
}

/// A disk that is full, or fails, at any operation: an error to the writer, and no loss to readers.
#[test]
fn a_failing_disk_loses_nothing() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for after in 0..80 {
            let disk = Arc::new(Lying::new());
            let mut model = Model::default();
            {
                let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, small()).unwrap();
                history(&sd, &mut model, &mut Random(7), 20).unwrap();
                sd.flush().unwrap();
                model.acknowledge();
                disk.fail_after(Some(after), kind);
                let failed = history(&sd, &mut model, &mut Random(8), 60);
                model.check(&sd, &|| format!("{kind} after {after}, still open"));
                let expected = |error: &Error| matches!(error, Error::Exhausted(_) | Error::Unavailable { .. });
                assert!(failed.as_ref().err().is_none_or(expected), "{kind} after {after}: {failed:?}");
                disk.fail_after(None, kind);
            }
            let sd = Sd::on(disk as Arc<dyn Disk>, small()).unwrap_or_else(|e| panic!("{kind} after {after}: {e}"));
            model.check(&sd, &|| format!("{kind} after {after}, opened again"));
        }
    }
}

/// Every byte changed in two ways, and every truncation, of a closed log: an error, or the right answer.
#[test]
fn no_damage_is_a_wrong_answer() {
    let disk = Arc::new(Lying::new());
    let sd = Sd::on(Arc::clone(&disk) as Arc<dyn Disk>, SdOptions { segment_bytes: 4_096, ..small() }).unwrap();
    for key in 0..8 {
        sd.insert(&at(key % 5), &suite::batch(key, 4), PutOptions::default()).unwrap();
    }
    sd.delete(&at(4), PutOptions::default()).unwrap();
    // Two that name the stream of another, one of which that other has left.
    for (key, value) in [(5, 7), (6, 3)] {
        sd.insert(&at(key), &suite::batch(value, 4), PutOptions::default()).unwrap();
    }
    sd.insert(&at(3), &suite::batch(8, 4), PutOptions::default()).unwrap();
    sd.compact().unwrap();
    assert_eq!(sd.log_stats().streams, 5);
    drop(sd);
    let files = disk.files();
    let want = [Some(5), Some(6), Some(7), Some(8), None, Some(7), Some(3)];
    let (mut refused, mut damaged) = (0, 0);
    let mut check = |files: Vec<(String, Vec<u8>)>, what: &dyn Fn() -> String| {
        for salvage in [false, true] {
            let disk = Arc::new(Lying::of(files.clone()));
            let options = SdOptions { segment_bytes: 4_096, salvage, ..small() };
            let opened = catch_unwind(AssertUnwindSafe(|| {
                let sd = Sd::on(disk, options)?;
                Ok::<_, Error>(want.iter().enumerate().map(|(key, _)| sd.find(&at(key as u32))).collect::<Vec<_>>())
            }));
            let opened = opened.unwrap_or_else(|_| panic!("{}: panicked", what()));
            let Ok(found) = opened else {
                refused += 1;
                continue;
            };
            for (key, (found, want)) in found.into_iter().zip(want).enumerate() {
                match found.map(|found| found.map(|(batch, _)| number(&batch))) {
                    Ok(found) => assert!(found == want || salvage, "{}: key {key} is {found:?}", what()),
                    Err(_) => damaged += 1,
                }
            }
        }
    };
    let step = std::env::var("HOLOGRAM_ROUNDS").map_or(7, |_| 1);
    for (index, (name, bytes)) in files.iter().enumerate() {
        for position in (0..bytes.len()).step_by(step) {
            for mask in [0x01, 0xa5] {
                let mut files = files.clone();
                files[index].1[position] ^= mask;
                check(files, &|| format!("{name}: byte {position} ^ {mask:x}"));
            }
        }
        for length in (0..bytes.len()).step_by(step) {
            let mut files = files.clone();
            files[index].1.truncate(length);
            check(files, &|| format!("{name} cut to {length}"));
        }
        let without = files.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, file)| file.clone()).collect();
        check(without, &|| format!("{name} is missing"));
    }
    println!("{refused} refused, {damaged} answers damaged, none wrong");
}
