//! Selections that were made before.

use core::fmt;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use espalier_identity::Digest;
use espalier_tensor::Dtype;

use crate::threshold::Threshold;

/// Remembers which elements of a contribution are its largest, so that a resolve after a new
/// contribution selects in the new one only.
///
/// Entries are found by content (of the contribution's tensor and of the base's), element type
/// and number of elements kept, so a cache can be shared between policies, names and threads,
/// and results are the same with and without it. Clones share the same entries. Each takes some
/// 130 bytes; [`SelectionCache::clear`] forgets them all.
#[derive(Clone, Default)]
pub struct SelectionCache(Arc<RwLock<BTreeMap<Key, Trimmed>>>);

/// What a selection depends on, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) input: Digest,
    pub(crate) base: Digest,
    pub(crate) dtype: Dtype,
    /// Whether differences are taken in f64.
    pub(crate) wide: bool,
    pub(crate) keep: usize,
}

/// What is kept of a difference, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trimmed {
    pub(crate) threshold: Threshold,
    /// The largest magnitude, if any was looked at; otherwise zero.
    pub(crate) largest: i64,
}

impl Trimmed {
    /// Keeps everything.
    pub(crate) const ALL: Self = Self { threshold: Threshold::ALL, largest: 0 };
}

impl SelectionCache {
    /// An empty cache.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of selections that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no selection is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets the selections in tensors whose content `keep` is false for.
    pub fn retain(&self, mut keep: impl FnMut(&Digest) -> bool) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|key, _| keep(&key.input));
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Trimmed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    pub(crate) fn put(&self, key: Key, trimmed: Trimmed) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, trimmed);
    }
}

impl fmt::Debug for SelectionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SelectionCache({} selections)", self.len())
    }
}
