//! Proofs that a chunk is at an offset of some content, against the content's plain BLAKE3 hash.
//!
//! BLAKE3 is itself a Merkle tree over 1,024-byte chunks (BLAKE3 specification, section 2.1), so
//! the address under which tensors are stored and moved already commits to every chunk.

use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};
use espalier_blame::Blame;
use espalier_identity::Digest;
use serde::{Deserialize, Serialize};

/// Bytes per chunk. A multiple of every element size, so no number straddles two chunks.
pub const CHUNK_LEN: u64 = 1024;

type ChainingValue = [u8; 32];

/// A chunk and the hashes next to its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentProof {
    /// The number of the chunk, from 0.
    pub index: u64,
    /// Its bytes: [`CHUNK_LEN`] of them unless it is the last.
    pub chunk: Vec<u8>,
    /// Sibling subtrees, from the root down.
    pub siblings: Vec<Digest>,
}

/// Why a content proof proves nothing. The fault of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentProofError {
    /// The chunk, its index and the content's length do not fit together.
    #[error("chunk {index} of content of {len} bytes cannot have this many bytes or siblings")]
    Shape {
        /// The claimed chunk.
        index: u64,
        /// The length of the content.
        len: u64,
    },
    /// The path ends in another hash.
    #[error("the chunk and its siblings do not hash to the content's address")]
    OtherContent,
}

impl ContentProofError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "content-proof-shape",
            Self::OtherContent => "content-proof-hash",
        }
    }
}

/// The length of the left subtree: the largest power of two of chunks that leaves the right one
/// at least one byte.
fn left_len(len: u64) -> u64 {
    let chunks = (len - 1) / CHUNK_LEN;
    CHUNK_LEN << (63 - chunks.leading_zeros())
}

fn subtree(bytes: &[u8], offset: u64) -> ChainingValue {
    blake3::Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

fn slice(content: &[u8], from: u64, to: u64) -> &[u8] {
    &content[from as usize..to as usize]
}

impl ContentProof {
    /// The proof for chunk `index` of `content`; `None` if there is no such chunk.
    /// Hashes the whole content once.
    #[must_use]
    pub fn new(content: &[u8], index: u64) -> Option<Self> {
        let offset = index.checked_mul(CHUNK_LEN)?;
        let (mut from, mut to) = (0, content.len() as u64);
        if offset >= to {
            return None;
        }
        let mut siblings = Vec::new();
        while to - from > CHUNK_LEN {
            let middle = from + left_len(to - from);
            let sibling = if offset < middle { (middle, to) } else { (from, middle) };
            siblings
                .push(Digest::from_bytes(subtree(slice(content, sibling.0, sibling.1), sibling.0)));
            (from, to) = if offset < middle { (from, middle) } else { (middle, to) };
        }
        Some(Self { index, chunk: slice(content, from, to).to_vec(), siblings })
    }

    /// Checks that content of `len` bytes with address `content` holds this chunk.
    ///
    /// `len` must come from a trusted place (a signed manifest): BLAKE3 commits to it only through
    /// the shape of the tree. At most 55 hashes.
    ///
    /// # Errors
    /// [`ContentProofError`].
    pub fn verify(&self, content: &Digest, len: u64) -> Result<(), ContentProofError> {
        let shape = ContentProofError::Shape { index: self.index, len };
        let offset = self.index.checked_mul(CHUNK_LEN).filter(|o| *o < len).ok_or(shape)?;
        // The turns of the path, from the root down.
        let (mut from, mut to) = (0, len);
        let mut left_turns = Vec::new();
        while to - from > CHUNK_LEN {
            let middle = from + left_len(to - from);
            left_turns.push(offset < middle);
            (from, to) = if offset < middle { (from, middle) } else { (middle, to) };
        }
        if left_turns.len() != self.siblings.len() || self.chunk.len() as u64 != to - from {
            return Err(shape);
        }
        let found = if left_turns.is_empty() {
            Digest::of_content(&self.chunk)
        } else {
            let mut hash = subtree(&self.chunk, offset);
            for depth in (0..left_turns.len()).rev() {
                let sibling = self.siblings[depth].as_bytes();
                let (l, r) = if left_turns[depth] { (&hash, sibling) } else { (sibling, &hash) };
                hash = match depth {
                    0 => *merge_subtrees_root(l, r, Mode::Hash).as_bytes(),
                    _ => merge_subtrees_non_root(l, r, Mode::Hash),
                };
            }
            Digest::from_bytes(hash)
        };
        if found == *content { Ok(()) } else { Err(ContentProofError::OtherContent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn every_chunk_of_every_shape_proves_against_the_plain_hash() {
        for len in [1, 3, 1023, 1024, 1025, 2048, 2049, 3072, 4096, 5000, 8193, 31 * 1024 + 7] {
            let bytes = content(len);
            let address = Digest::of_content(&bytes);
            let chunks = (len as u64).div_ceil(CHUNK_LEN);
            for index in 0..chunks {
                let proof = ContentProof::new(&bytes, index).expect("in range");
                assert_eq!(proof.verify(&address, len as u64), Ok(()), "{len} {index}");
            }
            assert_eq!(ContentProof::new(&bytes, chunks), None);
        }
    }

    #[test]
    fn a_changed_proof_is_refused() {
        let bytes = content(5000);
        let (address, len) = (Digest::of_content(&bytes), 5000);
        let good = ContentProof::new(&bytes, 2).expect("in range");
        let mut wrong = good.clone();
        wrong.chunk[7] ^= 1;
        assert_eq!(wrong.verify(&address, len), Err(ContentProofError::OtherContent));
        for index in [0, 1, 3, 4, u64::MAX] {
            let wrong = ContentProof { index, ..good.clone() };
            assert!(wrong.verify(&address, len).is_err(), "{index}");
        }
        let mut wrong = good.clone();
        wrong.siblings.pop();
        assert!(matches!(wrong.verify(&address, len), Err(ContentProofError::Shape { .. })));
        assert!(good.verify(&address, 0).is_err());
        assert!(good.verify(&address, u64::MAX).is_err());
    }
}
