//! S3-FIFO over one shard: a small queue that most keys leave unseen, a main queue with second chances, and a memory of
//! keys that left too early.
//!
//! A get takes no exclusive lock: it only counts a use. Source: Yang et al., "FIFO queues are all you need for cache
//! eviction", SOSP 2023. Two things are added, both for loops that are longer than the cache, of which the queues alone
//! keep nothing: what fills the cache first fills the main queue, and a key that comes back is not taken into the main
//! queue while the keys there that are next to leave are in use.

use std::{
    hash::BuildHasher,
    mem::size_of,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use super::{
    ghosts::Ghosts,
    hash::Seed,
    index::{Index, SLOT_BYTES_MAX},
};
use crate::{Batch, Coordinate, Encoded, Stratum};

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
const SMALL_PART: usize = 14;

/// Keys of the main queue that lose a use where a key comes back, before that one is turned away from it.
const LOOKS: usize = 4;

/// What one entry costs besides its batch: in the list, which may have grown to twice its length, and in the index.
const fn entry_bytes<V>() -> usize {
    2 * size_of::<Node<V>>() + SLOT_BYTES_MAX
}

/// The end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// One shard's batches and the order in which they leave. Callers give each coordinate with its hash.
#[derive(Debug)]
pub(super) struct Fifo<V> {
    index: Index,
    nodes: Vec<Node<V>>,
    /// The first node that is free for use; the others follow as older ones.
    free: u32,
    len: usize,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    seed: Seed,
}

/// An entry and its place in its queue, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Node<V> {
    at: Coordinate,
    /// `None` where the node is free.
    batch: Option<V>,
    /// What the batch is charged with, so that whoever moves the node does not touch the batch.
    charge: usize,
    older: u32,
    newer: u32,
    /// Of the coordinate.
    hash: u32,
    uses: AtomicU8,
    is_main: bool,
}

