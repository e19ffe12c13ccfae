//! Whether looking rows up pays.
//!
//! Looking up costs every row a little; it saves a run for those that repeat. While nobody knows whether rows repeat, all
//! are computed, and a part of each batch is looked up besides: where `h` of `n` rows repeat an earlier one, there are about `n² / 2h` distinct rows
//! (the birthday problem), and most rows will repeat once that many were seen. What is decided changes no answer.

use super::{Memo, MemoMode};
use std::sync::{Mutex, PoisonError};

/// One row in so many is looked up while nobody knows.
const SAMPLED: usize = 32;
/// Small batches are looked up whole.
const SAMPLED_MIN: usize = 64;
/// Rows that are sampled at most before the sampling rests.
const ROWS_MAX: f64 = 16_384.0;
/// Repeats that are enough to believe in.
const REPEATS_MIN: f64 = 8.0;
/// A computed row must cost so many times what looking up costs, to be worth a try.
const COST_MIN: f64 = 3.0;
/// A row that costs so many times more than looking up is always looked up.
const COST_MUCH: f64 = 200.0;
/// Keeping a new row costs about so many times what looking it up does.
const KEEPING: f64 = 2.0;
/// Rows after which looking up must have paid.
const WINDOW_MIN: f64 = 32_768.0;
/// As above, where many distinct rows must be seen first.
const WINDOW_MAX: f64 = 4_194_304.0;
/// Rows for which the sampling rests at first; twice as long each time that it finds nothing.
const REST: f64 = 4_194_304.0;

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Ask {
    /// Compute its rows.
    Nothing,
    /// Compute its rows, and find out how many of so many repeat.
    Sample(usize),
    /// Look its rows up.
    All,
}

/// Decides for a query's rows. Shared by its threads.
#[derive(Debug)]
pub(in super::super) struct Judge {
    mode: MemoMode,
    phase: Mutex<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// A part of each batch is looked up.
    Sample { rows: f64, repeats: f64, rest: f64 },
    /// All rows are.
    Use { rows: f64, repeats: f64, window: f64 },
    /// None is, for some rows.
    Rest { rows: f64, next: f64 },
}

impl Phase {
    const START: Self = Self::Sample { rows: 0.0, repeats: 0.0, rest: REST };
}

/// What is measured about a memo.
#[derive(Debug, Clone, Copy)]
struct Facts {
    /// Nanoseconds of a computed row.
    cost: Option<f64>,
    /// Nanoseconds of a row looked up.
    price: Option<f64>,
    /// Rows that the memo may hold.
    capacity: f64,
}

impl Judge {
    pub(in super::super) fn new(mode: MemoMode) -> Self {
        Self { mode, phase: Mutex::new(Phase::START) }
    }

    /// What to do with a batch of so many rows.
    pub(in super::super) fn ask(&self, memo: &Memo, rows: usize) -> Ask {
        match self.mode {
            MemoMode::Off => Ask::Nothing,
            MemoMode::On => Ask::All,
            MemoMode::Auto => {
                let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
                phase.ask(&Facts::of(memo), rows)
            }
        }
    }

    /// Notes how many of the rows that were looked up repeat another.
    pub(in super::super) fn note(&self, memo: &Memo, rows: usize, repeats: usize) {
        if self.mode == MemoMode::Auto {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            *phase = phase.after(&Facts::of(memo), rows as f64, repeats as f64);
        }
    }
}

impl Facts {
    fn of(memo: &Memo) -> Self {
        Self { cost: memo.cost.get(), price: memo.price.get(), capacity: memo.capacity() }
    }

    /// How many times more a computed row costs than one looked up; `None` while the cost is unknown.
    fn ratio(&self) -> Option<f64> {
        // Before the first lookup, a guess that is on the high side.
        Some(self.cost? / self.price.unwrap_or(100.0).max(1.0))
    }
}

impl Phase {
    fn ask(&mut self, facts: &Facts, rows: usize) -> Ask {
        let Some(ratio) = facts.ratio() else { return Ask::Nothing };
        match self {
            _ if ratio < COST_MIN => Ask::Nothing,
            _ if ratio >= COST_MUCH => Ask::All,
            Self::Use { .. } => Ask::All,
            Self::Sample { .. } => Ask::Sample((rows / SAMPLED).max(SAMPLED_MIN).min(rows)),
            Self::Rest { rows: left, next } => {
                *left -= rows as f64;
                if *left <= 0.0 {
                    *self = Self::Sample { rows: 0.0, repeats: 0.0, rest: *next };
                }
                Ask::Nothing
            }
        }
    }

