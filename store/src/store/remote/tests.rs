use arrow_array::{Int32Array, cast::AsArray, types::Int32Type};
use object_store::{ObjectStore, memory::InMemory, path::Path};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::tier::{
    ld::{
        LdOptions,
        faulty::{Faults, Faulty},
    },
    sd::{Sd, SdOptions, disk::Disk, lying::Lying},
};

fn at(number: u32) -> Coordinate {
    number.into()
}

fn records(value: i32) -> RecordBatch {
    RecordBatch::try_from_iter([("a", Arc::new(Int32Array::from(vec![value])) as _)]).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn tier(objects: &Arc<impl ObjectStore>) -> Ld {
    let options = LdOptions { retries: 0, ..LdOptions::default() };
    Ld::open(Arc::clone(objects) as Arc<dyn ObjectStore>, Path::from("kept"), options).await.unwrap()
}

async fn store(objects: &Arc<impl ObjectStore>, folder: Option<&std::path::Path>) -> Store {
    let builder = Store::builder().l0_bytes(100_000).l1_bytes(100_000).l2_bytes(100_000);
    let builder = builder.disk(SdOptions { segment_bytes: 1 << 16, ..SdOptions::default() });
    let builder = builder.remote(tier(objects).await);
    match folder {
        Some(folder) => builder.open(folder).unwrap(),
        None => builder.build(),
    }
}

const REMOTE: Put = Put { durability: Durability::Remote, hint: Hint::Point, ttl: None, expected: None };

fn value(batch: &Batch) -> i32 {
    batch.records().column(0).as_primitive::<Int32Type>().value(0)
}

async fn get(store: &Store, number: u32) -> Option<i32> {
    store.get(&at(number), Hint::Point).await.unwrap().map(|batch| value(&batch))
}

#[test]
fn what_is_remote_is_everywhere_and_what_is_local_is_here() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let objects = Arc::new(InMemory::new());
        let (here, there) = (store(&objects, Some(folder.path())).await, store(&objects, None).await);
        here.put(&at(1), records(1)).unwrap();
        let version = here.put_durable(&at(2), records(2), REMOTE).await.unwrap();
        assert_eq!(there.refresh().await.unwrap(), 1);
        assert_eq!((get(&there, 1).await, get(&there, 2).await), (None, Some(2)));
        assert!(there.get_resident(&at(2)).is_some(), "it came to the hot tier");
        // A change hides what is remote until it is sent.
        here.put(&at(2), records(20)).unwrap();
        assert_eq!((get(&here, 2).await, get(&there, 2).await), (Some(20), Some(2)));
        let guarded = here.put_durable(&at(2), records(21), Put { expected: Some(Some(version)), ..REMOTE }).await;
        assert!(matches!(guarded, Err(Error::Conflict(what)) if what.contains("not sent")));
        let next =
            there.put_durable(&at(2), records(22), Put { expected: Some(Some(version)), ..REMOTE }).await.unwrap();
        assert!(next > version);
        here.refresh().await.unwrap();
        assert_eq!(get(&here, 2).await, Some(20), "still its own");
        assert_eq!(here.send().await.unwrap(), 2);
        assert_eq!(here.send().await.unwrap(), 0);
        assert_eq!(here.stats().sd.unwrap().entries, 0);
        there.refresh().await.unwrap();
        assert_eq!((get(&there, 1).await, get(&there, 2).await), (Some(1), Some(20)));
        let streamed: Vec<i32> = there.stream(..).map(|(_, read)| value(&read.unwrap())).collect().await;
        assert_eq!(streamed, [1, 20]);
        // Taken out there, it is gone here once this one has read of it.
        assert!(matches!(there.remove(&at(1)), Err(Error::Invalid(what)) if what.contains("remove_durable")));
        assert!(there.remove_durable(&at(1)).await.unwrap() && !there.remove_durable(&at(1)).await.unwrap());
        assert_eq!((get(&there, 1).await, get(&here, 1).await), (None, Some(1)));
        here.refresh().await.unwrap();
        assert_eq!(get(&here, 1).await, None);
    });
}

#[test]
fn a_failed_remote_put_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let objects = Arc::new(Faulty::new(Arc::new(InMemory::new()), 1));
        let here = store(&objects, Some(folder.path())).await;
        here.put_durable(&at(1), records(1), REMOTE).await.unwrap();
        here.put(&at(2), records(2)).unwrap();
        objects.set(Faults { before: 1_000, ..Faults::default() });
        for number in 1..3 {
            let failed = here.put_durable(&at(number), records(10), REMOTE).await;
            assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
        }
        assert!(here.send().await.is_err() && here.remove_durable(&at(1)).await.is_err());
        assert_eq!((get(&here, 2).await, here.stats().sd.unwrap().entries), (Some(10), 1), "a change, not sent yet");
        objects.set(Faults::default());
        assert_eq!(get(&here, 1).await, Some(1));
        drop(here);
        let again = store(&objects, Some(folder.path())).await;
        assert_eq!(again.send().await.unwrap(), 1);
        assert_eq!((get(&again, 1).await, get(&store(&objects, None).await, 2).await), (Some(1), Some(10)));
    });
}