const _: () = assert!(size_of::<Node<Arc<Batch>>>() == 64);

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
        let (index, ghosts) = (Index::default(), Ghosts::default());
        Self { index, nodes: Vec::new(), free: NONE, len: 0, small: EMPTY, main: EMPTY, ghosts, seed }
    }

    /// The bytes charged for what is held.
    pub(super) fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn holds(&self, at: &Coordinate) -> bool {
        self.find(self.hash(at), at).is_some()
    }

    /// Every coordinate that has an entry; in no order.
    pub(super) fn coordinates(&self) -> Vec<Coordinate> {
        self.nodes.iter().filter(|node| node.batch.is_some()).map(|node| node.at.clone()).collect()
    }

    /// What a batch is charged with here.
    pub(super) fn charge(batch: &V) -> usize {
        batch.held_bytes().saturating_add(entry_bytes::<V>())
    }

    /// The low half chooses nothing else than a place in the index and in the ghosts.
    fn hash(&self, at: &Coordinate) -> u32 {
        self.seed.hash_one(at) as u32
    }

    /// The place in the index and the node of a coordinate.
    fn find(&self, hash: u32, at: &Coordinate) -> Option<(usize, u32)> {
        self.index.find(hash, |node| self.nodes.get(node as usize).is_some_and(|node| node.at == *at))
    }

    /// The batch at a coordinate; counts a use.
    pub(super) fn get(&self, at: &Coordinate) -> Option<V> {
        let (_, node) = self.find(self.hash(at), at)?;
        let node = self.nodes.get(node as usize)?;
        let uses = node.uses.load(Ordering::Relaxed);
        if uses < USES_MAX {
            // Two readers may count one use together: the order of leaving is a guess in any case.
            node.uses.store(uses + 1, Ordering::Relaxed);
        }
        node.batch.clone()
    }

    /// Keeps a batch, and gives the one that it replaces. A replaced batch keeps its place.
    pub(super) fn insert(&mut self, at: &Coordinate, batch: V) -> Option<V> {
        let (hash, charge) = (self.hash(at), Self::charge(&batch));
        if let Some((_, index)) = self.find(hash, at) {
            let node = &mut self.nodes[index as usize];
            let old = node.batch.replace(batch);
            let freed = std::mem::replace(&mut node.charge, charge);
            let queue = self.queue(index);
            queue.bytes = queue.bytes + charge - freed;
            return old;
        }
        let is_main = self.ghosts.take(hash) && self.makes_way();
        let (batch, uses) = (Some(batch), AtomicU8::new(0));
        let node = Node { at: at.clone(), batch, charge, older: NONE, newer: NONE, hash, uses, is_main };
        let index = self.free;
        let index = match self.nodes.get_mut(index as usize) {
            Some(free) => {
                self.free = free.older;
                *free = node;
                index
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.len += 1;
        self.link(index);
        self.index.add(hash, index);
        None
    }

    /// Whether one of the main queue's next to leave is out of use; those that are not lose a use and stay.
    fn makes_way(&mut self) -> bool {
        for _ in 0..LOOKS {
            let oldest = self.main.oldest;
            let Some(node) = self.nodes.get_mut(oldest as usize) else { return true };
            let uses = node.uses.get_mut();
            if *uses == 0 {
                return true;
            }
            *uses -= 1;
            self.renew(oldest);
        }
        false
    }

    /// Takes a batch out.
    pub(super) fn remove(&mut self, at: &Coordinate) -> Option<V> {
        let (slot, node) = self.find(self.hash(at), at)?;
        self.index.remove(slot);
        self.take(node).map(|(_, batch)| batch)
    }

    /// Takes an entry out that the index no longer names.
    fn take(&mut self, index: u32) -> Option<(Coordinate, V)> {
        let batch = self.nodes[index as usize].batch.take()?;
        self.unlink(index);
        let node = &mut self.nodes[index as usize];
        let at = std::mem::replace(&mut node.at, Coordinate::root(Stratum::FIRST));
        node.older = self.free;
        (self.free, self.len) = (index, self.len - 1);
        Some((at, batch))
    }

    /// Takes out the batch that the policy wants least.
    pub(super) fn evict(&mut self) -> Option<(Coordinate, V)> {
        if self.main.oldest == NONE {
            self.fill_main();
        }
        loop {
            let small_is_over = self.small.bytes.saturating_mul(SMALL_PART) >= self.bytes();
            let from_small = self.small.oldest != NONE && (small_is_over || self.main.oldest == NONE);
            let index = if from_small { self.small.oldest } else { self.main.oldest };
            let node = self.nodes.get_mut(index as usize)?;
            let uses = *node.uses.get_mut();
            let stays = uses >= if from_small { USES_TO_MAIN } else { 1 };
            if !stays {
                let hash = node.hash;
                if from_small {
                    self.ghosts.add(hash, self.len);
                }
                self.index.remove_node(hash, index);
                return self.take(index);
            }
            *node.uses.get_mut() = if from_small { 0 } else { uses - 1 };
            self.renew(index);
        }
    }

    /// Before the first one leaves: all but the newest are the main queue's.
    fn fill_main(&mut self) {
        while let Some(node) = self.nodes.get(self.small.oldest as usize) {
            if (self.small.bytes - node.charge).saturating_mul(SMALL_PART) < self.bytes() {
                break;
            }
            self.renew(self.small.oldest);
        }
    }

    /// Makes a node the newest of the main queue.
    fn renew(&mut self, index: u32) {
        self.unlink(index);
        self.nodes[index as usize].is_main = true;
        self.link(index);
    }

    fn queue(&mut self, node: u32) -> &mut Queue {
        if self.nodes[node as usize].is_main { &mut self.main } else { &mut self.small }
    }

    /// Appends a node to its queue as the newest.
    fn link(&mut self, index: u32) {
        let charge = self.nodes[index as usize].charge;
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
    fn unlink(&mut self, index: u32) {
        let Node { older, newer, charge, .. } = self.nodes[index as usize];
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
                assert_eq!(fifo.find(node.hash, &node.at).map(|(_, node)| node), Some(index));
                bytes += node.charge;
                assert_eq!(node.charge, Fifo::charge(node.batch.as_ref().unwrap()));
                (older, index, seen) = (index, node.newer, seen + 1);
            }
            assert_eq!((queue.newest, queue.bytes), (older, bytes));
        }
        let mut free =
            std::iter::successors(fifo.nodes.get(fifo.free as usize), |node| fifo.nodes.get(node.older as usize));
        assert!(free.by_ref().all(|node| node.batch.is_none()));
        let held = fifo.nodes.iter().filter(|node| node.batch.is_some()).count();
        assert_eq!((seen, held, fifo.index.len()), (fifo.len, fifo.len, fifo.len));
    }

    #[test]
    fn unused_leave_first_and_in_order() {
        let mut fifo = Fifo::new(Seed::random());
        (0..4).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        assert!(fifo.get(&at(0)).is_some());
        let mut left: Vec<_> = std::iter::from_fn(|| fifo.evict().map(|(at, _)| at.to_u64().unwrap())).collect();
        assert_eq!(left.pop(), Some(0), "the used one leaves last");
        assert_eq!(left, [3, 1, 2], "the newest is the small queue, the others are the main one");
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
        // All but the small queue's part, which the scan passes through.
        assert_eq!((0..50).filter(|&number| fifo.get(&at(number)).is_some()).count(), 47);
    }

    #[test]
    fn who_comes_back_goes_to_main() {
        let mut fifo = Fifo::new(Seed::random());
        (0..20).for_each(|number| drop(fifo.insert(&at(number), batch(1))));
        let (first, _) = fifo.evict().unwrap();
        fifo.insert(&first, batch(1));
        let (_, node) = fifo.find(fifo.hash(&first), &first).unwrap();
        assert!(fifo.nodes[node as usize].is_main);
        check(&fifo);
    }

    /// Of a loop longer than the cache, about as many keys are hit as there is room for.
    #[test]
    fn a_loop_is_kept_in_part() {
        let mut fifo = Fifo::new(Seed::random());
        let mut hits = 0;
        for step in 0..12_000_u32 {
            let key = at(step % 300);
            hits += usize::from(fifo.get(&key).is_some());
            if !fifo.holds(&key) {
                fifo.insert(&key, batch(1));
            }
            if fifo.len() > 100 {
                fifo.evict();
            }
        }
        check(&fifo);
        assert!(hits > 3_000, "{hits}");
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
