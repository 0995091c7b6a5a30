//! The views that exist, by the set of operations from which they follow.

use crate::arena::bits::Bits;
use crate::view::View;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Below how many sets the memory of views is never swept.
const MIN_KNOWN: usize = 64;

/// A set and its views.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) set: Bits,
    /// The number of these operations.
    pub(crate) len: usize,
    pub(crate) view: View,
}

/// The views that the states of a federation hold, by set. Only remembered: they go with the last
/// state that holds them.
#[derive(Debug, Default)]
pub(crate) struct Views(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By fingerprint of the set. Of two sets with one fingerprint the later is remembered.
    by_set: BTreeMap<u64, Weak<Built>>,
    /// The number of views after the last sweep.
    swept: usize,
    #[cfg(test)]
    made: usize,
}

impl Views {
    pub(crate) fn find(&self, set: &Bits) -> Option<Arc<Built>> {
        let fingerprint = set.fingerprint();
        let found = lock(&self.0).by_set.get(&fingerprint).and_then(Weak::upgrade);
        found.filter(|built| built.set == *set)
    }

    /// Remembers views; returns those that are held already if there are any of this set.
    pub(crate) fn remember(&self, built: Arc<Built>) -> Arc<Built> {
        let fingerprint = built.set.fingerprint();
        let mut known = lock(&self.0);
        let earlier = known.by_set.get(&fingerprint).and_then(Weak::upgrade);
        if let Some(earlier) = earlier.filter(|earlier| earlier.set == built.set) {
            return earlier;
        }
        known.by_set.insert(fingerprint, Arc::downgrade(&built));
        #[cfg(test)]
        {
            known.made += 1;
        }
        if known.by_set.len() > MIN_KNOWN.max(2 * known.swept) {
            known.by_set.retain(|_, built| built.strong_count() > 0);
            known.swept = known.by_set.len();
        }
        built
    }
}

#[cfg(test)]
impl Views {
    /// The number of views that were made and remembered.
    pub(crate) fn made(&self) -> usize {
        lock(&self.0).made
    }

    /// The number of remembered views that somebody holds.
    pub(crate) fn alive(&self) -> usize {
        lock(&self.0).by_set.values().filter(|built| built.strong_count() > 0).count()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
