//! Where something came from, provable offline.
//!
//! * [`MerkleMap`]: an authenticated map from 32-byte keys to 32-byte values. Equal maps have equal
//!   roots whatever the order of insertion; roots update in O(log n); clones are O(1) and share.
//! * [`InclusionProof`]: that a map with a given root holds an entry.
//! * [`MerkleMap::diff`]: what two maps do not share, in O(d log n) for d differences.
//! * [`ContentProof`]: that 1,024 bytes stand at an offset of some content, against its plain
//!   BLAKE3 hash.
//!
//! This crate does not know what a leaf means.
//!
//! ```
//! use espalier_identity::Digest;
//! use espalier_provenance::MerkleMap;
//!
//! let key = |text: &str| Digest::of_content(text.as_bytes());
//! let mut map = MerkleMap::default();
//! map.insert(key("a"), key("1"));
//! map.insert(key("b"), key("2"));
//! let proof = map.prove(&key("a")).expect("present");
//! assert!(proof.verify(&map.root()).is_ok());
//! map.remove(&key("b"));
//! assert!(proof.verify(&map.root()).is_err(), "the root moved on");
//! ```

mod content;
mod hash;
mod map;
mod proof;

pub use content::{CHUNK_LEN, ContentProof, ContentProofError};
pub use map::{KeyDifference, MerkleMap};
pub use proof::{InclusionProof, ProofError, ProofStep};

// What the examples and most callers need besides this crate.
pub use espalier_identity as identity;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
