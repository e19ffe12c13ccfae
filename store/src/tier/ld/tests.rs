use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::pin,
    sync::atomic::AtomicU32,
    task::{Context, Poll, Wake},
};

use arrow_array::{cast::AsArray, types::UInt32Type};
use object_store::{ObjectStoreExt, PutPayload, memory::InMemory};
use tokio::runtime::{Builder, Runtime};

use super::{
    delta::Delta,
    faulty::{Faults, Faulty},
    *,
};
use crate::tier::{
    sd::SdOptions,
    suite::{self, batch},
};

fn at(key: u32) -> Coordinate {
    key.into()
}

fn value(batch: &Batch) -> u32 {
    batch.records().column(0).as_primitive::<UInt32Type>().value(0)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits for a future without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

fn hasty() -> LdOptions {
    LdOptions {
        deadline: Duration::from_secs(5),
        attempt: Duration::from_millis(30),
        backoff: Duration::from_micros(50),
        retries: 12,
        retry_budget: 10_000,
        checkpoint_every: 8,
        ..LdOptions::default()
    }
}

async fn open(store: &Arc<impl ObjectStore>, options: LdOptions) -> Result<Ld> {
    Ld::open(Arc::clone(store) as Arc<dyn ObjectStore>, Path::from("kept"), options).await
}

async fn found(ld: &Ld, key: u32) -> Option<u32> {
    ld.fetch(&at(key)).await.unwrap().map(|(batch, _)| value(&batch))
}

fn damaged_at(ld: &Ld, store: &Arc<InMemory>, key: u32) -> impl Future<Output = ()> {
    let named = ld.entries(..).iter().find(|(there, _)| *there == at(key)).unwrap().1;
    let path = ld.0.object(&named.digest, named.upload, named.format);
    let store = Arc::clone(store);
    async move {
        let mut bytes = Vec::from(store.get(&path).await.unwrap().bytes().await.unwrap());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        store.put(&path, PutPayload::from(bytes)).await.unwrap();
    }
}

#[test]
fn conforms() {
    let runtime = runtime();
    let make = |budget_bytes: usize| -> Box<dyn Tier> {
        let options = LdOptions { budget_bytes: budget_bytes as u64, ..LdOptions::default() };
        Box::new(runtime.block_on(open(&Arc::new(InMemory::new()), options)).unwrap())
    };
    suite::conforms("LD", &make, &at);
}

#[cfg(feature = "parquet")]
#[test]
fn objects_of_both_formats_are_read_and_collected() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let parquet = LdOptions { format: Format::Parquet, ..hasty() };
        let (one, two) = (open(&store, hasty()).await.unwrap(), open(&store, parquet).await.unwrap());
        one.insert(&at(1), &batch(1, 500), None).await.unwrap();
        two.insert(&at(2), &batch(2, 500), None).await.unwrap();
        two.insert(&at(3), &batch(2, 500), None).await.unwrap();
        one.refresh().await.unwrap();
        assert_eq!((one.remote_stats().objects, found(&one, 1).await, found(&one, 2).await), (2, Some(1), Some(2)));
        let [arrow, parquet] = [1, 2].map(|key| one.entries(at(key)..=at(key))[0].1);
        assert_eq!((arrow.format, parquet.format), (Format::Arrow, Format::Parquet));
        assert!(parquet.bytes * 2 < arrow.bytes, "{} bytes and {}", parquet.bytes, arrow.bytes);
        let path = one.0.object(&parquet.digest, parquet.upload, parquet.format);
        assert!(path.as_ref().ends_with(".parquet") && store.head(&path).await.unwrap().size == parquet.bytes);
        // A view says so too, damage is told, and what has no name leaves.
        one.0.write_view(one.0.calls.deadline()).await.unwrap();
        let third = open(&store, hasty()).await.unwrap();
        assert_eq!((third.entries(..), found(&third, 3).await), (one.entries(..), Some(2)));
        damaged_at(&third, &store, 2).await;
        assert_eq!(third.verify().await.unwrap(), [at(2), at(3)]);
        for key in 2..4 {
            third.delete(&at(key), None).await.unwrap();
        }
        assert_eq!(third.0.collect(Duration::ZERO, Duration::ZERO).await.unwrap(), 1);
        assert!(store.head(&path).await.is_err());
    });
}

