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
//! * [`counting`]: what a join brings, and how many bytes that would be, for simulators.
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

mod arena;
pub mod counting;
mod error;
mod gossip;
#[cfg(feature = "mutants")]
mod mutants;
mod signed;
mod state;
mod view;
mod wire;

pub use arena::Shelf;
pub use arena::entry::Entry;
pub use error::{ApplyError, ChangeError, DecodeError, OtherSchema};
pub use gossip::Replica;
pub use gossip::budget::BUDGET;
pub use gossip::effect::{Effect, ExchangeMode, ReceiveError, Received};
#[cfg(feature = "mutants")]
pub use mutants::Mutant;
pub use signed::blob::Blob;
pub use signed::bound::Bound;
pub use signed::envelope::Envelope;
pub use signed::explain::Explanation;
pub use signed::fault::{Conviction, Fault, FaultError, MAX_PATH};
pub use signed::frontier::Frontier;
pub use signed::legal;
pub use signed::op::{
    Body, Contribution, MAX_DEPS, MAX_OP_LEN, Op, OpError, OpId, SignedOp, VerifiedOp, Weight,
};
pub use signed::policy::{MAX_ROSTER, Policy, PolicyError, PolicySpec};
pub use state::arena::Arena;
pub use state::change::Draft;
pub use state::codec::Tensors;
pub use state::counted::Held;
pub use state::provenance::{Provenance, TraceStep};
pub use state::{Delta, MergeState};
pub use view::comparable::Incomparable;
pub use view::trust::{Resolution, ResolutionError, TrustTable, Voice};
pub use wire::frame::{FrameError, HEADER_LEN, MAX_MESSAGE_LEN};
pub use wire::layouts::{BatchError, INSIDE};
pub use wire::message::{MessageError, Step};

// What the examples and most callers need besides this crate.
pub use espalier_identity as identity;
pub use espalier_tensor as tensor;

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Drivers hand these from thread to thread, and so do bindings to other languages.
const _: () = {
    const fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<MergeState>();
    is_shared::<Delta>();
    is_shared::<Arena>();
    is_shared::<Entry>();
    is_shared::<Policy>();
    is_shared::<SignedOp>();
    is_shared::<VerifiedOp>();
    is_shared::<Fault>();
    is_shared::<Conviction>();
    is_shared::<Envelope>();
    is_shared::<Replica>();
    is_shared::<Effect>();
    is_shared::<Received>();
    is_shared::<Resolution>();
    is_shared::<TrustTable>();
    is_shared::<ApplyError>();
    is_shared::<ChangeError>();
    is_shared::<DecodeError>();
    is_shared::<ReceiveError>();
    is_shared::<ResolutionError>();
};
