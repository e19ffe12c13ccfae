//! L0, an index away: pinned slots of open plans. What is here never leaves by itself.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{Displaced, Tier, TierStats};
use crate::{Batch, Coordinate, Error, Result, Stratum};

/// Counters are spread over this many cache lines, so that cores do not meet on one.
const STRIPES: usize = 16;

/// Slots for ranges of sibling coordinates. A slot's place is a subtraction; a get is one atomic load.
pub struct L0 {
    /// Sorted by their first coordinate; they do not overlap.
    regions: ArcSwap<Vec<Arc<Region>>>,
    bytes: Arc<AtomicUsize>,
    budget_bytes: usize,
    counters: Box<[Counters]>,
    puts: AtomicU64,
}

#[derive(Default)]
#[repr(align(128))]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The slots of consecutive siblings. A plan holds its region and reads slots by index, past the tier and its counters.
pub struct Region {
    first: Coordinate,
    slots: Box<[ArcSwapOption<Batch>]>,
    /// The bytes of the whole tier, which this region's batches are part of.
    bytes: Arc<AtomicUsize>,
}

impl Region {
    /// The coordinate of slot 0.
    pub fn first(&self) -> &Coordinate {
        &self.first
    }

    /// The number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no slot. A region has at least one.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The batch in a slot; `None` for an empty slot and past the end. It is not counted.
    pub fn get(&self, slot: usize) -> Option<Arc<Batch>> {
        self.slots.get(slot)?.load_full()
    }

    /// What `read` makes of the batch in a slot, as [`get`](Self::get) but without owning it: no counter is written.
    pub fn with<T>(&self, slot: usize, read: impl FnOnce(&Batch) -> T) -> Option<T> {
        self.slots.get(slot)?.load().as_deref().map(read)
    }

    /// The slot of a coordinate: a sibling of the first, at most so far behind it.
    fn slot(&self, at: &Coordinate) -> Option<usize> {
        let (at, last) = split(at);
        let (first, start) = split(&self.first);
        let slot = usize::try_from(last.number().checked_sub(start.number())?).ok()?;
        (at == first && slot < self.slots.len()).then_some(slot)
    }

    /// Puts a batch into a slot or empties it, and gives what was there. Within a budget, if there is one.
    fn swap(
        &self,
        slot: &ArcSwapOption<Batch>,
        batch: Option<Arc<Batch>>,
        budget: usize,
    ) -> Option<Option<Arc<Batch>>> {
        let charge = batch.as_ref().map_or(0, |batch| batch.size_bytes());
        let take = |used: usize| used.checked_add(charge).filter(|&used| used <= budget);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let old = slot.swap(batch);
        self.bytes.fetch_sub(old.as_ref().map_or(0, |old| old.size_bytes()), Ordering::Relaxed);
        Some(old)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let held: usize = self.slots.iter().filter_map(|slot| slot.swap(None)).map(|batch| batch.size_bytes()).sum();
        self.bytes.fetch_sub(held, Ordering::Relaxed);
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} and on, {} slots)", self.first, self.slots.len())
    }
}

