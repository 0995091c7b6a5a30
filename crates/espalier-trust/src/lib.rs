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
//! use espalier_trust::{Geometry, Profile, Subject, score};
//!
//! // Four honest authors near each other, one far away.
//! let x = [0.2, 1.0, 0.5, 0.8, 90.0_f64];
//! let subjects: Vec<_> = (0..5u8)
//!     .map(|i| {
//!         let (author, content) = (PeerId::from_bytes([i; 32]), Digest::from_bytes([i; 32]));
//!         Subject::new(author, content, usize::from(i), 0)
//!     })
//!     .collect();
//! let geometry = Geometry::from_fn(5, 1, |i, j| vec![(x[i] - x[j]) * (x[i] - x[j])]);
//! let trust = score(5, &subjects, &geometry, &Profile::Strict.constants());
//! assert!(trust[4].is_isolated() && !trust[0].is_isolated());
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
pub use geometry::{BLOCKS, Geometry};
pub use score::{Constants, MAX_HISTORY, Profile, Subject, Trust, frontier_round, majority, score};
