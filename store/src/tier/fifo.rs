//! S3-FIFO over one shard: a small queue that most keys leave unseen, a main queue with second chances, and a memory of
//! keys that left too early.
//!
//! A get takes no exclusive lock: it only counts a use. Source: Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::BuildHasher,
    mem::size_of,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use super::hash::Seed;
use crate::{Batch, Coordinate, Encoded};

/// What a queue holds: cheap to give out again, and charged with bytes.
pub(super) trait Held: Clone {
    /// The bytes that it is charged with.
    fn held_bytes(&self) -> usize;
}

impl Held for Arc<Batch> {
    fn held_bytes(&self) -> usize {
        self.size_bytes()
    }
}

impl Held for Encoded {
    fn held_bytes(&self) -> usize {
        // What it keeps alive, which a builder may have made larger than the stream.
        self.bytes().capacity().max(self.bytes().len())
    }
}

/// Uses that are told apart; more count as this many.
const USES_MAX: u8 = 3;

/// Uses with which a key moves from the small queue to the main one.
const USES_TO_MAIN: u8 = 1;

/// The small queue's part of the bytes is one in this many.
const SMALL_PART: usize = 10;

/// What one entry costs besides its batch: in the map, in the list, and at the map's load.
const fn entry_bytes<V>() -> usize {
    2 * (size_of::<Coordinate>() + size_of::<Entry<V>>()) + size_of::<Node>()
}

/// The end of a list.
const NONE: u32 = u32::MAX;

/// One shard's batches and the order in which they leave.
#[derive(Debug)]
pub(super) struct Fifo<V> {
    entries: HashMap<Coordinate, Entry<V>, Seed>,
    nodes: Vec<Node>,
    /// Nodes that are free for use.
    free: Vec<u32>,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
}

#[derive(Debug)]
struct Entry<V> {
    batch: V,
    uses: AtomicU8,
    node: u32,
}

/// An entry's place in its queue.
#[derive(Debug)]
struct Node {
    at: Coordinate,
    older: u32,
    newer: u32,
    is_main: bool,
}

/// A list of nodes from the oldest to the newest.
#[derive(Clone, Copy, Debug)]
struct Queue {
    oldest: u32,
    newest: u32,
    bytes: usize,
}

const EMPTY: Queue = Queue { oldest: NONE, newest: NONE, bytes: 0 };

impl<V: Held> Fifo<V> {
    pub(super) fn new(seed: Seed) -> Self {
        let ghosts = Ghosts { order: VecDeque::new(), hashes: HashSet::with_hasher(seed.clone()), seed: seed.clone() };
        let entries = HashMap::with_hasher(seed);
        Self { entries, nodes: Vec::new(), free: Vec::new(), small: EMPTY, main: EMPTY, ghosts }
    }

    /// The bytes charged for what is held.
    pub(super) fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn holds(&self, at: &Coordinate) -> bool {
        self.entries.contains_key(at)
    }

    /// Every coordinate that has an entry; in no order.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        self.entries.keys().cloned().collect()
    }

    /// What a batch is charged with here.
    pub(super) fn charge(batch: &V) -> usize {
        batch.held_bytes().saturating_add(entry_bytes::<V>())
    }

    /// The batch at a coordinate; counts a use.
    pub(super) fn get(&self, at: &Coordinate) -> Option<V> {
        let entry = self.entries.get(at)?;
        let uses = entry.uses.load(Ordering::Relaxed);
        if uses < USES_MAX {
            // Two readers may count one use together: the order of leaving is a guess in any case.
            entry.uses.store(uses + 1, Ordering::Relaxed);
        }
        Some(entry.batch.clone())
    }

    /// Keeps a batch, and gives the one that it replaces. A replaced batch keeps its place.
    pub(super) fn insert(&mut self, at: &Coordinate, batch: V) -> Option<V> {
        let charge = Self::charge(&batch);
        if let Some(entry) = self.entries.get_mut(at) {
            let old = std::mem::replace(&mut entry.batch, batch);
            let node = entry.node;
            let queue = self.queue(node);
            queue.bytes = queue.bytes + charge - Self::charge(&old);
            return Some(old);
        }
        let is_main = self.ghosts.take(at);
        let node = Node { at: at.clone(), older: NONE, newer: NONE, is_main };
        let index = match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = node;
                index
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.link(index, charge);
        self.entries.insert(at.clone(), Entry { batch, uses: AtomicU8::new(0), node: index });
        None
    }

    /// Takes a batch out.
    pub(super) fn remove(&mut self, at: &Coordinate) -> Option<V> {
        let Entry { batch, node, .. } = self.entries.remove(at)?;
        self.unlink(node, Self::charge(&batch));
        self.free.push(node);
        Some(batch)
    }

    /// Takes out the batch that the policy wants least.
    pub(super) fn evict(&mut self) -> Option<(Coordinate, V)> {
        loop {
            let small_is_over = self.small.bytes.saturating_mul(SMALL_PART) >= self.bytes();
            let from_small = self.small.oldest != NONE && (small_is_over || self.main.oldest == NONE);
            let index = if from_small { self.small.oldest } else { self.main.oldest };
            let at = self.nodes.get(index as usize)?.at.clone();
            let entry = self.entries.get_mut(&at)?;
            let (uses, charge) = (*entry.uses.get_mut(), Self::charge(&entry.batch));
            let stays = uses >= if from_small { USES_TO_MAIN } else { 1 };
            if !stays {
                if from_small {
                    self.ghosts.add(&at, self.entries.len());
                }
                return self.remove(&at).map(|batch| (at, batch));
            }
            *entry.uses.get_mut() = if from_small { 0 } else { uses - 1 };
            self.unlink(index, charge);
            self.nodes[index as usize].is_main = true;
            self.link(index, charge);
        }
    }

    fn queue(&mut self, node: u32) -> &mut Queue {
        if self.nodes[node as usize].is_main { &mut self.main } else { &mut self.small }
    }

    /// Appends a node to its queue as the newest.
    fn link(&mut self, index: u32, charge: usize) {
        let queue = self.queue(index);
        queue.bytes += charge;
        let before = std::mem::replace(&mut queue.newest, index);
        if before == NONE {
            queue.oldest = index;
        } else {
            self.nodes[before as usize].newer = index;
        }
        let node = &mut self.nodes[index as usize];
        (node.older, node.newer) = (before, NONE);
    }

    /// Takes a node out of its queue.
    fn unlink(&mut self, index: u32, charge: usize) {
        let Node { older, newer, .. } = self.nodes[index as usize];
        let queue = self.queue(index);
        queue.bytes -= charge;
        if older == NONE {
            queue.oldest = newer;
        }
        if newer == NONE {
            queue.newest = older;
        }
        if let Some(older) = self.nodes.get_mut(older as usize) {
            older.newer = newer;
        }
        if let Some(newer) = self.nodes.get_mut(newer as usize) {
            newer.older = older;
        }
    }
}

