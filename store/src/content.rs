//! Equal content is kept once: batches by the BLAKE3 digest of their Arrow IPC stream, compared byte by byte on a match.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, Weak},
};

use crate::{Batch, Result, batch, sync::Mutex};

type Digest = [u8; 32];

/// Digests are spread over this many locks.
const SHARDS: usize = 64;

/// Digests that a shard holds before it first looks for those whose batches are gone.
const SWEEP_MIN: usize = 64;

/// The batches that are alive, by content.
pub(crate) struct Content {
    shards: Box<[Mutex<Shard>]>,
    digest: fn(&Batch) -> Result<Digest>,
}

#[derive(Default)]
struct Shard {
    /// Batches of one digest: more than one only where digests collide.
    batches: HashMap<Digest, Vec<Weak<Batch>>>,
    sweep_at: usize,
}

impl Content {
    pub(crate) fn new() -> Self {
        Self::with_digest(blake3)
    }

    fn with_digest(digest: fn(&Batch) -> Result<Digest>) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), digest }
    }

    /// The batch that is alive with this content, or this one from now on; and whether it was alive before.
    pub(crate) fn share(&self, batch: Batch) -> Result<(Arc<Batch>, bool)> {
        let digest = (self.digest)(&batch)?;
        let shard = &self.shards[usize::from(digest[0]) % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.sweep();
        let batches = shard.batches.entry(digest).or_default();
        let mut encoded = None;
        for alive in batches.iter().filter_map(Weak::upgrade) {
            let encoded = match &mut encoded {
                Some(encoded) => encoded,
                none => none.insert(batch.encode()?),
            };
            if alive.encode()? == *encoded {
                return Ok((alive, true));
            }
        }
        let batch = Arc::new(batch);
        batches.push(Arc::downgrade(&batch));
        Ok((batch, false))
    }
}

impl Shard {
    /// Forgets batches that are gone, each time the shard has doubled.
    fn sweep(&mut self) {
        if self.batches.len() < self.sweep_at.max(SWEEP_MIN) {
            return;
        }
        self.batches.retain(|_, batches| {
            batches.retain(|batch| batch.strong_count() > 0);
            !batches.is_empty()
        });
        self.sweep_at = 2 * self.batches.len();
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

/// The BLAKE3 digest of a batch's Arrow IPC stream.
fn blake3(batch: &Batch) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    batch::encode(batch.records(), &mut hasher)?;
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Int32Array, RecordBatch, StringArray};
    use arrow_schema::{Field, Schema};
    use proptest::prelude::*;

    use super::*;

    fn column<A: arrow_array::Array + 'static>(name: &str, array: A) -> Batch {
        Batch::new(RecordBatch::try_from_iter([(name, Arc::new(array) as _)]).unwrap())
    }

    #[test]
    fn equal_content_is_kept_once() {
        let content = Content::new();
        let (first, shared) = content.share(column("a", Int32Array::from(vec![1, 2, 3]))).unwrap();
        assert!(!shared);
        // The same values as a slice of something larger.
        let slice = Int32Array::from(vec![0, 1, 2, 3, 4]).slice(1, 3);
        let (second, shared) = content.share(column("a", slice)).unwrap();
        assert!(shared && Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn different_content_is_kept_apart_whatever_the_digest() {
        let named = |metadata: &str| {
            let field = Field::new("a", arrow_schema::DataType::Int32, false);
            let schema = Schema::new_with_metadata(vec![field], [("m".into(), metadata.into())].into());
            Batch::new(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int32Array::from(vec![1]))]).unwrap())
        };
        let different = [
            column("a", Int32Array::from(vec![1])),
            column("b", Int32Array::from(vec![1])),
            column("a", Int32Array::from(vec![2])),
            column("a", Int32Array::from(vec![1, 1])),
            column("a", Int32Array::from(vec![None])),
            column("a", StringArray::from(vec!["1"])),
            column("a", Float32Array::from(vec![0.0])),
            column("a", Float32Array::from(vec![-0.0])),
            column("a", Float32Array::from(vec![f32::from_bits(0x7fc0_0000)])),
            column("a", Float32Array::from(vec![f32::from_bits(0x7fc0_0001)])),
            named("x"),
            named("y"),
        ];
        for content in [Content::new(), Content::with_digest(|_| Ok([7; 32]))] {
            let kept: Vec<_> = different.iter().map(|batch| content.share(batch.clone()).unwrap()).collect();
            for (index, (batch, shared)) in kept.iter().enumerate() {
                assert!(!shared, "batch {index}");
                assert_eq!(batch.encode().unwrap(), different[index].encode().unwrap(), "batch {index}");
            }
            for (batch, (first, _)) in different.iter().zip(&kept) {
                let (again, shared) = content.share(batch.clone()).unwrap();
                assert!(shared && Arc::ptr_eq(&again, first));
            }
        }
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let content = Content::with_digest(|batch| {
            let mut digest = blake3(batch)?;
            digest[0] = 0;
            Ok(digest)
        });
        for number in 0..10_000 {
            content.share(column("a", Int32Array::from(vec![number]))).unwrap();
        }
        assert!(content.shards[0].lock().unwrap().batches.len() <= SWEEP_MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// With digests of two bits nearly everything collides, and still each batch reads as it was given.
        #[test]
        fn dedup_never_wrong(values in proptest::collection::vec(proptest::collection::vec(0..3_i32, 0..4), 1..40)) {
            let content = Content::with_digest(|batch| Ok([blake3(batch)?[0] % 4; 32]));
            let mut alive: HashMap<&[i32], Arc<Batch>> = HashMap::new();
            for values in &values {
                let given = column("a", Int32Array::from(values.clone()));
                let (kept, shared) = content.share(given.clone()).unwrap();
                prop_assert_eq!(kept.records(), given.records());
                prop_assert_eq!(shared, alive.contains_key(&values[..]));
                let first = alive.entry(values).or_insert_with(|| Arc::clone(&kept));
                prop_assert!(Arc::ptr_eq(first, &kept));
            }
        }
    }
}