impl L0 {
    /// A tier without regions that never charges more than this many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            regions: ArcSwap::default(),
            bytes: Arc::default(),
            budget_bytes,
            counters: (0..STRIPES).map(|_| Counters::default()).collect(),
            puts: AtomicU64::new(0),
        }
    }

    /// Makes empty slots for a coordinate and the siblings after it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no slots, for siblings past the end of their parent, and where slots overlap pinned ones;
    /// [`Error::Exhausted`] where the slots alone would take more than the budget.
    pub fn pin(&self, first: &Coordinate, slots: usize) -> Result<Arc<Region>> {
        let invalid = |what: &str| Err(Error::Invalid(format!("{slots} slots from {first} on: {what}")));
        let last = slots.checked_sub(1).and_then(|more| first.last().number().checked_add(more as u64));
        let Some(last) = last.and_then(|last| Stratum::from_number(last).ok()) else {
            return invalid("they must be one or more, and not past the last sibling");
        };
        if slots.saturating_mul(size_of::<ArcSwapOption<Batch>>()) > self.budget_bytes {
            let budget = self.budget_bytes;
            return Err(Error::Exhausted(format!(
                "{slots} slots from {first} on are over the budget of {budget} bytes"
            )));
        }
        let last = first.parent().map_or_else(|| last.into(), |parent| parent.child(last));
        let empty = (0..slots).map(|_| ArcSwapOption::empty()).collect();
        let region = Arc::new(Region { first: first.clone(), slots: empty, bytes: Arc::clone(&self.bytes) });
        let mut overlaps = false;
        self.regions.rcu(|regions| {
            let siblings = |other: &Region| split(&other.first).0 == split(first).0;
            overlaps = regions
                .iter()
                .any(|other| siblings(other) && (region.slot(&other.first).is_some() || other.slot(first).is_some()))
                || regions.iter().any(|other| siblings(other) && other.slot(&last).is_some());
            let mut regions = Vec::clone(regions);
            if !overlaps {
                let place = regions.partition_point(|other| sort_key(&other.first) < sort_key(first));
                regions.insert(place, Arc::clone(&region));
            }
            regions
        });
        if overlaps { invalid("they overlap slots that are pinned") } else { Ok(region) }
    }

    /// Gives a region up. Its batches stay readable for whoever still holds it.
    pub fn unpin(&self, region: &Arc<Region>) {
        self.regions
            .rcu(|regions| regions.iter().filter(|other| !Arc::ptr_eq(other, region)).cloned().collect::<Vec<_>>());
    }

    /// Gives the region up that is the slot of one coordinate.
    pub(crate) fn unpin_at(&self, at: &Coordinate) -> Option<Arc<Region>> {
        let found = self.regions.load().iter().find(|region| region.first == *at && region.len() == 1).cloned()?;
        self.unpin(&found);
        Some(found)
    }

    /// Whether a coordinate has a slot.
    pub fn covers(&self, at: &Coordinate) -> bool {
        self.with_slot(at, |_, _| ()).is_some()
    }

    /// The batch at a coordinate, if it has a slot that is filled.
    pub fn find(&self, at: &Coordinate) -> Option<Arc<Batch>> {
        let found = self.with_slot(at, |_, slot| slot.load_full())?;
        let counters = &self.counters[at.routing_class().index() % STRIPES];
        let counter = if found.is_some() { &counters.hits } else { &counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Every coordinate whose slot is filled, in the order of the regions.
    pub fn coordinates(&self) -> Vec<Coordinate> {
        let regions = self.regions.load();
        let filled = |region: &Arc<Region>| -> Vec<Coordinate> {
            let start = region.first.last().number();
            let parent = region.first.parent();
            let at = |slot: usize| {
                let last = Stratum::from_number(start + slot as u64).ok()?;
                Some(parent.as_ref().map_or_else(|| last.into(), |parent| parent.child(last)))
            };
            (0..region.len()).filter(|slot| region.slots[*slot].load().is_some()).filter_map(at).collect()
        };
        regions.iter().flat_map(filled).collect()
    }

    fn with_slot<T>(&self, at: &Coordinate, use_slot: impl FnOnce(&Region, &ArcSwapOption<Batch>) -> T) -> Option<T> {
        let regions = self.regions.load();
        let after = regions.partition_point(|region| sort_key(&region.first) <= sort_key(at));
        let region = regions.get(after.checked_sub(1)?)?;
        let slot = region.slots.get(region.slot(at)?)?;
        Some(use_slot(region, slot))
    }
}

/// A coordinate's bytes without the last stratum, and that stratum.
fn split(at: &Coordinate) -> (&[u8], Stratum) {
    let last = at.last();
    let bytes = at.as_bytes();
    (&bytes[..bytes.len() - last.to_bytes().len()], last)
}

/// Puts siblings next to each other, whatever lies below them.
fn sort_key(at: &Coordinate) -> (usize, &[u8]) {
    (at.depth(), at.as_bytes())
}

impl Tier for L0 {
    fn get(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.find(at))
    }

    fn put(&self, at: &Coordinate, batch: Arc<Batch>) -> Result<Displaced> {
        let (size, budget) = (batch.size_bytes(), self.budget_bytes);
        match self.with_slot(at, |region, slot| region.swap(slot, Some(batch), budget)) {
            Some(Some(_)) => {
                self.puts.fetch_add(1, Ordering::Relaxed);
                Ok(Vec::new())
            }
            Some(None) => Err(Error::Exhausted(format!(
                "{at}: its batch of {size} bytes does not fit the pinned tier's {budget}: raise the budget or unpin"
            ))),
            None => Err(Error::Invalid(format!("{at} has no pinned slot: pin its range first"))),
        }
    }

    fn remove(&self, at: &Coordinate) -> Result<Option<Arc<Batch>>> {
        Ok(self.with_slot(at, |region, slot| region.swap(slot, None, usize::MAX)).flatten().flatten())
    }

    fn stats(&self) -> TierStats {
        let count = |counter: fn(&Counters) -> &AtomicU64| {
            self.counters.iter().map(|counters| counter(counters).load(Ordering::Relaxed)).sum()
        };
        let regions = self.regions.load();
        TierStats {
            hits: count(|counters| &counters.hits),
            misses: count(|counters| &counters.misses),
            puts: self.puts.load(Ordering::Relaxed),
            evictions: 0,
            entries: regions.iter().flat_map(|region| &region.slots).filter(|slot| slot.load().is_some()).count(),
            bytes: self.bytes.load(Ordering::Relaxed),
            budget_bytes: self.budget_bytes,
        }
    }

    fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }
}