#[test]
fn two_processes_share_a_tier() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let (one, two) = (open(&store, hasty()).await.unwrap(), open(&store, hasty()).await.unwrap());
        two.watch();
        let first = one.insert(&at(1), &batch(10, 0), Some(None)).await.unwrap();
        assert_eq!(found(&two, 1).await, None, "not read yet");
        let late = two.insert(&at(1), &batch(20, 0), Some(None)).await;
        assert!(matches!(late, Err(Error::Conflict(_))), "a change reads what came before: {late:?}");
        assert_eq!(found(&two, 1).await, Some(10));
        assert_eq!(two.take_changed(), BTreeSet::from([at(1)]));
        let second = two.insert(&at(1), &batch(30, 0), Some(Some(first))).await.unwrap();
        assert!(second > first);
        assert_eq!((found(&one, 1).await, one.refresh().await.unwrap()), (Some(10), 1));
        assert_eq!((found(&one, 1).await, one.version(&at(1))), (Some(30), Some(second)));
        assert!(two.delete(&at(1), Some(Some(second))).await.unwrap());
        assert!(!two.delete(&at(1), None).await.unwrap());
        let third = open(&store, hasty()).await.unwrap();
        assert_eq!((third.entries(..), found(&third, 1).await), (Vec::new(), None));
    });
}

#[test]
fn equal_content_lies_there_once_and_goes_with_its_last_name() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let ld = open(&store, hasty()).await.unwrap();
        for key in 0..20 {
            ld.insert(&at(key), &batch(key / 10, 0), None).await.unwrap();
        }
        let stats = ld.remote_stats();
        assert_eq!((stats.objects, stats.uploaded, stats.shared), (2, 2, 18), "{stats:?}");
        for key in 0..10 {
            assert_eq!(ld.0.collect(Duration::ZERO, collect::LOG_AGE).await.unwrap(), 0);
            ld.delete(&at(key), None).await.unwrap();
        }
        assert_eq!(ld.collect(Duration::from_secs(3_600)).await.unwrap(), 0, "what is young stays");
        assert_eq!(ld.0.collect(Duration::ZERO, collect::LOG_AGE).await.unwrap(), 1);
        let again = open(&store, hasty()).await.unwrap();
        assert_eq!(again.entries(..), ld.entries(..));
        assert_eq!((found(&again, 3).await, found(&again, 13).await), (None, Some(1)));
        assert_eq!(again.verify().await.unwrap(), []);
        // What was collected is put anew, also by a process that still knows its name.
        again.insert(&at(3), &batch(0, 0), None).await.unwrap();
        assert_eq!(found(&again, 3).await, Some(0));
    });
}

#[test]
fn a_name_that_is_lost_while_it_is_put_again_is_no_loss() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let (one, two) = (open(&store, hasty()).await.unwrap(), open(&store, hasty()).await.unwrap());
        one.insert(&at(1), &batch(1, 0), None).await.unwrap();
        two.refresh().await.unwrap();
        one.delete(&at(1), None).await.unwrap();
        assert_eq!(one.0.collect(Duration::ZERO, collect::LOG_AGE).await.unwrap(), 1);
        // It knows the object by name, and does not write it at first.
        two.insert(&at(2), &batch(1, 0), None).await.unwrap();
        assert_eq!(found(&open(&store, hasty()).await.unwrap(), 2).await, Some(1));
        assert_eq!(two.remote_stats().uploaded, 1);
    });
}

#[test]
fn a_log_opens_from_its_last_view() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let (ld, slow) = (open(&store, hasty()).await.unwrap(), open(&store, hasty()).await.unwrap());
        slow.watch();
        let mut expected = BTreeMap::new();
        for round in 0..100_u32 {
            ld.insert(&at(round % 30), &batch(round, 0), None).await.unwrap();
            expected.insert(round % 30, round);
            if round % 7 == 0 {
                ld.0.collect(Duration::ZERO, Duration::ZERO).await.unwrap();
            }
        }
        let listed = ld.0.calls.list(&ld.0.changes(), None, ld.0.calls.deadline()).await.unwrap();
        assert!(listed.len() < 40, "{} changes are left of 100", listed.len());
        let opened = open(&store, hasty()).await.unwrap();
        slow.refresh().await.unwrap();
        for (key, value) in &expected {
            assert_eq!((found(&opened, *key).await, found(&slow, *key).await), (Some(*value), Some(*value)), "{key}");
        }
        assert_eq!((slow.take_changed().len(), ld.take_changed().len()), (30, 0), "only what is watched");
        // The last view is damaged: the one before it and the changes since then say the same.
        let views = ld.0.calls.list(&ld.0.checkpoints(), None, ld.0.calls.deadline()).await.unwrap();
        store.put(&views.last().unwrap().0, PutPayload::from_static(b"damage")).await.unwrap();
        assert_eq!(open(&store, LdOptions { retries: 1, ..hasty() }).await.unwrap().entries(..), ld.entries(..));
    });
}

