//! What the kernels of one call share, whatever the sizes they were chosen for: packed weights, a forest made ready.

use hologram_ops::{DType, Tensor};
use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
};

/// Things kept of one call at most; the oldest goes first. One is usual: constants that follow from sizes make others.
const KEPT_MAX: usize = 4;

/// What was made for one call.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<Arc<dyn Any + Send + Sync>>>);

struct Entry<K, T> {
    key: K,
    /// What it was made of. Holding it, nothing else can come to lie where it lies.
    constants: Vec<Option<Tensor>>,
    made: Arc<T>,
}

impl Kept {
    /// How many things there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What was made of these very constants for this key; made now if it was not.
    pub(super) fn get<K, T>(
        &self,
        constants: &[Option<Tensor>],
        key: K,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<Arc<T>>
    where
        K: PartialEq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let found = |list: &[Arc<dyn Any + Send + Sync>]| {
            let mut entries = list.iter().filter_map(|entry| entry.downcast_ref::<Entry<K, T>>());
            let same = |entry: &Entry<K, T>| {
                entry.constants.len() == constants.len() && entry.constants.iter().zip(constants).all(is_same)
            };
            entries.find(|entry| entry.key == key && same(entry)).map(|entry| entry.made.clone())
        };
        if let Some(found) = found(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Some(found);
        }
        // Outside of the lock: it may take long, and making one twice is harmless.
        let made = Arc::new(make()?);
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = found(&list) {
            return Some(found);
        }
        if list.len() == KEPT_MAX {
            list.remove(0);
        }
        list.push(Arc::new(Entry { key, constants: constants.to_vec(), made: made.clone() }));
        Some(made)
    }
}

/// Whether two constants are one: the same memory under the same shape.
fn is_same((a, b): (&Option<Tensor>, &Option<Tensor>)) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return false;
    }
    if a.dtype() == DType::String {
        let views = |x: &Tensor| x.as_strings().ok().map(|strings| strings.views().inner().clone());
        return views(a).zip(views(b)).is_some_and(|(a, b)| a.ptr_eq(&b));
    }
    a.buffer().ok().zip(b.buffer().ok()).is_some_and(|(a, b)| a.ptr_eq(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_made_once_of_the_same_constants_and_key() {
        let kept = Kept::default();
        let tensor = |x: f32| Some(Tensor::from_vec([2], vec![x; 2]).unwrap());
        let (first, equal) = ([tensor(1.0), None], [tensor(1.0), None]);
        let mut made = 0;
        let mut get = |constants: &[Option<Tensor>], key: usize| {
            *kept
                .get(constants, key, || {
                    made += 1;
                    Some(made)
                })
                .unwrap()
        };
        assert_eq!((get(&first, 0), get(&first.clone(), 0)), (1, 1), "clones are the same constant");
        // Equal numbers elsewhere are not: they may be freed and their place taken.
        assert_eq!((get(&equal, 0), get(&first, 1), get(&first[..1], 0)), (2, 3, 4));
        let reshaped = [first[0].as_ref().map(|x| x.reshape([1, 2]).unwrap()), None];
        assert_eq!(get(&reshaped, 0), 5);
        assert_eq!((get(&equal, 0), get(&first, 0)), (2, 6), "the oldest went");
        assert!(kept.get::<_, usize>(&first, 9, || None).is_none());
        // Another type is another thing.
        assert_eq!(*kept.get(&first, 0, || Some("text")).unwrap(), "text");
        let texts = [Some(Tensor::from_string_iter([1], ["a text of more than twelve bytes"]).unwrap())];
        assert_eq!(*kept.get(&texts, 0, || Some('a')).unwrap(), 'a');
        assert_eq!(*kept.get(&texts.clone(), 0, || Some('b')).unwrap(), 'a');
    }
}
