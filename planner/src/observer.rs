//! Whoever is told how far a long step is.

use std::{fmt, sync::Arc};

/// A function that is told how far a step is: once before it starts, and then every so often.
pub struct Observer<P>(Option<Arc<dyn Fn(P) + Send + Sync>>);

impl<P> Observer<P> {
    /// An observer that calls this.
    pub fn new(tell: impl Fn(P) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, progress: P) {
        if let Some(tell) = &self.0 {
            tell(progress);
        }
    }
}

impl<P> Clone for Observer<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P> Default for Observer<P> {
    fn default() -> Self {
        Self(None)
    }
}

impl<P> fmt::Debug for Observer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "no observer" })
    }
}