#[test]
fn a_process_that_slept_reads_the_log_before_it_writes() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let (ld, sleeper) = (open(&store, hasty()).await.unwrap(), open(&store, hasty()).await.unwrap());
        for round in 0..40 {
            ld.insert(&at(1), &batch(round, 0), None).await.unwrap();
        }
        // Its next number was taken and is free again.
        ld.0.collect(Duration::ZERO, Duration::ZERO).await.unwrap();
        ld.0.collect(Duration::ZERO, Duration::ZERO).await.unwrap();
        assert!(store.head(&log::place(&ld.0.changes(), 1)).await.is_err());
        sleeper.0.set_synced(sleeper.0.synced() - collect::SYNC_AGE);
        sleeper.insert(&at(2), &batch(2, 0), None).await.unwrap();
        ld.refresh().await.unwrap();
        assert_eq!((found(&ld, 2).await, found(&sleeper, 1).await), (Some(2), Some(39)));
        assert_eq!(open(&store, hasty()).await.unwrap().entries(..), ld.entries(..));
    });
}

#[test]
fn damage_is_told_and_mended_by_a_put() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let ld = open(&store, LdOptions { retries: 1, ..hasty() }).await.unwrap();
        for key in 0..3 {
            ld.insert(&at(key), &batch(key, 0), None).await.unwrap();
        }
        damaged_at(&ld, &store, 1).await;
        let read = ld.fetch(&at(1)).await;
        assert!(matches!(&read, Err(Error::Corrupt(what)) if what.contains("put it anew")), "{read:?}");
        assert_eq!(ld.verify().await.unwrap(), [at(1)]);
        let named = ld.entries(..)[2].1;
        store.delete(&ld.0.object(&named.digest, named.upload, named.format)).await.unwrap();
        let read = ld.fetch(&at(2)).await;
        assert!(matches!(&read, Err(Error::Corrupt(what)) if what.contains("is gone")), "{read:?}");
        ld.insert(&at(1), &batch(11, 0), None).await.unwrap();
        assert_eq!((found(&ld, 0).await, found(&ld, 1).await), (Some(0), Some(11)));
        // A change of the log that is damaged, missing or another one's is no view at all.
        let path = log::place(&ld.0.changes(), 2);
        let whole = store.get(&path).await.unwrap().bytes().await.unwrap();
        for wrong in [
            Vec::new(),
            whole[1..].to_vec(),
            Delta { number: 3, writer: String::new(), changes: Vec::new() }.encode().unwrap(),
        ] {
            store.put(&path, PutPayload::from(wrong)).await.unwrap();
            assert!(matches!(open(&store, LdOptions { retries: 1, ..hasty() }).await, Err(Error::Corrupt(_))));
        }
        store.delete(&path).await.unwrap();
        assert!(matches!(open(&store, hasty()).await, Err(Error::Corrupt(_))));
    });
}

#[test]
fn a_hundred_misses_are_one_request() {
    runtime().block_on(async {
        let store = Arc::new(Faulty::new(Arc::new(InMemory::new()), 1));
        open(&store, hasty()).await.unwrap().insert(&at(1), &batch(7, 0), None).await.unwrap();
        for is_cancelled in [false, true] {
            let ld = open(&store, LdOptions { attempt: Duration::from_secs(4), ..hasty() }).await.unwrap();
            store.set(Faults { delay: Duration::from_millis(100), ..Faults::default() });
            let before = store.gets();
            let mut tasks: Vec<_> = (0..100)
                .map(|_| {
                    let ld = ld.clone();
                    tokio::spawn(async move { found(&ld, 1).await })
                })
                .collect();
            if is_cancelled {
                while store.gets() == before {
                    tokio::task::yield_now().await;
                }
                // The first of them made the request.
                tasks.drain(..50).for_each(|task| task.abort());
            }
            for task in tasks {
                assert_eq!(task.await.unwrap(), Some(7));
            }
            assert_eq!((ld.remote_stats().fetched, store.gets() - before), (1, 1));
            store.set(Faults::default());
        }
    });
}

#[test]
fn a_dropped_future_leaves_the_tier_to_others() {
    runtime().block_on(async {
        let store = Arc::new(InMemory::new());
        let ld = open(&store, hasty()).await.unwrap();
        for round in 0..200 {
            let (key, batch) = (at(round % 5), batch(round, 0));
            let put = ld.insert(&key, &batch, None);
            // Polled once at most, then dropped.
            let _ = tokio::time::timeout(Duration::ZERO, put).await;
        }
        ld.insert(&at(9), &batch(9, 0), None).await.unwrap();
        let again = open(&store, hasty()).await.unwrap();
        ld.refresh().await.unwrap();
        assert_eq!(again.entries(..), ld.entries(..));
        assert_eq!(ld.verify().await.unwrap(), []);
    });
}

