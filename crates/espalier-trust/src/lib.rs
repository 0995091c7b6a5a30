//! Trust without a trusted party.
//!
//! Nobody tells a replica who lies. Trust is derived from what a replica holds, so replicas that
//! hold the same derive the same.
//!
//! * [`Evidence`] and [`Attestations`]: the state, joins only.
//! * [`CausalTrustClock`]: what a replica has seen, forks and convictions included; a partial
//!   order.
//! * [`score`]: the geometric score, a pure function; [`Trust`] has four dimensions in [`Q16`].
//!
//! A join never decays, rescales or forgets. Scores are views and never enter a join.
//!
//! This crate knows no operations, no tensors and no network: what convicts is a [`Record`] that
//! the caller has verified, and geometry comes in as distances ([`Geometry`]).
//!
//! ```
//! use espalier_identity::{Digest, PeerId};
//! use espalier_trust::{Geometry, Judgement, Profile, Subject, blocks_of, score};
//!
//! // Four honest authors near each other, one far away.
//! let x = [0.2, 1.0, 0.5, 0.8, 90.0_f64];
//! let subjects: Vec<_> = (0..5u8)
//!     .map(|i| {
//!         let (author, content) = (PeerId::from_bytes([i; 32]), Digest::from_bytes([i; 32]));
//!         Subject::new(author, content, usize::from(i), 0)
//!     })
//!     .collect();
//! // A thousand elements, of which the five contributions differ in one.
//! let geometry = Geometry::from_fn(1000, 5, |i, j| {
//!     let mut by_block = vec![0.0; blocks_of(1000)];
//!     by_block[0] = (x[i] - x[j]) * (x[i] - x[j]);
//!     by_block
//! });
//! let scores = score(5, &subjects, &geometry, &Profile::Strict.constants());
//! assert_eq!(scores.judgement, Judgement::Judged);
//! assert!(scores.trust[4].is_isolated() && !scores.trust[0].is_isolated());
//! ```

mod attestation;
mod clock;
mod evidence;
mod fixed;
mod geometry;
mod score;

pub use attestation::{Attestations, Dimension, Measurement, NEUTRAL};
pub use clock::{CausalTrustClock, Tick};
pub use evidence::{Evidence, FaultKind, Record};
pub use fixed::Q16;
pub use geometry::{BLOCKS, Geometry, blocks_of};
pub use score::{
    Constants, Judgement, MAX_HISTORY, Profile, Scores, Subject, Trust, frontier_round, majority,
    score,
};

// What the examples and most callers need besides this crate.
pub use espalier_identity as identity;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
