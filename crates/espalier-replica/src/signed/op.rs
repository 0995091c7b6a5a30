//! Operations: what peers sign.
//!
//! An operation names its author, its place in the author's chain (`seq`, `prev`), what the author
//! had seen (`deps`), and says one thing (`body`). It is signed with Ed25519 over the BLAKE3 hash
//! of its canonical bytes. Its [`OpId`] covers the signature too, so equal identifiers mean equal
//! bytes; nobody but the author can make a second signature that verifies strictly.

use crate::signed::bound::Bound;
use crate::signed::fault::{Fault, MAX_READ_PATH};
use crate::signed::legal::MAX_TARGETS;
use espalier_blame::Blame;
use espalier_identity::canonical::{self, CanonicalError};
use espalier_identity::{Digest, Domain, Keypair, PeerId, Signature, SignatureError, bounded};
use espalier_lattice::Dot;
use espalier_tensor::{MAX_RANK, Manifest};
use espalier_trust::{Dimension, Q16};
use serde::{Deserialize, Deserializer, Serialize};

static OPERATION: Domain = Domain::new("espalier operation v1");
static SIGNED_OPERATION: Domain = Domain::new("espalier signed operation v1");

/// The longest encoded operation that is accepted, in bytes. Of this, all but records of evidence
/// leave 8 KiB free.
pub const MAX_OP_LEN: usize = 4 << 20;

/// What a record of evidence about one operation adds at most to it: a chunk or an envelope with
/// its path, heads and a signature. Nobody escapes such a record by signing more than fits into
/// one.
pub(crate) const RECORD_ROOM: usize = 8 << 10;

/// The most heads an operation names. An author who has seen more names the latest.
pub const MAX_DEPS: usize = 64;

/// The most heads that are read; more than [`MAX_DEPS`] are refused.
const MAX_READ_DEPS: usize = 4 * MAX_DEPS;

/// The most dots of one operation that are read: more than
/// [`MAX_TARGETS`](crate::signed::legal::MAX_TARGETS) are illegal, and up to here they convict.
/// An operation with more is refused: a dot takes up to twenty times as many bytes in memory as
/// in a message.
pub(crate) const MAX_READ_TARGETS: usize = 4 * MAX_TARGETS;

/// Identifies a signed operation: a hash over its canonical bytes and its signature.
pub type OpId = Digest;

/// A positive weight in units of 2⁻¹⁶, so that no comparison or rounding depends on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(u64);

impl Weight {
    /// A weight of 1.
    pub const ONE: Self = Self(1 << 16);
    /// The greatest legal weight, 2³².
    pub const MAX: Self = Self(1 << 48);

    /// `value` rounded to a multiple of 2⁻¹⁶; `None` unless the result is positive and at most
    /// [`Weight::MAX`].
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        let raw = value * 65_536.0 + 0.5;
        (raw >= 1.0 && raw < Self::MAX.0 as f64 + 1.0).then_some(Self(raw as u64))
    }

    /// The weight `raw` / 2¹⁶, legal or not.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The weight times 2¹⁶.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// As a float. Exact up to 2³⁷.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 65_536.0
    }

    /// Whether a signed weight of this size is allowed.
    #[must_use]
    pub const fn is_legal(self) -> bool {
        self.0 > 0 && self.0 <= Self::MAX.0
    }
}

/// A model put into the federation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// A name for people to read.
    pub name: String,
    /// How much it should count: number of examples, say. `resolve` caps it at twice the median.
    pub weight: Weight,
    /// Its tensors by content.
    pub manifest: Manifest,
    /// The greatest absolute value of its float elements. A greater one convicts (E3).
    pub bound: Bound,
    /// Root of the model from which training started.
    pub base: Option<Digest>,
    /// The training round, from 0.
    pub round: u64,
    /// The author's earlier contributions that this one takes the place of.
    #[serde(deserialize_with = "as_signed")]
    pub replaces: Vec<Dot<PeerId>>,
}

/// Reads dots as their author signed them, valid or not: those that name no event remove nothing.
fn as_signed<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Dot<PeerId>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(remote = "Dot", deny_unknown_fields)]
    struct Signed<A> {
        actor: A,
        seq: u64,
    }
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Written(#[serde(with = "Signed")] Dot<PeerId>);
    let written = bounded::list::<_, Written, MAX_READ_TARGETS>(from)?;
    Ok(written.into_iter().map(|Written(dot)| dot).collect())
}