impl fmt::Debug for L0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("L0").field(&self.stats()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::suite;

    fn at(path: &[u64]) -> Coordinate {
        Coordinate::from_strata(path.iter().map(|&number| Stratum::from_number(number).unwrap())).unwrap()
    }

    #[test]
    fn conforms() {
        for (name, first) in [("roots", at(&[3])), ("deep", at(&[1, 2, 3, 4, 5, 6, 7]))] {
            let make = |budget_bytes| {
                let tier = L0::new(budget_bytes);
                assert!(tier.pin(&first, suite::KEYS as usize).is_ok());
                Box::new(tier) as Box<dyn Tier>
            };
            let sibling = |key: u32| {
                let stratum = Stratum::from_number(first.last().number() + u64::from(key)).unwrap();
                first.parent().map_or_else(|| stratum.into(), |parent| parent.child(stratum))
            };
            suite::conforms(name, &make, &sibling);
        }
    }

    #[test]
    fn regions_are_found_by_arithmetic() {
        let tier = L0::new(1 << 20);
        let pinned = [(at(&[10]), 5), (at(&[15]), 1), (at(&[12, 0]), 3), (at(&[12, 100]), 3), (at(&[12, 0, 0]), 2)];
        for (first, slots) in &pinned {
            assert_eq!(tier.pin(first, *slots).unwrap().len(), *slots);
        }
        for (path, covered) in [
            (&[9][..], false),
            (&[10], true),
            (&[12], true),
            (&[14], true),
            (&[15], true),
            (&[16], false),
            (&[12, 0], true),
            (&[12, 2], true),
            (&[12, 3], false),
            (&[12, 99], false),
            (&[12, 102], true),
            (&[12, 103], false),
            (&[13, 0], false),
            (&[12, 0, 1], true),
            (&[12, 0, 2], false),
            (&[12, 1, 0], false),
        ] {
            assert_eq!(tier.covers(&at(path)), covered, "{path:?}");
        }
        assert!(matches!(tier.put(&at(&[16]), suite::batch(1, 1)), Err(Error::Invalid(_))));
    }

    #[test]
    fn overlaps_and_ends_are_refused() {
        let tier = L0::new(1 << 20);
        tier.pin(&at(&[10]), 5).unwrap();
        let last = crate::atlas::STRATA - 1;
        for (path, slots) in [(&[14][..], 1), (&[8], 3), (&[8], 100), (&[11], 2), (&[1], 0), (&[last], 2)] {
            assert!(matches!(tier.pin(&at(path), slots), Err(Error::Invalid(_))), "{slots} from {path:?}");
        }
        assert!(matches!(tier.pin(&at(&[100]), 1 << 20), Err(Error::Exhausted(_))));
        tier.pin(&at(&[last]), 1).unwrap();
    }

    #[test]
    fn a_region_outlives_its_pin_and_gives_its_bytes_back() {
        let tier = L0::new(1 << 20);
        let region = tier.pin(&at(&[10]), 5).unwrap();
        tier.put(&at(&[12]), suite::batch(7, 3)).unwrap();
        assert!(region.get(2).is_some() && region.get(1).is_none() && region.get(5).is_none());
        let rows = |slot| region.with(slot, |batch| batch.records().num_rows());
        assert_eq!((rows(2), rows(1), rows(5)), (Some(4), None, None));
        tier.unpin(&region);
        assert!(!tier.covers(&at(&[12])) && region.get(2).is_some());
        assert!(tier.stats().bytes > 0);
        drop(region);
        assert_eq!(tier.stats().bytes, 0);
    }
}
