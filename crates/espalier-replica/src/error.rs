//! Why a state refuses to change. In every case it is unchanged.

use crate::signed::op::{OpError, OpId};
use crate::signed::policy::PolicyError;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;

/// Operations that a state does not take in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The sender: an operation is malformed or not signed by its author.
    #[error("operation {seq} of {author} is refused: {source}")]
    Op {
        /// Whose.
        author: PeerId,
        /// Which.
        seq: u64,
        /// Why.
        source: OpError,
    },
    /// The sender: the author is not on the roster.
    #[error("{author} is not on the roster")]
    NotAdmitted {
        /// Who.
        author: PeerId,
    },
    /// Nobody: what comes before is not here yet. Exchange again.
    #[error("operation {seq} of {author} is here before number {}", have + 1)]
    Gap {
        /// Whose.
        author: PeerId,
        /// Which came.
        seq: u64,
        /// The last that is here.
        have: u64,
    },
    /// The caller: states of different federations do not merge.
    #[error("policy {theirs} is not ours, {ours}; rebind with `with_policy` if that is meant")]
    Policy {
        /// Ours.
        ours: Digest,
        /// Theirs.
        theirs: Digest,
    },
}

/// A local change that cannot be made. The caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The key is not on the roster.
    #[error("{author} is not on the roster of this federation")]
    NotAdmitted {
        /// Whose key.
        author: PeerId,
    },
    /// Only keys of the policy's own roster vote.
    #[error("{voter} is not of the genesis of this federation, so it has no vote")]
    NotGenesis {
        /// Whose key.
        voter: PeerId,
    },
    /// Weights are positive and at most 2³².
    #[error("a weight must be more than 0 and at most 2^32")]
    Weight,
    /// A field is outside its legal range.
    #[error("{field} must be {range}")]
    Illegal {
        /// Which.
        field: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// Somebody else contributed these very tensors before.
    #[error("somebody else contributed the tensors with root {root} before; this would be a copy")]
    Copy {
        /// Their root.
        root: Digest,
    },
    /// An element is no number, or too large for any bound.
    #[error("the model has a value that is not finite, or of 2^128 or more in magnitude")]
    Magnitude,
    /// The peer has contributed nothing that is visible.
    #[error("{subject} has no visible contribution to measure")]
    NothingToMeasure {
        /// Who.
        subject: PeerId,
    },
    /// The model has other tensors than the federation merges.
    #[error("the model's tensors do not have the federation's names, types and shapes")]
    Schema,
    /// Only its author retracts a contribution.
    #[error("operation {seq} of {author} cannot be retracted by {by}: only its author may")]
    NotYours {
        /// Whose it is.
        author: PeerId,
        /// Which.
        seq: u64,
        /// Who tried.
        by: PeerId,
    },
    /// There is nothing live to retract.
    #[error("operation {} of {} is no live contribution", .0.seq, .0.actor)]
    NotLive(Dot<PeerId>),
    /// The record proves nothing; publishing it would be slander.
    #[error("the record proves no fault: {0}")]
    NoFault(#[from] crate::signed::fault::FaultError),
    /// The operation would be too long.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// Bytes or text that are no state. The fault of whoever wrote them.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the one encoding of a state.
    #[error("not the encoding of a state: {0}")]
    Encoding(#[from] espalier_identity::canonical::CanonicalError),
    /// Not JSON of the expected form.
    #[error("not the JSON form of a state or of records: {0}")]
    Json(#[from] serde_json::Error),
    /// A frame around it is broken.
    #[error(transparent)]
    Frame(#[from] crate::wire::frame::FrameError),
    /// Its policy is impossible.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its operations are refused.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Its policy is written in another than its one form.
    #[error("the policy is not in its canonical form: sorted roster, every parameter spelt out")]
    PolicyForm,
    /// A tensor's bytes do not hash to the address under which they are listed, or no live
    /// contribution names that address.
    #[error(
        "tensor bytes do not have the address {0} under which they stand, or nothing needs them"
    )]
    Content(Digest),
    /// An operation is listed twice or takes no place in the state.
    #[error("operation {0} is listed where it cannot be")]
    Unplaced(OpId),
}
