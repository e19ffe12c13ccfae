//! Deleting what nobody needs: objects without a name, and of the log what lies before the last whole views.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use super::{Inner, log::number};
use crate::Result;

/// Whole views that stay: the last, and one more in case that it is damaged.
const VIEWS_KEPT: usize = 2;

impl Inner {
    pub(super) async fn collect(&self, older_than: Duration) -> Result<u64> {
        let deadline = self.calls.deadline();
        self.catch_up(deadline).await?;
        self.write_view(deadline).await?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let oldest = i64::try_from(now.saturating_sub(older_than).as_secs()).unwrap_or(i64::MAX);
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
            if is_before && written <= oldest {
                self.calls.delete(&path, self.calls.deadline()).await?;
            }
        }
        Ok(gone)
    }
}
