//! Ours and the durable peers, behind the same gets and puts of Arrow IPC streams.

use crate::redis::Redis;
use anyhow::{Context as _, Result, ensure};
use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use heed::{
    Env, EnvOpenOptions, WithoutTls,
    byteorder::BE,
    types::{Bytes, U64},
};
use hologram_store::{
    Batch, Coordinate, Hint, Store,
    tier::sd::{PutOptions, Sd, SdOptions},
};
use redb::{ReadableDatabase, TableDefinition};
use std::{fs::File, hint::black_box, os::unix::fs::FileExt, path::Path, sync::Arc, time::Instant};

/// What a get ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With the value's bytes.
    Bytes,
    /// With a record batch.
    Batch,
}

/// A value to keep.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) batch: Arc<Batch>,
    /// Its Arrow IPC stream.
    pub(crate) stream: Vec<u8>,
}

impl Value {
    /// # Errors
    /// None for a column of numbers.
    pub(crate) fn new(batch: Arc<Batch>) -> Result<Self> {
        Ok(Self { stream: batch.encode()?, batch })
    }
}

/// A durable store.
pub(crate) trait Log: Send + Sync {
    /// Gets what is under each key, and appends the nanoseconds of each get.
    ///
    /// # Errors
    /// What the store says; a key that is not there.
    fn gets(&self, keys: &[u64], ends: Ends, times: &mut Vec<u64>) -> Result<()>;

    /// Keeps a value under each key, durable in the end.
    ///
    /// # Errors
    /// What the store says.
    fn fill(&self, keys: &[u64], value: &Value) -> Result<()>;

    /// Keeps a value under each key, each durable before the next, and appends the nanoseconds of each put.
    ///
    /// # Errors
    /// What the store says.
    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()>;
}

/// Times one operation.
pub(crate) fn timed<T>(times: &mut Vec<u64>, run: impl FnOnce() -> Result<T>) -> Result<()> {
    let start = Instant::now();
    black_box(run()?);
    times.push(start.elapsed().as_nanos() as u64);
    Ok(())
}

/// What a peer's bytes become.
pub(crate) fn end(bytes: &[u8], ends: Ends) -> Result<Option<RecordBatch>> {
    match ends {
        Ends::Bytes => {
            black_box(bytes);
            Ok(None)
        }
        Ends::Batch => {
            let mut reader = StreamReader::try_new(bytes, None)?;
            Ok(Some(reader.next().context("a stream without a batch")??))
        }
    }
}

const DURABLE: PutOptions = PutOptions { durable: true, ttl: None, expected: None };

impl Log for Sd {
    fn gets(&self, keys: &[u64], _: Ends, times: &mut Vec<u64>) -> Result<()> {
        keys.iter()
            .try_for_each(|key| timed(times, || self.find(&Coordinate::from(*key))?.context("a key that is not there")))
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        for key in keys {
            self.insert(&Coordinate::from(*key), &value.batch, PutOptions::default())?;
        }
        Ok(self.flush()?)
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        keys.iter()
            .try_for_each(|key| timed(times, || Ok(self.insert(&Coordinate::from(*key), &value.batch, DURABLE)?)))
    }
}

/// The whole store over such a log, asked with the hint of a scan so that memory's tiers stay empty.
impl Log for Store {
    fn gets(&self, keys: &[u64], _: Ends, times: &mut Vec<u64>) -> Result<()> {
        keys.iter().try_for_each(|key| {
            timed(times, || self.get_local(&Coordinate::from(*key), Hint::Scan)?.context("a key that is not there"))
        })
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        self.disk().context("a store without a disk")?.fill(keys, value)
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        self.disk().context("a store without a disk")?.puts(keys, value, times)
    }
}

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("batches");

impl Log for redb::Database {
    fn gets(&self, keys: &[u64], ends: Ends, times: &mut Vec<u64>) -> Result<()> {
        let read = self.begin_read()?;
        let table = read.open_table(TABLE)?;
        keys.iter().try_for_each(|key| {
            timed(times, || end(table.get(*key)?.context("a key that is not there")?.value(), ends))
        })
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        let write = self.begin_write()?;
        let mut table = write.open_table(TABLE)?;
        for key in keys {
            table.insert(*key, value.stream.as_slice())?;
        }
        drop(table);
        Ok(write.commit()?)
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        keys.iter().try_for_each(|key| {
            timed(times, || {
                let write = self.begin_write()?;
                write.open_table(TABLE)?.insert(*key, value.stream.as_slice())?;
                Ok(write.commit()?)
            })
        })
    }
}

/// LMDB.
struct Lmdb {
    environment: Env<WithoutTls>,
    batches: heed::Database<U64<BE>, Bytes>,
}

impl Lmdb {
    fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(8 << 30).max_readers(256);
        // SAFETY: the folder is this run's alone, so that no other process changes the mapped file.
        let environment = unsafe { options.open(folder) }?;
        let mut write = environment.write_txn()?;
        let batches = environment.create_database(&mut write, None)?;
        write.commit()?;
        Ok(Self { environment, batches })
    }
}

