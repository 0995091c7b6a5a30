//! Immutable shared bytes and their addresses.

use core::{fmt, ops::Deref, ops::Range};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
    sync::{Arc, OnceLock},
};

use espalier_identity::Digest;

use crate::mapped::FileMap;

/// How much of a mapped file hashing keeps in memory, in bytes.
const PIECE: usize = 4 << 20;

/// Shorter files are read: the number of maps of a system is limited.
const FEW: u64 = 64 << 10;

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

    /// The bytes of a regular file of at most `limit` bytes: mapped, or read if there are few.
    /// Their digest is not known before [`Content::digest`] has computed it. The file must not be
    /// changed in place while this lives; replacing it by renaming is fine.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidInput`] for what is not a regular file,
    /// [`io::ErrorKind::FileTooLarge`] for a longer one.
    pub fn open(path: impl AsRef<Path>, limit: u64) -> io::Result<Self> {
        let path = path.as_ref();
        // Opening a pipe would wait for whoever writes to it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        if len > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if len < FEW {
            let mut bytes = Vec::new();
            file.take(FEW).read_to_end(&mut bytes)?;
            return Ok(bytes.into());
        }
        let map = Arc::new(FileMap::new(file)?);
        let all = 0..map.bytes().len();
        Ok(Self::mapped(map, all))
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

    /// Lets the system drop these bytes from memory, so that a pass over mapped files of any size
    /// keeps little of them there. Reading them again is allowed and reads the file again. Does
    /// nothing to bytes on the heap.
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
    fn files_are_opened_up_to_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tensor");
        for len in [0, 5, FEW - 1, FEW, FEW + 5] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            fs::write(&path, &bytes).expect("writes");
            let content = Content::open(&path, len).expect("opens");
            assert_eq!(content[..], bytes[..]);
            assert_eq!(content.digest(), Digest::of_content(&bytes));
            let short = Content::open(&path, len.wrapping_sub(1));
            let kind = short.map_err(|error| error.kind());
            assert_eq!(kind.err(), (len > 0).then_some(io::ErrorKind::FileTooLarge));
        }
        assert!(Content::open(folder.path(), 1 << 20).is_err());
        assert!(Content::open(folder.path().join("absent"), 1).is_err());
    }

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