    fn after(self, facts: &Facts, more: f64, repeated: f64) -> Self {
        let ratio = facts.ratio().unwrap_or(f64::INFINITY);
        match self {
            Self::Sample { rows, repeats, rest } => {
                let (rows, repeats) = (rows + more, repeats + repeated);
                let distinct = rows * rows / (2.0 * repeats);
                if repeats >= REPEATS_MIN && distinct <= facts.capacity {
                    Self::Use { rows: 0.0, repeats: 0.0, window: distinct.clamp(WINDOW_MIN, WINDOW_MAX) }
                } else if rows >= ROWS_MAX {
                    Self::Rest { rows: rest, next: rest * 2.0 }
                } else {
                    Self::Sample { rows, repeats, rest }
                }
            }
            Self::Use { rows, repeats, window } => {
                let (rows, repeats) = (rows + more, repeats + repeated);
                if rows < window {
                    Self::Use { rows, repeats, window }
                } else if repeats * ratio > rows + (rows - repeats) * KEEPING {
                    Self::Use { rows: 0.0, repeats: 0.0, window: WINDOW_MIN }
                } else {
                    Self::Rest { rows: REST, next: REST * 2.0 }
                }
            }
            rest @ Self::Rest { .. } => rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAR: Facts = Facts { cost: Some(2_000.0), price: Some(50.0), capacity: 1e6 };

    /// What happens to batches of rows of which as many are distinct, drawn at random: rows looked up, of all.
    fn looked_up(facts: &Facts, distinct: usize, batches: usize) -> (usize, usize) {
        const BATCH: usize = 8_192;
        let (mut phase, mut seen, mut state) = (Phase::START, std::collections::HashSet::new(), 1_u64);
        let (mut asked, mut all) = (0, 0);
        for _ in 0..batches {
            let rows = match phase.ask(facts, BATCH) {
                Ask::Nothing => 0,
                Ask::Sample(rows) => rows,
                Ask::All => BATCH,
            };
            let mut repeats = 0;
            for _ in 0..rows {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                repeats += usize::from(!seen.insert((state >> 33) as usize % distinct));
            }
            if seen.len() as f64 > facts.capacity {
                seen.clear();
            }
            if rows > 0 {
                phase = phase.after(facts, rows as f64, repeats as f64);
            }
            (asked, all) = (asked + rows, all + BATCH);
        }
        (asked, all)
    }

    #[test]
    fn rows_that_repeat_are_looked_up_soon() {
        for distinct in [1, 100, 10_000, 100_000] {
            let (asked, all) = looked_up(&DEAR, distinct, 200);
            assert!(asked > all * 97 / 100, "{distinct} distinct rows: {asked} of {all}");
        }
    }

    #[test]
    fn rows_that_do_not_repeat_are_let_alone() {
        let (asked, all) = looked_up(&DEAR, usize::MAX >> 33, 10_000);
        assert!(asked < all / 500, "{asked} of {all}");
        // Too many to be kept.
        let (asked, all) = looked_up(&Facts { capacity: 1_000.0, ..DEAR }, 100_000, 10_000);
        assert!(asked < all / 500, "{asked} of {all}");
    }

    #[test]
    fn cheap_models_are_let_alone_and_dear_ones_never() {
        let cheap = Facts { cost: Some(140.0), ..DEAR };
        assert_eq!(looked_up(&cheap, 10, 100).0, 0);
        let unknown = Facts { cost: None, ..DEAR };
        assert_eq!(looked_up(&unknown, 10, 100).0, 0);
        let much = Facts { cost: Some(1e6), ..DEAR };
        let (asked, all) = looked_up(&much, usize::MAX >> 33, 100);
        assert_eq!(asked, all);
    }

    #[test]
    fn looking_up_ends_where_rows_stop_repeating() {
        let mut phase = Phase::Use { rows: 0.0, repeats: 0.0, window: WINDOW_MIN };
        for _ in 0..4 {
            phase = phase.after(&DEAR, 8_192.0, 10.0);
        }
        assert_eq!(phase, Phase::Rest { rows: REST, next: REST * 2.0 });
        // It asks again after a rest, and rests longer when it finds nothing.
        assert_eq!(phase.ask(&DEAR, REST as usize), Ask::Nothing);
        assert_eq!(phase, Phase::Sample { rows: 0.0, repeats: 0.0, rest: REST * 2.0 });
        assert_eq!(phase.ask(&DEAR, 8_192), Ask::Sample(256));
        assert_eq!(phase.after(&DEAR, ROWS_MAX, 0.0), Phase::Rest { rows: REST * 2.0, next: REST * 4.0 });
    }
}
