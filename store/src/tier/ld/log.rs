//! Reading the log: the last whole view, and the changes after it.

use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use tokio::time::Instant;

use super::{Inner, View, delta::Delta, lock};
use crate::{Coordinate, Error, Result};

/// How often the log is listed anew where what was listed is not there.
const ATTEMPTS: usize = 3;

/// Changes that are read at the same time.
const READ_AHEAD: usize = 16;

impl Inner {
    pub(super) fn changes(&self) -> Path {
        self.calls.root.clone().join("log")
    }

    pub(super) fn checkpoints(&self) -> Path {
        self.calls.root.clone().join("checkpoints")
    }

    /// Reads every change that is there and not known. Whatever fails, the view is as of some change.
    pub(super) async fn catch_up(&self, deadline: Instant) -> Result<()> {
        let _one = self.catching_up.lock().await;
        let mut outcome = Err(Error::Missing(String::new()));
        // What is missing may have been collected since it was listed.
        for _ in 0..ATTEMPTS {
            let start = SystemTime::now();
            outcome = self.read_changes(deadline).await;
            match &outcome {
                Ok(()) => {
                    self.set_synced(start);
                    return outcome;
                }
                Err(Error::Missing(_)) => {}
                Err(_) => return outcome,
            }
        }
        outcome.map_err(|error| Error::Corrupt(format!("the remote tier's log: {error}")))
    }

    /// Since when the log may have grown by changes that are not known.
    pub(super) fn synced(&self) -> SystemTime {
        *lock(&self.synced)
    }

    pub(super) fn set_synced(&self, when: SystemTime) {
        *lock(&self.synced) = when;
    }

    async fn read_changes(&self, deadline: Instant) -> Result<()> {
        let known = self.view().number;
        let numbers = self.numbers(&self.changes(), known, deadline).await?;
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return if known == 0 { self.load_view(0, deadline).await } else { Ok(()) };
        };
        if *first != known + 1 {
            // What came before was collected.
            self.load_view(*first, deadline).await?;
        } else if last - known > self.options.checkpoint_every.max(1) {
            // One look at the last whole view saves many at changes.
            self.load_view(known + 1, deadline).await?;
        }
        let known = self.view().number;
        let wanted: Vec<u64> = (known + 1..=*last).collect();
        let mut read = futures::stream::iter(wanted)
            .map(async |number| {
                let delta = self.read(&self.changes(), number, deadline).await?;
                delta.ok_or_else(|| Error::Missing(format!("change {number} is not there")))
            })
            .buffered(READ_AHEAD);
        while let Some(delta) = read.try_next().await? {
            self.apply(&delta);
        }
        Ok(())
    }

    /// The numbers of what lies in a folder after a number.
    pub(super) async fn numbers(&self, folder: &Path, after: u64, deadline: Instant) -> Result<Vec<u64>> {
        let listed = self.calls.list(folder, Some(&place(folder, after)), deadline).await?;
        Ok(listed.iter().filter_map(|(path, _)| number(path)).filter(|number| *number > after).collect())
    }

    /// The change, or the whole view, of a number.
    pub(super) async fn read(&self, folder: &Path, number: u64, deadline: Instant) -> Result<Option<Delta>> {
        let bytes = self.calls.get(&place(folder, number), 0, deadline, Delta::check).await?;
        bytes.map(|bytes| Delta::decode(number, &bytes)).transpose()
    }

    /// Takes over the last whole view from which the log goes on to a change, if there is one.
    async fn load_view(&self, change: u64, deadline: Instant) -> Result<()> {
        let (folder, known) = (self.checkpoints(), self.view().number);
        let numbers = self.numbers(&folder, known, deadline).await?;
        let mut why = None;
        // One that is damaged costs nothing while an older one is there.
        for number in numbers.into_iter().rev().filter(|number| *number + 1 >= change) {
            match self.read(&folder, number, deadline).await {
                Ok(Some(whole)) => {
                    self.take_over(&whole);
                    return Ok(());
                }
                Ok(None) => {}
                Err(error @ Error::Corrupt(_)) => {
                    tracing::error!(number, %error, "a whole view of the remote tier is damaged");
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match why {
            Some(error) if change > known + 1 => Err(error),
            _ if change <= known + 1 => Ok(()),
            _ => Err(Error::Missing(format!("it goes on with change {change} after {known}, and no view does"))),
        }
    }

    /// Replaces the view by a whole one.
    fn take_over(&self, whole: &Delta) {
        let mut view = View { number: whole.number, ..View::default() };
        for (at, named) in &whole.changes {
            view.point(at, *named);
        }
        let mut there = self.view_mut();
        if view.number <= there.number {
            // This process wrote on while the older one was read.
            return;
        }
        let differs = |at: &&Coordinate| there.index.get(*at) != view.index.get(*at);
        let changed: Vec<Coordinate> = there.index.keys().chain(view.index.keys()).filter(differs).cloned().collect();
        *there = view;
        drop(there);
        self.tell(changed);
    }

    /// Brings the view forward by one change.
    pub(super) fn apply(&self, delta: &Delta) {
        let mut view = self.view_mut();
        if delta.number != view.number + 1 {
            return;
        }
        view.number = delta.number;
        for (at, named) in &delta.changes {
            view.point(at, *named);
        }
        drop(view);
        self.tell(delta.changes.iter().map(|(at, _)| at.clone()));
    }
}

/// Where the object of a number lies: numbers in the order of their names.
pub(super) fn place(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:020}.arrow"))
}

pub(super) fn number(path: &Path) -> Option<u64> {
    path.filename()?.strip_suffix(".arrow")?.parse().ok()
}