/// What an operation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Body {
    /// Here is a model.
    Contribute(Contribution),
    /// I take back contributions of mine.
    Retract {
        /// The contributions to remove. Naming somebody else's is a fault (E6) and has no effect.
        #[serde(deserialize_with = "as_signed")]
        targets: Vec<Dot<PeerId>>,
    },
    /// I measured a peer.
    Attest {
        /// The peer that was measured.
        subject: PeerId,
        /// The dimension of trust that was measured.
        dimension: Dimension,
        /// The author's number for this, counted for each subject and dimension from 1.
        epoch: u64,
        /// The root of the tensors that were measured.
        about: Digest,
        /// From 0, harm, over 1/2, neutral, to 1.
        value: Q16,
    },
    /// I found a fault that proves itself.
    Evidence(Fault),
    /// I want a key on the roster, or off it. Has no effect unless the author is in the genesis.
    Vote {
        /// The key that is voted on.
        subject: PeerId,
        /// Whether the key should be on the roster.
        admit: bool,
    },
}

impl Body {
    /// What it has more of than everybody can read, and the most that may be: nothing that is
    /// longer in memory than in bytes is longer than readers allow.
    fn excess(&self) -> Option<(&'static str, usize)> {
        let (count, what, limit) = match self {
            Self::Contribute(c) if c.replaces.len() > MAX_READ_TARGETS => {
                (c.replaces.len(), "replaced dots", MAX_READ_TARGETS)
            }
            Self::Contribute(c) => {
                let ranks = c.manifest.tensors().iter().map(|meta| meta.shape.len());
                (ranks.max().unwrap_or(0), "dimensions of a tensor", MAX_RANK)
            }
            Self::Retract { targets } => (targets.len(), "retracted dots", MAX_READ_TARGETS),
            Self::Evidence(Fault::Copy { path, .. }) => {
                (path.len(), "steps of a path", MAX_READ_PATH)
            }
            Self::Evidence(_) | Self::Attest { .. } | Self::Vote { .. } => return None,
        };
        (count > limit).then_some((what, limit))
    }
}

/// An operation before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Op {
    /// The peer that says it.
    pub author: PeerId,
    /// Its number in the author's chain, from 1.
    pub seq: u64,
    /// The author's operation before it; `None` for the first.
    pub prev: Option<OpId>,
    /// Heads the author had seen, ascending.
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ_DEPS>")]
    pub deps: Vec<OpId>,
    /// Logical time: greater than that of everything it had seen (Lamport 1978).
    pub lamport: u64,
    /// What it says.
    pub body: Body,
}

impl Op {
    /// The dot of this operation.
    #[must_use]
    pub fn dot(&self) -> Dot<PeerId> {
        Dot::new(self.author, self.seq)
    }

    fn signing_digest(&self) -> Digest {
        OPERATION.hash_of(self).0
    }

    /// Signs the operation as it stands, legal or not.
    #[must_use]
    pub fn sign(self, key: &Keypair) -> SignedOp {
        let signature = key.sign(&self.signing_digest());
        SignedOp { op: self, signature }
    }

    /// Signs an operation of the key's own, whose signature then needs no check.
    pub(crate) fn sign_own(mut self, key: &Keypair) -> Result<VerifiedOp, OpError> {
        self.author = key.peer_id();
        let signed = self.sign(key);
        let (digest, len) = signed.check_structure()?;
        Ok(Checked { id: signed.id_under(&digest), len }.of(signed))
    }

    /// Identifiers of the operations it names as its past, `prev` first.
    pub fn past(&self) -> impl Iterator<Item = &OpId> {
        self.prev.iter().chain(&self.deps)
    }
}

/// An operation with a signature that nobody has checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOp {
    /// The operation.
    pub op: Op,
    /// The author's signature, allegedly.
    pub signature: Signature,
}

