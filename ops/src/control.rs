//! What a run is given besides its inputs: a token to cancel it and an account of its memory.

use crate::{Error, Result};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// A token that cancels runs; clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every run that holds this token; they stop at their next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails once the token is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// An account that memory is charged to before it is taken.
pub trait MemoryAccount: Send + Sync + std::fmt::Debug {
    /// Charges so many bytes.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when the account's budget does not hold them; nothing is charged then.
    fn charge(&self, bytes: usize) -> Result<()>;

    /// Gives back bytes that were charged.
    fn release(&self, bytes: usize);
}

/// An account with a fixed budget.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
}

impl Budget {
    /// An account of at most so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, used: AtomicUsize::new(0) }
    }

    /// Bytes charged and not given back.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl MemoryAccount for Budget {
    fn charge(&self, bytes: usize) -> Result<()> {
        let add = |used: usize| used.checked_add(bytes).filter(|n| *n <= self.bytes_max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).map(drop).map_err(|used| {
            Error::Exhausted(format!(
                "{bytes} bytes over {used} of a memory budget of {}; raise the budget or send fewer rows",
                self.bytes_max
            ))
        })
    }

    fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a run is given besides its inputs.
#[derive(Debug, Clone)]
pub struct Control {
    /// Stops the run between steps.
    pub cancel: CancelToken,
    /// Where the run's memory is charged.
    pub account: Arc<dyn MemoryAccount>,
}

impl Default for Control {
    fn default() -> Self {
        Self { cancel: CancelToken::new(), account: Arc::new(Budget::new(usize::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_it_does_not_hold_and_forgets_nothing() {
        let budget = Budget::new(10);
        budget.charge(7).unwrap();
        assert!(matches!(budget.charge(4), Err(Error::Exhausted(_))));
        assert_eq!(budget.used(), 7);
        budget.release(7);
        budget.charge(10).unwrap();
        assert!(budget.charge(usize::MAX).is_err());
    }

    #[test]
    fn clones_of_a_token_are_the_same_token() {
        let token = CancelToken::new();
        token.clone().cancel();
        assert_eq!(token.check(), Err(Error::Cancelled));
    }
}
