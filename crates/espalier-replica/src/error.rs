//! Why a state refuses to change. It is unchanged in every case.

use crate::signed::op::{OpError, OpId};
use crate::signed::policy::PolicyError;
use espalier_blame::Blame;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use espalier_tensor::Mismatch;

/// Why operations cannot be applied to a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// An operation is malformed or not signed by its author.
    #[error("operation {seq} of {author} is refused: {source}")]
    Op {
        /// The author it names.
        author: PeerId,
        /// Its number in the author's chain.
        seq: u64,
        /// The problem.
        source: OpError,
    },
    /// The author is not on the roster.
    #[error("{author} is not on the roster")]
    NotAdmitted {
        /// The author that is not admitted.
        author: PeerId,
    },
    /// An earlier operation of its author is missing. Exchange again.
    #[error("operation {seq} of {author} arrived before number {}", have + 1)]
    Gap {
        /// The author of the operation.
        author: PeerId,
        /// The number of the operation that came.
        seq: u64,
        /// The number of the author's last known operation; 0 if none is known.
        have: u64,
    },
    /// States of different federations do not merge.
    #[error(
        "policy {theirs} is not ours, {ours}; use `with_policy` to change the policy on purpose"
    )]
    Policy {
        /// The hash of our policy.
        ours: Digest,
        /// The hash of the other one.
        theirs: Digest,
    },
}

impl ApplyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Op { source, .. } => source.blame(),
            Self::NotAdmitted { .. } => Blame::Peer,
            Self::Gap { .. } => Blame::Nobody,
            Self::Policy { .. } => Blame::Caller,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Op { source, .. } => source.code(),
            Self::NotAdmitted { .. } => "author-not-admitted",
            Self::Gap { .. } => "operation-gap",
            Self::Policy { .. } => "policy-differs",
        }
    }
}

/// Why a local change cannot be made. The caller is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The key is not on the roster.
    #[error("{author} is not on the roster of this federation")]
    NotAdmitted {
        /// The owner of the key.
        author: PeerId,
    },
    /// Only keys of the policy's own roster vote.
    #[error("{voter} is not a genesis key of this federation, so it has no vote")]
    NotGenesis {
        /// The owner of the key.
        voter: PeerId,
    },
    /// Weights are positive and at most 2³².
    #[error("a weight must be more than 0 and at most 2^32")]
    Weight,
    /// A field is outside its legal range.
    #[error("{field} must be {range}")]
    Illegal {
        /// The name of the field.
        field: &'static str,
        /// The range in which it must be.
        range: &'static str,
    },
    /// Somebody else has already contributed these very tensors.
    #[error(
        "somebody else has already contributed the tensors with root {root}; this would be a copy"
    )]
    Copy {
        /// The root of the tensors.
        root: Digest,
    },
    /// An element is not a finite number, or too large for any bound.
    #[error(
        "element {element} of tensor `{tensor}` is {value:e}; it must be finite and less than \
         2^128 in magnitude"
    )]
    Magnitude {
        /// The tensor.
        tensor: String,
        /// The first such element, from 0, in row-major order.
        element: usize,
        /// Its value.
        value: f64,
    },
    /// The peer has contributed nothing that is visible.
    #[error("{subject} has no visible contribution to measure")]
    NothingToMeasure {
        /// The peer that was to be measured.
        subject: PeerId,
    },
    /// The model's tensors differ from those that the federation merges.
    #[error("the model does not have the federation's schema: {}", schemas(.0))]
    Schema(Box<OtherSchema>),
    /// Only the author of a contribution can retract it.
    #[error("operation {seq} of {author} cannot be retracted by {by}: only its author may")]
    NotYours {
        /// The author of the contribution.
        author: PeerId,
        /// Its number in the author's chain.
        seq: u64,
        /// The owner of the key that tried.
        by: PeerId,
    },
    /// There is nothing live to retract.
    #[error("operation {} of {} is not a live contribution", .0.seq, .0.actor)]
    NotLive(Dot<PeerId>),
    /// The record proves nothing; publishing it would be slander.
    #[error("the record proves no fault: {0}")]
    NoFault(#[from] crate::signed::fault::FaultError),
    /// The operation would be too long.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// Two schemas that should be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherSchema {
    /// The hash of the schema that the policy names.
    pub expected: Digest,
    /// The hash of the model's schema.
    pub found: Digest,
    /// The first difference from a model of the expected schema, if the state has one.
    pub mismatch: Option<Mismatch>,
}

fn schemas(other: &OtherSchema) -> String {
    match &other.mismatch {
        Some(mismatch) => mismatch.to_string(),
        None => format!("expected schema {}, found {}", other.expected, other.found),
    }
}

impl ChangeError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAdmitted { .. } => "key-not-admitted",
            Self::NotGenesis { .. } => "voter-not-genesis",
            Self::Weight => "change-weight",
            Self::Illegal { .. } => "change-field",
            Self::Copy { .. } => "change-copy",
            Self::Magnitude { .. } => "change-magnitude",
            Self::NothingToMeasure { .. } => "nothing-to-measure",
            Self::Schema(_) => "change-schema",
            Self::NotYours { .. } => "retract-not-yours",
            Self::NotLive(_) => "retract-not-live",
            Self::NoFault(error) => error.code(),
            Self::Op(error) => error.code(),
        }
    }
}

/// Input that does not decode to a state. Its author is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not the canonical encoding of a state.
    #[error("not the encoding of a state: {0}")]
    Encoding(#[from] espalier_identity::canonical::CanonicalError),
    /// The text is not JSON of the expected form.
    #[error("not the JSON form of a state or of records: {0}")]
    Json(#[from] serde_json::Error),
    /// The frame around the bytes is broken.
    #[error(transparent)]
    Frame(#[from] crate::wire::frame::FrameError),
    /// The policy in it is not valid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The operations in it are refused.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// A tensor's bytes do not hash to the address under which they are listed.
    #[error("the tensor listed under {address} has the hash {found}")]
    Content {
        /// The address.
        address: Digest,
        /// The hash of the bytes.
        found: Digest,
    },
    /// No live contribution names the address of a tensor.
    #[error("no live contribution needs the tensor {0}")]
    Unneeded(Digest),
    /// An operation is listed twice, out of order, or without a place in the state.
    #[error("operation {0} is listed where it cannot be")]
    Unplaced(OpId),
}

impl DecodeError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding(error) => error.code(),
            Self::Json(_) => "state-json",
            Self::Frame(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Apply(error) => error.code(),
            Self::Content { .. } => "state-content",
            Self::Unneeded(_) => "state-content-unneeded",
            Self::Unplaced(_) => "state-operation",
        }
    }
}
