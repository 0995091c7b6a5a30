//! Join semilattices and the bookkeeping of causality.
//!
//! A state-based CRDT is a join semilattice: replicas only ever move up by [`Join::join`], which is
//!
//! ```text
//! idempotent    a ⊔ a = a
//! commutative   a ⊔ b = b ⊔ a
//! associative   (a ⊔ b) ⊔ c = a ⊔ (b ⊔ c)
//! ```
//!
//! so any order, repetition or grouping of messages ends in the same state (Shapiro, Preguiça,
//! Baquero, Zawirski, *Conflict-free Replicated Data Types*, SSS 2011).
//!
//! * [`Join`]: the operation, for maps, sets, options and pairs too.
//! * [`Dot`]: one event, named by who caused it and how many it caused before.
//! * [`VersionVector`]: a downward-closed set of dots; the order of causality.
//! * [`CausalContext`]: any set of dots; what a delta has seen.
//!
//! Each has one encoding per value, and whatever else is read is refused: invalid numbers, wrong
//! order, repetitions. So a stranger's bytes become a value that obeys every law here, or an
//! error.
//!
//! This crate knows no keys, no tensors, no clock and no IO.
//!
//! ```
//! use espalier_lattice::{CausalContext, Dot, Join};
//!
//! let mut ours = CausalContext::from_iter([Dot::new("ada", 1), Dot::new("ada", 2)]);
//! let theirs = CausalContext::from_iter([Dot::new("ada", 2), Dot::new("bob", 1)]);
//! assert!(ours.join(&theirs));
//! assert!(!ours.join(&theirs), "joining again changes nothing");
//! assert_eq!(ours.len(), 3);
//! ```

mod context;
mod dot;
mod join;
mod vector;

pub use context::CausalContext;
pub use dot::{Dot, Exhausted, InvalidSeq};
pub use join::{Join, Max};
pub use vector::VersionVector;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
