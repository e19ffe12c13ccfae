//! How much one inference or one evaluation may do.
//!
//! Graphs inside graphs make a few bytes endless: a loop that never stops, or loops in loops, each of which infers its body
//! several times. Whoever works through a graph therefore counts its nodes and values, those of bodies once a round, and
//! holds every tensor to a size. Operators without subgraphs are bounded by their inputs and know nothing of this.

use crate::{Error, Fact, Limits, Result, control::CancelToken};
use std::sync::atomic::{AtomicU64, Ordering};

/// What one inference or one evaluation may do.
#[derive(Debug)]
pub struct Effort {
    steps: AtomicU64,
    steps_max: u64,
    elements: u64,
    cancel: CancelToken,
}

impl Effort {
    /// As much as it takes, until the token is cancelled.
    pub fn until(cancel: CancelToken) -> Self {
        Self { steps: AtomicU64::new(0), steps_max: u64::MAX, elements: u64::MAX, cancel }
    }

    /// As much as it takes.
    pub fn unbounded() -> Self {
        Self::until(CancelToken::new())
    }

    /// What a model from outside may ask for.
    pub fn within(limits: &Limits) -> Self {
        Self { steps_max: limits.steps, elements: limits.elements, ..Self::unbounded() }
    }

    /// Whether tensors are held to a size.
    pub(crate) fn bounds_elements(&self) -> bool {
        self.elements < u64::MAX
    }

    /// Counts so many nodes or values.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when there were too many, [`Error::Cancelled`] when the token is cancelled.
    pub fn spend(&self, steps: usize) -> Result<()> {
        self.cancel.check()?;
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let done = self.steps.fetch_add(steps, Ordering::Relaxed);
        if done.saturating_add(steps) <= self.steps_max {
            return Ok(());
        }
        let limit = self.steps_max;
        Err(Error::Exhausted(format!("working through the graph takes over {limit} steps, rounds of loops counted")))
    }

    /// Holds the sizes that are known of a value to the bound. Sizes beside one that is 0 count too: such a tensor has no
    /// elements, but whatever runs over its other axes takes as long as if it had.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when there would be more elements.
    pub fn hold(&self, fact: &Fact) -> Result<()> {
        let sizes = fact.shape().unwrap_or_default().iter().filter_map(|d| d.known()).filter(|n| *n > 0);
        let count = sizes.fold(1u64, |n, d| n.saturating_mul(u64::try_from(d).unwrap_or(u64::MAX)));
        if count <= self.elements {
            return Ok(());
        }
        Err(Error::Exhausted(format!("{} has {count} elements, over the limit of {}", fact.ty, self.elements)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Dim};

    #[test]
    fn steps_and_sizes_end() {
        let effort = Effort::within(&Limits { steps: 2, elements: 12, ..Limits::default() });
        assert!(effort.spend(1).is_ok() && effort.spend(1).is_ok());
        assert!(matches!(effort.spend(1), Err(Error::Exhausted(_))));
        let hold = |shape: &[Dim]| effort.hold(&Fact::shaped(DType::F32, shape.to_vec()));
        assert!(hold(&[Dim::Known(3), Dim::symbol("N"), Dim::Known(4)]).is_ok());
        assert!(hold(&[Dim::Known(3), Dim::Known(5)]).is_err());
        assert!(hold(&[Dim::Known(0), Dim::Known(13)]).is_err());
        assert!(hold(&[Dim::Known(usize::MAX), Dim::Known(usize::MAX)]).is_err());
        let token = CancelToken::new();
        let effort = Effort::until(token.clone());
        assert!(effort.spend(1).is_ok());
        token.cancel();
        assert_eq!(effort.spend(1), Err(Error::Cancelled));
    }
}