impl Log for Lmdb {
    fn gets(&self, keys: &[u64], ends: Ends, times: &mut Vec<u64>) -> Result<()> {
        let read = self.environment.read_txn()?;
        keys.iter().try_for_each(|key| {
            timed(times, || end(self.batches.get(&read, key)?.context("a key that is not there")?, ends))
        })
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        let mut write = self.environment.write_txn()?;
        for key in keys {
            self.batches.put(&mut write, key, &value.stream)?;
        }
        Ok(write.commit()?)
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        keys.iter().try_for_each(|key| {
            timed(times, || {
                let mut write = self.environment.write_txn()?;
                self.batches.put(&mut write, key, &value.stream)?;
                Ok(write.commit()?)
            })
        })
    }
}

/// fjall.
struct Fjall {
    database: Database,
    batches: Keyspace,
}

impl Fjall {
    fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder).cache_size(1 << 30).open()?;
        let batches = database.keyspace("batches", KeyspaceCreateOptions::default)?;
        Ok(Self { database, batches })
    }
}

impl Log for Fjall {
    fn gets(&self, keys: &[u64], ends: Ends, times: &mut Vec<u64>) -> Result<()> {
        keys.iter().try_for_each(|key| {
            timed(times, || end(&self.batches.get(key.to_be_bytes())?.context("a key that is not there")?, ends))
        })
    }

    fn fill(&self, keys: &[u64], value: &Value) -> Result<()> {
        for key in keys {
            self.batches.insert(key.to_be_bytes(), value.stream.as_slice())?;
        }
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        keys.iter().try_for_each(|key| {
            timed(times, || {
                self.batches.insert(key.to_be_bytes(), value.stream.as_slice())?;
                Ok(self.database.persist(PersistMode::SyncData)?)
            })
        })
    }
}

/// A file to which values are written one after the other, each with its own sync: what durability costs at least. It has
/// its length from the start, so that a sync has no length to write.
struct Bare {
    file: File,
    end: std::sync::atomic::AtomicU64,
}

/// The length of the bare file, after which it is written from the start again.
const BARE_BYTES: u64 = 1 << 30;

impl Log for Bare {
    fn gets(&self, _: &[u64], _: Ends, _: &mut Vec<u64>) -> Result<()> {
        Ok(())
    }

    fn fill(&self, _: &[u64], _: &Value) -> Result<()> {
        Ok(())
    }

    fn puts(&self, keys: &[u64], value: &Value, times: &mut Vec<u64>) -> Result<()> {
        let length = value.stream.len() as u64;
        ensure!(length * keys.len() as u64 <= BARE_BYTES, "too much for the file");
        keys.iter().try_for_each(|_| {
            let at = self.end.fetch_add(length, std::sync::atomic::Ordering::Relaxed) % (BARE_BYTES - length);
            timed(times, || {
                self.file.write_all_at(&value.stream, at)?;
                Ok(self.file.sync_data()?)
            })
        })
    }
}

/// The names in the tables.
pub(crate) const OURS: &str = "hologram SD";
pub(crate) const STORE: &str = "hologram Store";
pub(crate) const BARE: &str = "write and fdatasync";

/// A store with its name.
pub(crate) type Named = (&'static str, Box<dyn Log>);

/// The stores that are there, in folders of their own, and what is to be said of those that are not.
///
/// # Errors
/// What a store says.
pub(crate) fn open(folder: &Path, redis: Option<&Path>) -> Result<(Vec<Named>, Vec<String>)> {
    let on_disk = SdOptions { segment_bytes: 256 << 20, ..SdOptions::default() };
    let store =
        Store::builder().l0_bytes(0).l1_bytes(0).l2_bytes(0).disk(on_disk.clone()).open(folder.join("store"))?;
    let mut stores: Vec<Named> = vec![
        (OURS, Box::new(Sd::open(folder.join("sd"), on_disk)?)),
        (STORE, Box::new(store)),
        ("redb", Box::new(redb::Database::builder().set_cache_size(1 << 30).create(folder.join("redb"))?)),
        ("LMDB", Box::new(Lmdb::open(&folder.join("lmdb"))?)),
        ("fjall", Box::new(Fjall::open(&folder.join("fjall"))?)),
    ];
    let mut notes = Vec::new();
    match Redis::start(&folder.join("redis"), redis) {
        Ok(redis) => stores.push(("Redis", Box::new(redis))),
        Err(error) => notes.push(format!("redis: not there: {error:#}")),
    }
    Ok((stores, notes))
}

/// The bare file in a folder.
///
/// # Errors
/// What the system says.
pub(crate) fn bare(folder: &Path) -> Result<Named> {
    let file = File::create(folder.join("bare"))?;
    file.set_len(BARE_BYTES)?;
    file.sync_all()?;
    Ok((BARE, Box::new(Bare { file, end: 0.into() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_give_back_what_they_keep() {
        let folder = tempfile::tempdir().unwrap();
        let value = Value::new(crate::keys::batch(4_096, 3).unwrap()).unwrap();
        let keys: Vec<u64> = (0..50).collect();
        let (stores, notes) = open(folder.path(), None).unwrap();
        assert_eq!(stores.len() + notes.len(), 6, "{notes:?}");
        for (name, store) in stores {
            store.fill(&keys[..40], &value).unwrap();
            let mut times = Vec::new();
            store.puts(&keys[40..], &value, &mut times).unwrap();
            store.gets(&keys, Ends::Batch, &mut times).unwrap();
            assert_eq!(times.len(), 60, "{name}");
            assert!(store.gets(&[99], Ends::Bytes, &mut times).is_err(), "{name}");
        }
        assert_eq!(end(&value.stream, Ends::Batch).unwrap().as_ref(), Some(value.batch.records()));
    }
}
