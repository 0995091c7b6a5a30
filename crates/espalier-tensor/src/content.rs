//! Immutable shared bytes and their addresses.

use core::{fmt, ops::Deref, ops::Range};
use std::sync::{Arc, OnceLock};

use espalier_identity::Digest;

use crate::mapped::FileMap;

/// How much of a mapped file hashing keeps in memory, in bytes.
const PIECE: usize = 4 << 20;

/// The bytes of a tensor: on the heap or in a read-only memory map, shared and never changed.
///
/// Cloning copies a pointer. The digest is computed at most once for all clones.
#[derive(Clone)]
pub struct Content(Arc<Inner>);

struct Inner {
    bytes: Bytes,
    digest: OnceLock<Digest>,
}

enum Bytes {
    Heap(Vec<u8>),
    Mapped(Arc<FileMap>, Range<usize>),
}

impl Content {
    /// A part of a mapped file; the range must lie within the map.
    pub(crate) fn mapped(map: Arc<FileMap>, range: Range<usize>) -> Self {
        debug_assert!(range.end <= map.bytes().len());
        Self::new(Bytes::Mapped(map, range))
    }

    fn new(bytes: Bytes) -> Self {
        Self(Arc::new(Inner { bytes, digest: OnceLock::new() }))
    }

    /// The address of these bytes: their plain BLAKE3 hash.
    /// Cost: one pass over the bytes the first time, nothing after that.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.0.digest.get_or_init(|| {
            let mut hasher = ContentHasher::new();
            for (number, piece) in self.chunks(PIECE).enumerate() {
                hasher.update(piece);
                self.release(number * PIECE..number * PIECE + piece.len());
            }
            hasher.finish()
        })
    }

    /// Says that these bytes are not needed for now, so that passing over mapped files of any
    /// size keeps little of them in memory. Reading them again is allowed and reads the file
    /// again. Does nothing to bytes on the heap.
    pub fn release(&self, range: Range<usize>) {
        if let Bytes::Mapped(map, all) = &self.0.bytes {
            let start = all.start.saturating_add(range.start);
            map.release(start..all.start.saturating_add(range.end).min(all.end));
        }
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0.bytes {
            Bytes::Heap(bytes) => bytes,
            Bytes::Mapped(map, range) => map.bytes().get(range.clone()).unwrap_or_default(),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Bytes::Heap(bytes))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.len())
    }
}

/// The digest of content that arrives in pieces: equal to [`Content::digest`] of the whole.
#[derive(Debug, Clone, Default)]
pub struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    /// A hasher of no bytes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(&self) -> Digest {
        Digest::from_bytes(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hash_like_the_whole() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|i| (i * 7) as u8).collect();
        let mut hasher = ContentHasher::new();
        bytes.chunks(17).for_each(|piece| hasher.update(piece));
        let content = Content::from(bytes);
        assert_eq!(hasher.finish(), content.digest());
        assert_eq!(format!("{content:?}"), "Content(10000 bytes)");
    }
}