/// What ended a change of this host is on disk before anybody relies on what took its place.
#[test]
fn a_change_that_was_sent_does_not_come_back_after_a_crash() {
    runtime().block_on(async {
        for seed in 0..40 {
            let objects = Arc::new(InMemory::new());
            let disk = Arc::new(Lying::new());
            let on = async |disk: Arc<Lying>| {
                let options = SdOptions { segment_bytes: 1 << 16, ..SdOptions::default() };
                let sd = Sd::on(disk as Arc<dyn Disk>, options).unwrap();
                Store::builder().l0_bytes(0).remote(tier(&objects).await).on(sd)
            };
            let here = on(Arc::clone(&disk)).await;
            let local = Put { durability: Durability::Local, ..Put::default() };
            for number in 1..5 {
                here.put_with(&at(number), records(1), local).unwrap();
            }
            here.put_durable(&at(1), records(2), REMOTE).await.unwrap();
            assert!(here.remove_durable(&at(2)).await.unwrap());
            assert!(here.discard(&at(4)).unwrap());
            assert_eq!(here.send().await.unwrap(), 1);
            let again = on(Arc::new(disk.crash(seed))).await;
            let found = [get(&again, 1).await, get(&again, 2).await, get(&again, 3).await, get(&again, 4).await];
            assert_eq!((found, again.stats().sd.unwrap().entries), ([Some(2), None, Some(1), None], 0), "seed {seed}");
        }
    });
}

#[test]
fn a_put_whose_future_was_dropped_leaves_no_older_copy() {
    runtime().block_on(async {
        let objects = Arc::new(Faulty::new(Arc::new(InMemory::new()), 1));
        let here = store(&objects, None).await;
        here.put_durable(&at(1), records(1), REMOTE).await.unwrap();
        assert_eq!(here.get_resident(&at(1)).map(|batch| value(&batch)), Some(1));
        objects.set(Faults { delay: std::time::Duration::from_millis(20), ..Faults::default() });
        let one = at(1);
        let put = here.put_durable(&one, records(2), REMOTE);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(5), put).await.is_err(), "dropped in the middle");
        objects.set(Faults::default());
        while here.remote().unwrap().version(&at(1)) == Some(1) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(get(&here, 1).await, Some(2));
    });
}

#[test]
fn what_cannot_be_kept_is_refused() {
    runtime().block_on(async {
        let objects = Arc::new(InMemory::new());
        let diskless = store(&objects, None).await;
        let refused = diskless.put(&at(1), records(1));
        assert!(matches!(refused, Err(Error::Invalid(what)) if what.contains("put_durable")));
        let refused = diskless.put_with(&at(1), records(1), REMOTE);
        assert!(matches!(refused, Err(Error::Invalid(what)) if what.contains("put_durable")));
        let brief = Put { ttl: Some(std::time::Duration::from_secs(5)), ..REMOTE };
        assert!(matches!(diskless.put_durable(&at(1), records(1), brief).await, Err(Error::Invalid(_))));
        let local = Store::builder().build().put_durable(&at(1), records(1), REMOTE).await;
        assert!(matches!(local, Err(Error::Invalid(what)) if what.contains("without a remote tier")));
        diskless.put_durable(&at(1), records(1), Put { hint: Hint::Scan, ..REMOTE }).await.unwrap();
        let computed = diskless.resolve(&at(1), || Ok::<_, Error>(records(2)));
        assert!(matches!(computed, Err(Error::Invalid(what)) if what.contains("await get")), "no second answer");
        assert_eq!(get(&diskless, 1).await, Some(1));
        let computed = diskless.resolve(&at(1), || Ok::<_, Error>(records(2))).unwrap();
        assert_eq!(value(&computed), 1);
        assert_eq!(diskless.resolve(&at(2), || Ok::<_, Error>(records(2))).map(|b| value(&b)).ok(), Some(2));
        assert!(diskless.remove_durable(&at(2)).await.unwrap() && get(&diskless, 2).await.is_none());
        assert!(!diskless.remove_durable(&at(2)).await.unwrap());
    });
}

/// Writers of two hosts, and readers that read the log now and then: no host goes back to an older version.
#[test]
fn no_host_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    let objects = Arc::new(InMemory::new());
    let small = |ld: Ld| Store::builder().l0_bytes(0).l1_bytes(6_000).l2_bytes(6_000).remote(ld);
    let hosts: Vec<Arc<Store>> = runtime.block_on(async {
        let with_disk = small(tier(&objects).await).open(folder.path()).unwrap();
        vec![Arc::new(with_disk), Arc::new(small(tier(&objects).await).build())]
    });
    runtime.block_on(async {
        let tasks: Vec<_> = (0..4)
            .map(|worker: usize| {
                let store = Arc::clone(&hosts[worker % 2]);
                tokio::spawn(async move {
                    let mut seen = [0; 12];
                    for step in 1..150_i32 {
                        let key = (step as usize * 7 + worker) % 12;
                        if worker < 2 && key % 2 == worker {
                            store.put_durable(&at(key as u32), records(step), REMOTE).await.unwrap();
                            seen[key] = seen[key].max(step);
                        }
                        if step % 5 == 0 {
                            store.refresh().await.unwrap();
                        }
                        let found = get(&store, key as u32).await.unwrap_or(0);
                        assert!(found >= seen[key], "worker {worker}, key {key}: {found} after {}", seen[key]);
                        seen[key] = found;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
