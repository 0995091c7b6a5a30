//! Who said it, and what exactly was said.
//!
//! * [`Digest`]: a BLAKE3 hash, always taken under a [`Domain`] so that bytes hashed for one
//!   purpose can never stand for another.
//! * [`PeerId`], [`Keypair`], [`Signature`]: Ed25519 (RFC 8032), verified strictly.
//! * [`canonical`]: one byte string per value, and only that one is accepted.
//! * [`bounded`]: lists in bytes of strangers, read within a multiple of their length.
//!
//! This crate knows no lattices, no tensors and no IO.
//!
//! ```
//! use espalier_identity::{Domain, Keypair};
//!
//! static GREETING: Domain = Domain::new("espalier example greeting v1");
//! let key = Keypair::from_seed([7; 32]);
//! let digest = GREETING.hash(b"hello");
//! let signature = key.sign(&digest);
//! assert!(key.peer_id().verify(&digest, &signature).is_ok());
//! assert!(key.peer_id().verify(&GREETING.hash(b"hullo"), &signature).is_err());
//! ```

pub mod bounded;
pub mod canonical;
mod digest;
mod hex;
mod keys;

pub use digest::{Digest, Domain, FieldHasher};
pub use hex::{HexError, from_hex};
pub use keys::{Keypair, PeerId, Signature, SignatureError};

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
