//! What two sets do not share, at the cost of the difference and not of the sets.
//!
//! A rateless invertible Bloom lookup table: Yang, Gilad, Alizadeh, *Practical Rateless Set
//! Reconciliation*, SIGCOMM 2024 (arXiv 2402.02668). One side streams coded symbols of its set. The
//! other takes away what its own set puts into each, and peels the rest until nothing is left.
//! About 1.35 to 1.8 symbols per difference are enough, whatever both have in common, and nobody
//! has to know beforehand how many differences there are.
//!
//! * [`Salt`] makes a [`Short`] of 8 bytes of every 32-byte identifier. Whoever does not know the
//!   salt when it chooses its identifiers can prepare neither collisions nor bad luck.
//! * [`Encoder`] makes [`Symbol`]s of 13 bytes: any stretch of an endless stream.
//! * [`Decoder`] takes them, in any chunks, and finds the [`SetDifference`]. Hostile symbols cost
//!   it bounded time and memory and make it fail, or find what nobody has.
//!
//! The same input gives the same symbols on every machine: integers, and IEEE `+ − × ÷`, square
//! root and rounding up. This crate knows no operations, no messages and no signatures.
//!
//! ```
//! use espalier_reconcile::{Decoder, Encoder, Salt};
//!
//! let salt = Salt::new(*b"not known before");
//! let id = |i: u8| salt.short(&[i; 32]);
//! let mut theirs = Encoder::new(&salt, (0..100).map(id));
//! let mut decoder = Decoder::new(&salt, (2..101).map(id), 1000);
//! while !decoder.is_done() {
//!     decoder.extend(&theirs.take(4))?;
//! }
//! let difference = decoder.difference().expect("it is done");
//! assert_eq!(difference.theirs, [id(0), id(1)].into());
//! assert_eq!(difference.ours, [id(100)].into());
//! # Ok::<(), espalier_reconcile::Garbage>(())
//! ```

mod decoder;
mod encoder;
mod salt;
mod symbol;
mod walk;

pub use decoder::{Decoder, Garbage, SetDifference, enough_symbols};
pub use encoder::Encoder;
pub use salt::{Salt, Short};
pub use symbol::Symbol;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
