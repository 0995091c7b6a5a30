//! Content by address, in memory.

use core::fmt;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use espalier_identity::Digest;

use crate::content::Content;

/// Contents by their digest. Clones share the same storage; every method may be called from any
/// thread.
///
/// A store keeps what was put until it is removed: callers that accept content from peers bound
/// it by admitting only digests that a verified operation names.
#[derive(Clone, Default)]
pub struct Store(Arc<RwLock<BTreeMap<Digest, Content>>>);

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps `content` under its digest, which is computed here and never taken on trust.
    /// Putting the same bytes again changes nothing.
    pub fn put(&self, content: Content) -> Digest {
        let digest = content.digest();
        self.write().entry(digest).or_insert(content);
        digest
    }

    /// The content with this digest, if it is stored. O(log n).
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Content> {
        self.read().get(digest).cloned()
    }

    /// Whether content with this digest is stored.
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> bool {
        self.read().contains_key(digest)
    }

    /// The number of different contents in the store.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Bytes of all contents together. O(n).
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        self.read().values().map(|content| content.len() as u64).sum()
    }

    /// Forgets one content and returns it.
    pub fn remove(&self, digest: &Digest) -> Option<Content> {
        self.write().remove(digest)
    }

    /// Keeps only the contents for which `keep` is true.
    pub fn retain(&self, mut keep: impl FnMut(&Digest) -> bool) {
        self.write().retain(|digest, _| keep(digest));
    }

    // A panic elsewhere cannot leave the map half changed, so poisoning carries no information.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Digest, Content>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Digest, Content>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} contents)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_and_contents_are_kept_once() {
        let store = Store::new();
        let digest = store.clone().put(Content::from(vec![1, 2, 3]));
        assert_eq!(store.put(Content::from(vec![1, 2, 3])), digest);
        assert_eq!((store.len(), store.byte_len()), (1, 3));
        assert_eq!(store.get(&digest).as_deref(), Some(&[1, 2, 3][..]));
        let other = store.put(Content::from(vec![]));
        store.retain(|kept| *kept == other);
        assert!(!store.contains(&digest) && store.contains(&other));
        assert!(store.remove(&other).is_some() && store.is_empty());
    }
}