/// Why bytes or a signed operation are refused. Always the fault of the sender; nothing was
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpError {
    /// The encoding of an operation is too long.
    #[error("an operation of {len} bytes is longer than the limit of {MAX_OP_LEN}")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// The bytes are not the canonical encoding of an operation.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// The author did not sign it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Sequence numbers count from 1, and exactly the first operation has no predecessor.
    #[error("operation number {seq} of an author cannot be at this place in a chain")]
    Chain {
        /// Its sequence number.
        seq: u64,
    },
    /// A list in an operation is longer than its limit.
    #[error("an operation has more than {limit} {what}")]
    Unreadable {
        /// The elements of the list.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An operation names too many heads, or not in strictly ascending order.
    #[error("an operation names at most {MAX_DEPS} heads, in strictly ascending order")]
    Deps,
}

impl OpError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong { .. } | Self::Chain { .. } | Self::Unreadable { .. } | Self::Deps => {
                Blame::Peer
            }
            Self::Encoding(error) => error.blame(),
            Self::Signature(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "operation-too-long",
            Self::Encoding(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Chain { .. } => "operation-chain",
            Self::Unreadable { .. } => "operation-lists",
            Self::Deps => "operation-heads",
        }
    }
}

impl SignedOp {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id_under(&self.op.signing_digest())
    }

    /// Reads canonical bytes. Checks no signature.
    ///
    /// # Errors
    /// [`OpError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OpError> {
        if bytes.len() > MAX_OP_LEN {
            return Err(OpError::TooLong { len: bytes.len() });
        }
        Ok(canonical::decode(bytes)?)
    }

    /// Checks the structure and the signature. What the operation *says* is not judged here: an
    /// illegal statement is kept as evidence against its author.
    ///
    /// # Errors
    /// [`OpError`].
    pub fn verify(self) -> Result<VerifiedOp, OpError> {
        let checked = self.check()?;
        Ok(checked.of(self))
    }

    /// The same without taking the operation.
    pub(crate) fn check(&self) -> Result<Checked, OpError> {
        let (digest, len) = self.check_structure()?;
        self.op.author.verify(&digest, &self.signature)?;
        Ok(Checked { id: self.id_under(&digest), len })
    }

    /// Everything but the signature: the digest that is signed, and the length.
    fn check_structure(&self) -> Result<(Digest, usize), OpError> {
        let op = &self.op;
        // What is signed is what is sent but for the signature's bytes, which come last.
        let (digest, len) = OPERATION.hash_of(op);
        let len = len + self.signature.as_bytes().len();
        let room = if matches!(op.body, Body::Evidence(_)) { 0 } else { RECORD_ROOM };
        if len > MAX_OP_LEN - room {
            return Err(OpError::TooLong { len });
        }
        if let Some((what, limit)) = op.body.excess() {
            return Err(OpError::Unreadable { what, limit });
        }
        if !op.dot().is_valid() || op.prev.is_none() != (op.seq == 1) {
            return Err(OpError::Chain { seq: op.seq });
        }
        if op.deps.len() > MAX_DEPS || op.deps.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(OpError::Deps);
        }
        Ok((digest, len))
    }

    fn id_under(&self, digest: &Digest) -> OpId {
        SIGNED_OPERATION.fields().digest(digest).field(self.signature.as_bytes()).finish()
    }
}

/// What a check of a signed operation found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    id: OpId,
    len: usize,
}

impl Checked {
    /// Stamps the operation that was checked.
    pub(crate) fn of(self, signed: SignedOp) -> VerifiedOp {
        VerifiedOp { signed, id: self.id, len: self.len }
    }
}

/// An operation whose structure and signature were checked, or that was signed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedOp {
    signed: SignedOp,
    id: OpId,
    len: usize,
}

impl VerifiedOp {
    /// The operation.
    #[must_use]
    pub fn op(&self) -> &Op {
        &self.signed.op
    }

    /// The operation with its signature.
    #[must_use]
    pub fn signed(&self) -> &SignedOp {
        &self.signed
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }

    /// Length of its canonical bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.len
    }

    /// The contribution it makes, if it makes one.
    #[must_use]
    pub fn contribution(&self) -> Option<&Contribution> {
        match &self.signed.op.body {
            Body::Contribute(contribution) => Some(contribution),
            _ => None,
        }
    }

    /// The total order that extends causality where no author lies: (lamport, author, id).
    #[must_use]
    pub fn order(&self) -> (u64, PeerId, OpId) {
        (self.op().lamport, self.op().author, self.id)
    }
}
