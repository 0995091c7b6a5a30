//! The replica: signed operations, the merge state and the gossip that spreads it.
//!
//! The state of a node is a grow-only set of signed operations. Everything else is a view, a
//! deterministic function of that set:
//!
//! ```text
//! MergeState = Contributions (OR-Set) × Trust × Clock × Merkle root
//! resolve    = function of (visible contributions, policy)
//! ```
//!
//! `merge` is the union of verified operations, so replicas with the same operations agree on
//! every view bit for bit, whatever happened on the way.
//!
//! * [`MergeState`]: the CRDT. [`Policy`]: what a federation agrees on beforehand.
//! * [`Op`], [`SignedOp`], [`VerifiedOp`]: what peers sign. [`Fault`]: what convicts them.
//! * [`Replica`]: push–pull anti-entropy as a state machine. Bytes go in, [`Effect`]s come out.
//! * [`Arena`]: what the replicas of one process share. A state is a bitmap over it.
//! * [`Gain`], [`wire`]: what a join brings, and how many bytes that would be, in counts.
//!
//! This crate knows no sockets, no files, no threads and no clocks.
//!
//! ```
//! use espalier_identity::Keypair;
//! use espalier_replica::{Draft, MergeState, Policy, PolicySpec};
//! use espalier_tensor::Model;
//!
//! let model = |values: &[f32]| Model::from_f32(&[("w", &[2], values)]);
//! let policy = Policy::new(PolicySpec::for_model(&model(&[0.0; 2])?))?;
//! let (ada, bob) = (Keypair::from_seed([1; 32]), Keypair::from_seed([2; 32]));
//! let mut a = MergeState::new(policy.clone());
//! let mut b = MergeState::new(policy);
//! a.add(&ada, Draft::new("ada's", model(&[1.0, 3.0])?))?;
//! b.add(&bob, Draft::new("bob's", model(&[3.0, 5.0])?))?;
//!
//! a.merge(&b)?;
//! b.merge(&a)?;
//! assert_eq!(a.state_hash(), b.state_hash());
//! assert_eq!(a.resolve()?.values_f32("w"), Some(vec![2.0, 4.0]));
//! assert_eq!(a.resolve()?.root(), b.resolve()?.root());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod announce;
mod apply;
mod arena;
mod batch;
mod bits;
mod blob;
mod budget;
mod change;
mod codec;
mod compact;
mod envelope;
mod error;
mod explain;
mod fault;
mod federation;
mod findings;
mod frame;
mod gain;
mod gossip;
mod heads;
mod index;
mod intake;
mod interval;
mod join;
mod layout;
mod lazy;
pub mod legal;
mod log;
mod magnitude;
mod message;
#[cfg(feature = "mutants")]
mod mutants;
mod op;
mod packing;
mod parcel;
mod past;
mod policy;
mod pool;
mod provenance;
mod reach;
mod records;
mod repair;
mod roster;
mod sealing;
mod shapes;
mod slot;
mod space;
mod state;
mod tally;
mod track;
mod trust;
mod under_way;
mod view;
mod visible;
pub mod wire;

pub use arena::{Arena, Entry};
pub use batch::{BatchError, INSIDE};
pub use blob::Blob;
pub use budget::BUDGET;
pub use change::Draft;
pub use codec::Tensors;
pub use envelope::Envelope;
pub use error::{ApplyError, ChangeError, DecodeError};
pub use explain::Explanation;
pub use fault::{Conviction, Fault, FaultError};
pub use frame::{FrameError, HEADER_LEN, MAX_MESSAGE_LEN};
pub use gain::Gain;
pub use gossip::{Effect, Exchange, ReceiveError, Received, Replica};
pub use layout::Incomparable;
pub use magnitude::Bound;
pub use message::MessageError;
#[cfg(feature = "mutants")]
pub use mutants::Mutant;
pub use op::{
    Body, Contribution, MAX_DEPS, MAX_OP_LEN, Op, OpError, OpId, SignedOp, VerifiedOp, Weight,
};
pub use past::MAX_PATH;
pub use policy::{MAX_ROSTER, Policy, PolicyError, PolicySpec};
pub use provenance::{Provenance, TraceStep};
pub use state::{Delta, Frontier, MergeState};
pub use trust::{Resolution, ResolveError, TrustTable, Voice};

// What the examples and most callers need beside this crate.
pub use espalier_identity as identity;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
