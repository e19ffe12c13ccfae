//! The keys that left a shard's small queue last, by hash: a wrong answer only places a key in the other queue.

/// Places that a key may lie in: half a cache line.
const WAYS: usize = 4;

/// What an entry costs here at most: twice the places, of which there may be twice as many.
pub(super) const GHOST_BYTES_MAX: usize = 4 * size_of::<Ghost>();

/// A memory of so many departures as there are entries, in groups of places of which the oldest is written over.
#[derive(Debug, Default)]
pub(super) struct Ghosts {
    /// A power of two of groups, or none.
    groups: Vec<[Ghost; WAYS]>,
    /// Departures so far.
    now: u32,
    /// Departures that are remembered.
    limit: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ghost {
    hash: u32,
    /// The departure, counted from 1 on; 0 is none.
    when: u32,
}

impl Ghosts {
    /// Remembers a key, and forgets what left more than so many departures ago. A memory that grows begins anew.
    pub(super) fn add(&mut self, hash: u32, limit: usize) {
        let groups = (2 * limit).div_ceil(WAYS).next_power_of_two();
        if groups > self.groups.len() {
            self.groups = vec![[Ghost::default(); WAYS]; groups];
        }
        self.limit = u32::try_from(limit.max(1)).unwrap_or(u32::MAX);
        self.now = self.now.wrapping_add(1).max(1);
        let (now, group) = (self.now, hash as usize & (self.groups.len() - 1));
        let age = |ghost: &&mut Ghost| if ghost.when == 0 { u32::MAX } else { now.wrapping_sub(ghost.when) };
        if let Some(oldest) = self.groups[group].iter_mut().max_by_key(age) {
            *oldest = Ghost { hash, when: now };
        }
    }

    /// Whether a key is remembered; it is then forgotten.
    pub(super) fn take(&mut self, hash: u32) -> bool {
        let (now, limit) = (self.now, self.limit);
        let group = hash as usize & self.groups.len().wrapping_sub(1);
        let Some(group) = self.groups.get_mut(group) else { return false };
        let is_it = |ghost: &&mut Ghost| ghost.hash == hash && ghost.when != 0 && now.wrapping_sub(ghost.when) < limit;
        group.iter_mut().find(is_it).map(|ghost| *ghost = Ghost::default()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered_once() {
        let mut ghosts = Ghosts::default();
        assert!(!ghosts.take(0));
        let hash = |key: u32| key.wrapping_mul(0x9e37_79b9);
        (0..5_000).for_each(|key| ghosts.add(hash(key), 1_000));
        let taken: Vec<u32> = (0..5_000).filter(|key| ghosts.take(hash(*key))).collect();
        assert!(taken.iter().all(|key| *key >= 4_000), "older ones are forgotten");
        assert!(taken.len() > 900, "{} of 1,000 are remembered", taken.len());
        assert!(!(0..5_000).any(|key| ghosts.take(hash(key))), "each one once");
    }
}