#[test]
fn a_store_that_is_down_is_asked_within_its_budget_and_deadline() {
    runtime().block_on(async {
        let store = Arc::new(Faulty::new(Arc::new(InMemory::new()), 1));
        let options = LdOptions { retry_budget: 5, ..hasty() };
        let ld = open(&store, options.clone()).await.unwrap();
        ld.insert(&at(1), &batch(1, 0), None).await.unwrap();
        store.set(Faults { before: 1_000, ..Faults::default() });
        let before = ld.remote_stats();
        for _ in 0..50 {
            assert!(matches!(ld.fetch(&at(1)).await, Err(Error::Unavailable { .. })));
        }
        let asked = ld.remote_stats().requests - before.requests;
        assert!(asked <= 50 + 5, "{asked} requests of 50 calls");
        store.set(Faults { silent: 1_000, ..Faults::default() });
        let options = LdOptions { deadline: Duration::from_millis(80), ..hasty() };
        let silent = open(&store, options).await;
        assert!(matches!(&silent, Err(Error::Unavailable { source, .. }) if source.to_string().contains("no answer")));
        store.set(Faults::default());
        assert_eq!(found(&ld, 1).await, Some(1), "it is up again");
    });
}

#[test]
fn copies_on_this_host_save_requests_and_heal() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let store = Arc::new(Faulty::new(Arc::new(InMemory::new()), 1));
        let cache = SdOptions { budget_bytes: 40_000, segment_bytes: 1 << 16, ..SdOptions::default() };
        let writer = open(&store, hasty()).await.unwrap();
        for key in 0..100 {
            writer.insert(&at(key), &batch(key, 0), None).await.unwrap();
        }
        let ld =
            open(&store, hasty()).await.unwrap().with_cache(Sd::open(folder.path(), cache.clone()).unwrap()).unwrap();
        for key in 0..100 {
            assert_eq!(found(&ld, key).await, Some(key));
        }
        let before = store.gets();
        for key in 95..100 {
            assert_eq!(found(&ld, key).await, Some(key));
        }
        assert_eq!(store.gets(), before, "the youngest are here");
        assert_eq!(found(&ld, 0).await, Some(0), "the oldest left, and come again");
        assert!(store.gets() > before);
        drop(ld);
        // A copy that is damaged is fetched again.
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|e| e == "seg") || bytes.len() > 10_000 {
                bytes.iter_mut().skip(500).step_by(700).for_each(|byte| *byte ^= 4);
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let cache = SdOptions { salvage: true, ..cache };
        let ld = open(&store, hasty()).await.unwrap().with_cache(Sd::open(folder.path(), cache).unwrap()).unwrap();
        for key in 0..100 {
            assert_eq!(found(&ld, key).await, Some(key));
        }
    });
}

#[test]
fn a_tier_outside_of_a_runtime_is_an_error() {
    let opened = block_on(open(&Arc::new(InMemory::new()), hasty()));
    assert!(matches!(opened, Err(Error::Invalid(what)) if what.contains("tokio")));
    let runtime = runtime();
    let ld = runtime.block_on(open(&Arc::new(InMemory::new()), hasty())).unwrap();
    // Any executor may wait.
    assert!(block_on(ld.insert(&at(1), &batch(1, 0), None)).is_ok());
    drop(runtime);
    let gone = block_on(ld.fetch(&at(1)));
    assert!(matches!(gone, Err(Error::Unavailable { .. })), "{gone:?}");
}

#[test]
fn folders_and_memory_are_found_by_url() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let url = format!("file://{}", folder.path().display());
        for url in ["memory:///", &url] {
            let ld = Ld::connect(url, [], hasty()).await.unwrap();
            ld.insert(&at(1), &batch(1, 0), None).await.unwrap();
            assert_eq!(found(&ld, 1).await, Some(1), "{url}");
        }
        assert_eq!(found(&Ld::connect(&url, [], hasty()).await.unwrap(), 1).await, Some(1));
        for wrong in ["", "nothing", "gopher://hole"] {
            assert!(matches!(Ld::connect(wrong, [], hasty()).await, Err(Error::Invalid(what)) if what.contains(wrong)));
        }
    });
}

