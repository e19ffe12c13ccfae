//! Tables whose answers come when rows ask for them, block by block.
//!
//! A block is a stretch of entries. Rows that fall into one that is not there are computed, each by itself, and counted;
//! once as many have been computed as the block has entries, all of it is. So no more is ever computed than twice what
//! the better of both would have taken, whatever rows come: it is the ski rental problem (Karlin, Manasse, Rudolph and
//! Sleator, "Competitive snoopy caching", 1988), and each block decides for itself. Once all blocks are there they become
//! one array, and the table is as one that was filled beforehand.

use super::EntryRows;
use crate::Result;
use arrow_array::{Array, ArrayRef};
use std::{
    fmt,
    ops::Range,
    sync::{
        OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

/// Entries of a block.
pub const BLOCK: usize = 1 << 12;

/// The place of a row without an entry.
const NOWHERE: (u32, u32) = (u32::MAX, 0);

/// The blocks of a table.
pub struct Blocks {
    entries: usize,
    bytes_max: u64,
    pub(crate) rows: EntryRows,
    /// For each block the rows that were computed for want of it.
    computed: Box<[AtomicU32]>,
    held: RwLock<Held>,
    whole: OnceLock<ArrayRef>,
    bytes: AtomicU64,
    /// Whether a block did not fit the bytes that are left.
    is_full: AtomicBool,
}

/// The blocks that are there.
#[derive(Default)]
struct Held {
    /// As many as there are blocks, until they are one array.
    blocks: Vec<Option<ArrayRef>>,
    filled: usize,
}

/// A batch's way to the blocks.
pub(crate) struct Places {
    /// The blocks that rows lie in and that are there.
    pub(crate) parts: Vec<ArrayRef>,
    /// For each row the part that it lies in and its place there; anything where it has none.
    pub(crate) places: Vec<(u32, u32)>,
    /// Rows whose blocks are not there.
    pub(crate) unfilled: Vec<usize>,
}

impl Blocks {
    pub(super) fn new(entries: usize, bytes_max: u64, rows: EntryRows) -> Self {
        let count = entries.div_ceil(BLOCK);
        Self {
            entries,
            bytes_max,
            rows,
            computed: std::iter::repeat_with(AtomicU32::default).take(count).collect(),
            held: RwLock::new(Held { blocks: vec![None; count], filled: 0 }),
            whole: OnceLock::new(),
            bytes: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// Bytes that the answers may take.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Bytes that the answers take.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Entries that are there.
    pub fn filled(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        if held.blocks.is_empty() {
            return self.entries;
        }
        let last = held.blocks.last().is_some_and(Option::is_some);
        let short = if last { held.blocks.len() * BLOCK - self.entries } else { 0 };
        held.filled * BLOCK - short
    }

    /// The answer of each entry, once all are there.
    pub(crate) fn whole(&self) -> Option<&ArrayRef> {
        self.whole.get()
    }

    /// Finds the answers of entries, all of which are below the number of entries but those of the rows `without`, which
    /// ascend. Blocks that have been asked for often enough are filled: `fill` gives the answers of a range of entries.
    pub(crate) fn find(
        &self,
        entries: &[u32],
        without: &[usize],
        fill: impl Fn(Range<usize>) -> Result<ArrayRef>,
    ) -> Places {
        let mut touched = Touched::new(self.computed.len());
        let mut without = without.iter().copied().peekable();
        let mut places = Vec::with_capacity(entries.len());
        for (row, entry) in entries.iter().enumerate() {
            let entry = *entry as usize;
            places.push(match without.next_if_eq(&row) {
                Some(_) => NOWHERE,
                None => (touched.number(entry / BLOCK), (entry % BLOCK) as u32),
            });
        }
        // What is over the budget is not computed again and again.
        if !self.is_full.load(Ordering::Relaxed) {
            self.wanted(&touched).into_iter().for_each(|block| self.fill(block, &fill));
        }
        self.parts(&touched, places)
    }

    fn range(&self, block: usize) -> Range<usize> {
        block * BLOCK..self.entries.min((block + 1) * BLOCK)
    }

    /// Notes rows that would be computed; gives the blocks to fill instead, each to one of all that ask.
    fn wanted(&self, touched: &Touched) -> Vec<usize> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |t: &&TouchedBlock| {
            if held.blocks.get(t.block).is_none_or(Option::is_some) {
                return false;
            }
            let enough = self.range(t.block).len() as u64;
            let before = u64::from(self.computed[t.block].fetch_add(t.rows, Ordering::Relaxed));
            before < enough && before + u64::from(t.rows) >= enough
        };
        touched.blocks.iter().filter(is_wanted).map(|t| t.block).collect()
    }

    /// Fills a block, if that succeeds and fits. What has no answer is for the row to say that asks for it.
    fn fill(&self, block: usize, fill: &impl Fn(Range<usize>) -> Result<ArrayRef>) {
        let Ok(answers) = fill(self.range(block)) else {
            // Another time: it may have been cancelled.
            self.computed[block].store(0, Ordering::Relaxed);
            return;
        };
        let bytes = answers.to_data().get_slice_memory_size().unwrap_or(usize::MAX) as u64;
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        if self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
            self.is_full.store(true, Ordering::Relaxed);
            return;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.blocks[block] = Some(answers);
        held.filled += 1;
        if held.filled == held.blocks.len() {
            let all: Vec<&dyn Array> = held.blocks.iter().flatten().map(AsRef::as_ref).collect();
            // Texts of more bytes than one array holds stay apart.
            if let Ok(whole) = arrow_select::concat::concat(&all)
                && self.whole.set(whole).is_ok()
            {
                held.blocks = Vec::new();
            }
        }
    }

    /// The touched blocks that are there, and each row's place among them.
    fn parts(&self, touched: &Touched, mut places: Vec<(u32, u32)>) -> Places {
        let mut parts = Vec::with_capacity(touched.blocks.len());
        let mut unfilled = Vec::new();
        // For each touched block what it is among the parts, and where it starts there.
        let part_of: Vec<Option<(u32, u32)>> = {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(whole) = self.whole.get() {
                parts.push(whole.clone());
                touched.blocks.iter().map(|t| Some((0, (t.block * BLOCK) as u32))).collect()
            } else {
                let part = |t: &TouchedBlock| {
                    held.blocks[t.block].as_ref().map(|answers| {
                        parts.push(answers.clone());
                        (parts.len() as u32 - 1, 0)
                    })
                };
                touched.blocks.iter().map(part).collect()
            }
        };
        for (row, place) in places.iter_mut().enumerate() {
            match part_of.get(place.0 as usize) {
                Some(Some((part, start))) => *place = (*part, start + place.1),
                Some(None) => unfilled.push(row),
                None => {}
            }
        }
        Places { parts, places, unfilled }
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blocks({} of {} entries)", self.filled(), self.entries)
    }
}

/// The blocks that a batch's rows lie in, numbered as they come.
struct Touched {
    blocks: Vec<TouchedBlock>,
    /// For each block its number.
    numbers: Vec<u32>,
}

struct TouchedBlock {
    block: usize,
    rows: u32,
}

impl Touched {
    fn new(blocks: usize) -> Self {
        Self { blocks: Vec::new(), numbers: vec![u32::MAX; blocks] }
    }

    /// The number of a block, in which one more row lies.
    fn number(&mut self, block: usize) -> u32 {
        let number = &mut self.numbers[block];
        if *number == u32::MAX {
            *number = self.blocks.len() as u32;
            self.blocks.push(TouchedBlock { block, rows: 0 });
        }
        self.blocks[*number as usize].rows += 1;
        *number
    }
}
