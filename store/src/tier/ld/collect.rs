//! Deleting what nobody needs: objects without a name, and of the log what lies before the last whole views.
//!
//! An object that lost its last name never gets one again: whoever puts the same content uploads it anew, under a name of
//! its own. So what was found without a name can be deleted however long that takes.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Inner,
    log::{number, place},
};
use crate::Result;

/// What is younger stays in the log: a process that writes a change must find its number taken, however long ago it read
/// the log. It reads it anew where that was longer ago than [`SYNC_AGE`].
pub(super) const LOG_AGE: Duration = Duration::from_secs(7 * 86_400);

/// How long ago a process that writes may have read the log before it reads it anew.
pub(super) const SYNC_AGE: Duration = Duration::from_secs(86_400);

/// How long a process may have slept in the middle of a change without a look at whether its number was collected.
pub(super) const SLEEP_AGE: Duration = Duration::from_secs(6 * 86_400);

/// Objects that are younger stay: they may be part of a change that is under way.
pub(super) const OBJECT_AGE: Duration = Duration::from_secs(600);

/// Whole views that stay: the last, and one more in case that it is damaged.
const VIEWS_KEPT: usize = 2;

impl Inner {
    pub(super) async fn collect(&self, older_than: Duration, log_age: Duration) -> Result<u64> {
        let deadline = self.calls.deadline();
        self.catch_up(deadline).await?;
        let last = self.write_view(deadline).await?;
        // The store's own clock says what is old.
        let now = self.calls.written(&place(&self.checkpoints(), last), deadline).await?;
        let Some(now) = now else { return Ok(0) };
        let before = |age: Duration| now.saturating_sub_unsigned(age.as_secs());
        let mut gone = 0;
        for (path, written) in self.calls.list(&self.calls.root.clone().join("objects"), None, deadline).await? {
            // What others put here is not ours to delete.
            let Some(name) = path.filename().and_then(super::read_object_name) else { continue };
            if written <= before(older_than) && !self.view().references.contains_key(&name) {
                self.calls.delete(&path, self.calls.deadline()).await?;
                gone += 1;
            }
        }
        self.counters.collected.fetch_add(gone, Ordering::Relaxed);
        let views = self.calls.list(&self.checkpoints(), None, self.calls.deadline()).await?;
        let Some(kept) = views.len().checked_sub(VIEWS_KEPT).and_then(|first| number(&views.get(first)?.0)) else {
            return Ok(gone);
        };
        let changes = self.calls.list(&self.changes(), None, self.calls.deadline()).await?;
        for (path, written) in changes.into_iter().chain(views) {
            // A view begins where its own change ends.
            let is_before =
                number(&path).is_some_and(|n| n < kept || n == kept && path.prefix_matches(&self.changes()));
            if is_before && written <= before(log_age) {
                self.calls.delete(&path, self.calls.deadline()).await?;
            }
        }
        Ok(gone)
    }
}
