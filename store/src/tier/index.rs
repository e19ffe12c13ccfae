//! Where a shard's nodes are, by hash: an open table of eight bytes a place, so that a look mostly takes one cache line.

use super::fifo::NONE;

/// What an entry costs here at most: right after growing, 3 of 8 places are in use.
pub(super) const SLOT_BYTES_MAX: usize = size_of::<Slot>() * 8 / 3 + 1;

/// Places at first.
const SLOTS_MIN: usize = 16;

/// Numbers of nodes by hash. A number lies at its hash's place or in the run of filled places from there on; at least a
/// quarter of the places is empty.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two, or none.
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    node: u32,
}

const EMPTY: Slot = Slot { hash: 0, node: NONE };

impl Index {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The place and the node with this hash of which `is_it` says so.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut place = hash as usize & mask;
        loop {
            let slot = self.slots.get(place)?;
            if slot.node == NONE {
                return None;
            }
            if slot.hash == hash && is_it(slot.node) {
                return Some((place, slot.node));
            }
            place = (place + 1) & mask;
        }
    }

    /// Adds a node that is not there.
    pub(super) fn add(&mut self, hash: u32, node: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let places = (self.slots.len() * 2).max(SLOTS_MIN);
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; places]);
            old.into_iter().filter(|slot| slot.node != NONE).for_each(|slot| self.place(slot));
        }
        self.len += 1;
        self.place(Slot { hash, node });
    }

    /// Puts a slot into the first empty place from its own on.
    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut place = slot.hash as usize & mask;
        while self.slots[place].node != NONE {
            place = (place + 1) & mask;
        }
        self.slots[place] = slot;
    }

    /// Takes out what [`find`](Self::find) found at a place. Those after it in the run move up, unless they would come
    /// before their own place.
    pub(super) fn remove(&mut self, place: usize) {
        let mask = self.slots.len() - 1;
        let (mut gap, mut next) = (place, (place + 1) & mask);
        while self.slots[next].node != NONE {
            let home = self.slots[next].hash as usize & mask;
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.slots[gap] = self.slots[next];
                gap = next;
            }
            next = (next + 1) & mask;
        }
        self.slots[gap] = EMPTY;
        self.len -= 1;
    }

    /// Takes a node out, if it is there.
    pub(super) fn remove_node(&mut self, hash: u32, node: u32) {
        if let Some((place, _)) = self.find(hash, |other| other == node) {
            self.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// As a map does, with hashes that collide all the time.
    #[test]
    fn it_is_a_map() {
        let (mut index, mut map) = (Index::default(), HashMap::new());
        let mut state = 7_u64;
        for _ in 0..50_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let node = (state >> 33) as u32 % 300;
            let hash = (node % 40).wrapping_mul(0x9e37_79b9) >> 7;
            match (map.remove(&node), (state >> 20).is_multiple_of(2)) {
                (Some(()), true) => index.remove_node(hash, node),
                (None, true) => {}
                (there, false) => {
                    if there.is_none() {
                        index.add(hash, node);
                    }
                    map.insert(node, ());
                }
            }
            assert_eq!(index.len(), map.len());
            let found = index.find(hash, |other| other == node).map(|(_, node)| node);
            assert_eq!(found, map.contains_key(&node).then_some(node));
        }
        for node in 0..300 {
            let hash = (node % 40_u32).wrapping_mul(0x9e37_79b9) >> 7;
            assert_eq!(index.find(hash, |other| other == node).is_some(), map.contains_key(&node));
        }
    }
}