/// The keys that left the small queue last, by hash: a wrong hit only places a key in the other queue.
#[derive(Debug)]
struct Ghosts {
    order: VecDeque<u64>,
    hashes: HashSet<u64, Seed>,
    seed: Seed,
}

impl Ghosts {
    /// Remembers a key, and forgets the oldest beyond so many.
    fn add(&mut self, at: &Coordinate, limit: usize) {
        let hash = self.seed.hash_one(at);
        if self.hashes.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > limit.max(1) {
            if let Some(oldest) = self.order.pop_front() {
                self.hashes.remove(&oldest);
            }
        }
    }

    /// Whether a key is remembered; it is then forgotten.
    fn take(&mut self, at: &Coordinate) -> bool {
        !self.hashes.is_empty() && self.hashes.remove(&self.seed.hash_one(at))
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Int32Array, RecordBatch};

    use super::*;

    fn batch(rows: i32) -> Arc<Batch> {
        let column = Arc::new(Int32Array::from_iter_values(0..rows));
        Arc::new(Batch::new(RecordBatch::try_from_iter([("a", column as _)]).unwrap()))
    }

    fn at(number: u32) -> Coordinate {
        number.into()
    }

    /// The queues hold each entry once, in a list that is sound in both directions, and charge what they hold.
    fn check(fifo: &Fifo<Arc<Batch>>) {
        let mut seen = 0;
        for (queue, is_main) in [(fifo.small, false), (fifo.main, true)] {
            let (mut index, mut older, mut bytes) = (queue.oldest, NONE, 0);
            while let Some(node) = fifo.nodes.get(index as usize) {
                assert_eq!((node.older, node.is_main), (older, is_main));
                assert_eq!(fifo.entries[&node.at].node, index);
                bytes += Fifo::charge(&fifo.entries[&node.at].batch);
                (older, index, seen) = (index, node.newer, seen + 1);
            }
            assert_eq!((queue.newest, queue.bytes), (older, bytes));
        }
        assert_eq!(seen, fifo.entries.len());
        assert_eq!(fifo.nodes.len(), seen + fifo.free.len());
        assert!(fifo.ghosts.hashes.len() <= fifo.ghosts.order.len());
    }

    #[test]
    fn unused_leave_first_and_in_order() {
        let mut fifo = Fifo::new(Seed::random());
        (0..4).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        assert!(fifo.get(&at(0)).is_some());
        let mut left: Vec<_> = std::iter::from_fn(|| fifo.evict().map(|(at, _)| at.to_u64().unwrap())).collect();
        assert_eq!(left.pop(), Some(0), "the used one leaves last");
        assert_eq!(left, [1, 2, 3]);
        check(&fifo);
    }

    #[test]
    fn a_scan_does_not_wash_the_used_out() {
        let mut fifo = Fifo::new(Seed::random());
        (0..50).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        (0..50).for_each(|number| drop(fifo.get(&at(number))));
        for number in 1_000..5_000 {
            fifo.insert(&at(number), batch(1));
            fifo.evict();
        }
        check(&fifo);
        // All but the small queue's tenth, which the scan passes through.
        assert_eq!((0..50).filter(|&number| fifo.get(&at(number)).is_some()).count(), 45);
    }

    #[test]
    fn who_comes_back_goes_to_main() {
        let mut fifo = Fifo::new(Seed::random());
        (0..20).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        let (first, _) = fifo.evict().unwrap();
        fifo.insert(&first, batch(1));
        assert!(fifo.nodes[fifo.entries[&first].node as usize].is_main);
        check(&fifo);
    }

    #[test]
    fn any_history_keeps_the_lists_sound() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut fifo = Fifo::new(Seed::random());
        for _ in 0..20_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let key = at((state >> 20) as u32 % 64);
            match state % 8 {
                0..3 => drop(fifo.insert(&key, batch((state >> 40) as i32 % 50))),
                3..6 => drop(fifo.get(&key)),
                6 => drop(fifo.remove(&key)),
                _ => drop(fifo.evict()),
            }
            if state.is_multiple_of(64) {
                check(&fifo);
            }
        }
        check(&fifo);
        while fifo.evict().is_some() {}
        check(&fifo);
        assert_eq!((fifo.bytes(), fifo.len()), (0, 0));
    }
}
