//! Deleting what nobody needs: objects without a name, and of the log what lies before the last whole views.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use super::{Inner, log::number};
use crate::Result;

/// What is younger stays in the log: a process that writes a change must find its number taken, however long ago it read
/// the log. It reads it anew where that was longer ago than [`SYNC_AGE`].
pub(super) const LOG_AGE: Duration = Duration::from_secs(7 * 86_400);

/// How long ago a process that writes may have read the log: far less than [`LOG_AGE`], whatever the clocks say.
pub(super) const SYNC_AGE: Duration = Duration::from_secs(86_400);

/// Whole views that stay: the last, and one more in case that it is damaged.
const VIEWS_KEPT: usize = 2;

impl Inner {
    pub(super) async fn collect(&self, older_than: Duration, log_age: Duration) -> Result<u64> {
        let deadline = self.calls.deadline();
        self.catch_up(deadline).await?;
        self.write_view(deadline).await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let before = |age: Duration| i64::try_from(now.saturating_sub(age).as_secs()).unwrap_or(i64::MAX);
        let oldest = before(older_than);
        let mut gone = 0;
        for (path, written) in self.calls.list(&self.calls.root.clone().join("objects"), None, deadline).await? {
            let digest = path.filename().and_then(|name| blake3::Hash::from_hex(name.strip_suffix(".arrow")?).ok());
            // What others put here is not ours to delete.
            let Some(digest) = digest else { continue };
            if written <= oldest && !self.view().references.contains_key(digest.as_bytes()) {
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