/// What one writer was told of its changes: by version where acknowledged, else what it tried.
#[derive(Default)]
struct Told {
    acknowledged: Vec<(u32, u64, Option<u32>)>,
    unknown: Vec<(u32, Option<u32>)>,
}

async fn work(ld: Ld, seed: u64, next: &AtomicU32) -> Told {
    let mut state = seed;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32 % below
    };
    let mut told = Told::default();
    let mut seen = HashMap::new();
    for _ in 0..30 {
        let key = draw(6);
        let number = next.fetch_add(1, Ordering::Relaxed);
        match draw(8) {
            0 => drop(ld.refresh().await),
            1 => drop(ld.collect(Duration::from_secs(60)).await),
            2 => match ld.0.change(at(key), None, None).await {
                Ok(0) => {}
                Ok(version) => told.acknowledged.push((key, version, None)),
                Err(_) => told.unknown.push((key, None)),
            },
            3 | 4 => {
                let expected = (draw(2) == 0).then(|| ld.version(&at(key)));
                match ld.insert(&at(key), &batch(number, 0), expected).await {
                    Ok(version) => told.acknowledged.push((key, version, Some(number))),
                    Err(Error::Conflict(_)) if expected.is_some() => {}
                    Err(_) => told.unknown.push((key, Some(number))),
                }
            }
            _ => {
                if let Ok(Some((found, version))) = ld.fetch(&at(key)).await {
                    let former = seen.insert(key, (version, value(&found)));
                    let is_newer = former.is_none_or(|(v, n)| v < version || v == version && n == value(&found));
                    assert!(is_newer, "seed {seed}: key {key} went back from {former:?} to {version}");
                }
            }
        }
    }
    told
}

/// Two processes on a store that fails in every way: what was acknowledged is there, what was not is there or not, and
/// nothing else is.
#[test]
#[expect(clippy::print_stdout, reason = "it prints its counts")]
fn faults_lose_nothing_that_was_acknowledged() {
    let rounds = std::env::var("HOLOGRAM_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    let first = std::env::var("HOLOGRAM_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let (mut acknowledged, mut unknown, mut retries) = (0, 0, 0);
    let runtime = runtime();
    for seed in first..first + rounds {
        runtime.block_on(async {
            let inner = Arc::new(InMemory::new());
            let store = Arc::new(Faulty::new(Arc::clone(&inner) as Arc<dyn ObjectStore>, seed));
            // Few attempts, so that some calls fail in the end.
            let options = LdOptions { retries: (seed % 4) as u32, ..hasty() };
            let writers = (open(&store, options.clone()).await.unwrap(), open(&store, options.clone()).await.unwrap());
            store.set(Faults { before: 60, after: 60, damaged: 30, silent: 3, ..Faults::default() });
            let next = AtomicU32::new(1);
            let (one, two) = tokio::join!(
                work(writers.0.clone(), seed.wrapping_mul(31), &next),
                work(writers.1.clone(), seed.wrapping_mul(37), &next)
            );
            retries += writers.0.remote_stats().retries + writers.1.remote_stats().retries;
            store.set(Faults::default());
            let opened = open(&inner, hasty()).await.unwrap();
            assert_eq!(opened.verify().await.unwrap(), [], "seed {seed}");
            let entries: BTreeMap<Coordinate, Named> = opened.entries(..).into_iter().collect();
            for key in 0..6 {
                let told = || one.acknowledged.iter().chain(&two.acknowledged).filter(|(k, ..)| *k == key);
                let tried = || one.unknown.iter().chain(&two.unknown).filter(|(k, _)| *k == key);
                let last = told().max_by_key(|(_, version, _)| *version);
                let there = match entries.get(&at(key)) {
                    Some(named) => Some((named.version, found(&opened, key).await)),
                    None => None,
                };
                let place = format!("seed {seed}: key {key} holds {there:?}, last acknowledged was {last:?}");
                match there {
                    Some((version, value)) => {
                        let is_last = last.is_some_and(|(_, v, n)| *v == version && *n == value);
                        let is_unknown = last.is_none_or(|(_, v, _)| *v < version) && tried().any(|(_, n)| *n == value);
                        assert!(is_last || is_unknown, "{place}");
                    }
                    None => {
                        let was_removed = last.is_none_or(|(_, _, n)| n.is_none()) || tried().any(|(_, n)| n.is_none());
                        assert!(was_removed, "{place}");
                    }
                }
                acknowledged += told().count();
                unknown += tried().count();
            }
        });
    }
    println!("{rounds} seeds, {acknowledged} changes acknowledged, {unknown} not, {retries} retries: none lost");
    assert!(acknowledged > 3 * rounds as usize && retries > 0);
}
