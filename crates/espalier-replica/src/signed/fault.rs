//! Faults that prove themselves: the records of evidence.
//!
//! A record verifies from itself alone, on any machine, at any time. The numbers E1 … are those of
//! `docs/TRUST.md`.

use crate::signed::blob::Blob;
use crate::signed::bound;
use crate::signed::envelope::{Cargo, Envelope};
use crate::signed::legal::{self, MAX_LAMPORT};
use crate::signed::op::{
    Body, Contribution, MAX_OP_LEN, Op, OpError, RECORD_ROOM, SignedOp, VerifiedOp,
};
use espalier_blame::Blame;
use espalier_identity::{Digest, Domain, PeerId, SignatureError, bounded, canonical};
use espalier_provenance::{
    CHUNK_LEN, ContentProof, ContentProofError, InclusionProof, MerkleMap, ProofError,
};
use espalier_tensor::TensorMeta;
use espalier_trust::{Dimension, FaultKind, Q16, Record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

static FAULT: Domain = Domain::new("espalier fault v1");

/// The most operations that may lie between a copy and its original in a record (E7).
pub const MAX_PATH: usize = 64;

/// The longest path that is read; one of more than [`MAX_PATH`] proves nothing.
pub(crate) const MAX_READ_PATH: usize = 2 * MAX_PATH;

/// A claim that somebody did what no correct node does, with the proof. Signed operations stand in
/// it as their canonical bytes: records can stand in operations and operations in records, and
/// decoding must not recurse as deep as a stranger likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// E1: two different operations of one author with one sequence number, the lesser id first.
    Equivocation {
        /// The operation with the lesser identifier.
        first: Blob,
        /// The operation with the greater identifier.
        second: Blob,
    },
    /// E2: a relay passed on an operation that its author did not sign, or that has no place in any
    /// chain.
    InvalidRelay {
        /// The envelope that the relay signed.
        envelope: Envelope,
        /// A proof that the operation is in the envelope.
        inclusion: InclusionProof,
        /// The operation.
        op: Blob,
    },
    /// E2: a relay sent other bytes than those whose address it named.
    WrongContent {
        /// The envelope that the relay signed.
        envelope: Envelope,
        /// A proof that the address is in the envelope with the hash of other bytes.
        inclusion: InclusionProof,
    },
    /// E3: a NaN, an infinity or a value above the signed bound inside a signed tensor.
    NonFinite {
        /// The contribution.
        op: Blob,
        /// The number of the tensor among those of the contribution.
        tensor: u32,
        /// A chunk of the tensor that holds such a value.
        proof: ContentProof,
    },
    /// E4: a field outside its legal range.
    IllegalField {
        /// The operation.
        op: Blob,
    },
    /// E5: an operation that does not name the author's operation before it, or is not later.
    BrokenChain {
        /// The operation before it.
        first: Blob,
        /// The operation that does not continue it.
        second: Blob,
    },
    /// E6: a removal of somebody else's contribution.
    ForeignRetraction {
        /// The operation.
        op: Blob,
    },
    /// E7: a contribution of the very tensors that another author contributed in its signed past.
    Copy {
        /// The later contribution.
        copy: Blob,
        /// The operations between, each named by the one before; at most [`MAX_PATH`].
        #[serde(deserialize_with = "bounded::list::<_, _, MAX_READ_PATH>")]
        path: Vec<Blob>,
        /// The earlier contribution, named by the last of them.
        original: Blob,
    },
    /// E8: a signed record of evidence that proves nothing.
    Slander {
        /// The operation that carries it.
        op: Blob,
    },
    /// E9: two measurements of one subject and dimension with one number and different contents,
    /// the lesser id first.
    DoubleAttestation {
        /// The operation with the lesser identifier.
        first: Blob,
        /// The operation with the greater identifier.
        second: Blob,
    },
}

/// Why a record proves nothing. Its sender is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// An operation in the record is refused.
    #[error("an operation inside the record is refused: {0}")]
    Op(#[from] OpError),
    /// The chunk is not part of the tensor.
    #[error("the chunk inside the record is refused: {0}")]
    Content(#[from] ContentProofError),
    /// The envelope is not signed by the relay.
    #[error("the envelope inside the record is refused: {0}")]
    Envelope(#[from] SignatureError),
    /// What the record is about is not in the envelope.
    #[error("the envelope inside the record does not hold what the record claims: {0}")]
    Inclusion(#[from] ProofError),
    /// Everything in the record is true, and none of it is a fault.
    #[error("what the record shows is not a fault")]
    NoFault,
}

impl FaultError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Op(error) => error.blame(),
            Self::Content(error) => error.blame(),
            Self::Envelope(error) => error.blame(),
            Self::Inclusion(error) => error.blame(),
            Self::NoFault => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Op(error) => error.code(),
            Self::Content(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Inclusion(error) => error.code(),
            Self::NoFault => "no-fault",
        }
    }
}

/// A verified record.
#[derive(Debug, Clone)]
pub struct Conviction {
    accused: PeerId,
    kind: FaultKind,
    digest: Digest,
    fault: Arc<Fault>,
}

impl Conviction {
    /// The record itself.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl Record for Conviction {
    fn accused(&self) -> PeerId {
        self.accused
    }
    fn kind(&self) -> FaultKind {
        self.kind
    }
    fn digest(&self) -> Digest {
        self.digest
    }
}

fn bytes_of(op: &VerifiedOp) -> Blob {
    Blob(canonical::encode(op.signed()))
}

pub(crate) fn read(bytes: &Blob) -> Result<VerifiedOp, FaultError> {
    Ok(SignedOp::from_bytes(&bytes.0)?.verify()?)
}

impl Fault {
    /// Its kind, as claimed.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Equivocation { .. } => FaultKind::Equivocation,
            Self::InvalidRelay { .. } | Self::WrongContent { .. } => FaultKind::InvalidRelay,
            Self::NonFinite { .. } => FaultKind::NonFinite,
            Self::IllegalField { .. } => FaultKind::IllegalField,
            Self::BrokenChain { .. } => FaultKind::BrokenChain,
            Self::ForeignRetraction { .. } => FaultKind::ForeignRetraction,
            Self::Copy { .. } => FaultKind::Copy,
            Self::Slander { .. } => FaultKind::Slander,
            Self::DoubleAttestation { .. } => FaultKind::DoubleAttestation,
        }
    }

    /// Checks the record, every signature included. Costs one signature check per operation and
    /// envelope in it, at most [`MAX_PATH`] + 2. A record inside an operation inside this one is
    /// looked at only by [`Fault::Slander`], and never one more inside that.
    ///
    /// # Errors
    /// [`FaultError`].
    pub fn verify(&self) -> Result<Conviction, FaultError> {
        let accused = self.accused()?.ok_or(FaultError::NoFault)?;
        Ok(self.clone().convict(accused))
    }

    /// Whom it convicts; `None` if what it shows is not a fault.
    fn accused(&self) -> Result<Option<PeerId>, FaultError> {
        let (author, is_fault) = match self {
            Self::Equivocation { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                let same_place = first.op().dot() == second.op().dot();
                (first.op().author, same_place && first.id() < second.id())
            }
            Self::InvalidRelay { envelope, inclusion, op } => {
                (envelope.relay, relays_invalid(envelope, inclusion, op)?)
            }
            Self::WrongContent { envelope, inclusion } => {
                envelope.verify(Cargo::Tensors)?;
                inclusion.verify(&envelope.root)?;
                (envelope.relay, inclusion.key != inclusion.value)
            }
            Self::NonFinite { op, tensor, proof } => {
                let op = read(op)?;
                (op.op().author, proves_beyond(&op, *tensor, proof)?)
            }
            Self::IllegalField { op } => {
                let op = read(op)?;
                (op.op().author, legal::illegal_field(op.op()).is_some())
            }
            Self::BrokenChain { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                (first.op().author, breaks(&first, &second))
            }
            Self::ForeignRetraction { op } => {
                let op = read(op)?;
                (op.op().author, legal::retracts_others(op.op()))
            }
            Self::Copy { copy, path, original } => {
                let copy = read(copy)?;
                (copy.op().author, path.len() <= MAX_PATH && copies(&copy, path, original)?)
            }
            Self::Slander { op } => {
                let op = read(op)?;
                (op.op().author, is_slander(&op))
            }
            Self::DoubleAttestation { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                (first.op().author, first.id() < second.id() && measures_twice(&first, &second))
            }
        };
        Ok(is_fault.then_some(author))
    }

    fn convict(self, accused: PeerId) -> Conviction {
        let digest = FAULT.hash_of(&self).0;
        Conviction { accused, kind: self.kind(), digest, fault: Arc::new(self) }
    }

    /// E1 from two verified operations at one place of a chain.
    pub(crate) fn equivocation(a: &VerifiedOp, b: &VerifiedOp) -> Conviction {
        let (first, second) = if a.id() < b.id() { (a, b) } else { (b, a) };
        Self::Equivocation { first: bytes_of(first), second: bytes_of(second) }
            .convict(first.op().author)
    }

    /// E5 from two verified operations for which [`breaks`] is true.
    pub(crate) fn broken_chain(first: &VerifiedOp, second: &VerifiedOp) -> Conviction {
        Self::BrokenChain { first: bytes_of(first), second: bytes_of(second) }
            .convict(first.op().author)
    }

    /// E9 from two verified operations for which [`measures_twice`] is true.
    pub(crate) fn double_attestation(a: &VerifiedOp, b: &VerifiedOp) -> Conviction {
        let (first, second) = if a.id() < b.id() { (a, b) } else { (b, a) };
        Self::DoubleAttestation { first: bytes_of(first), second: bytes_of(second) }
            .convict(first.op().author)
    }

    /// E7 from a path through the past of `copy` to its original, which comes last. `None` if that
    /// is longer than a record.
    pub(crate) fn copy<'a>(
        copy: &VerifiedOp,
        path: impl IntoIterator<Item = &'a VerifiedOp>,
    ) -> Option<Self> {
        let mut path: Vec<_> = path.into_iter().map(bytes_of).collect();
        let original = path.pop()?;
        let len = path.iter().fold(original.0.len(), |len, op| len + op.0.len());
        let fits = len + copy.encoded_len() <= MAX_OP_LEN - RECORD_ROOM;
        fits.then(|| Self::Copy { copy: bytes_of(copy), path, original })
    }

    /// E2 from an envelope around `map` and an operation in it that is refused. `None` if that is
    /// longer than a record.
    pub(crate) fn invalid_relay(
        envelope: Envelope,
        map: &MerkleMap,
        op: &SignedOp,
    ) -> Option<Self> {
        let inclusion = map.prove(&op.id())?;
        let op = Blob(canonical::encode(op));
        (op.0.len() <= MAX_OP_LEN - RECORD_ROOM).then_some(Self::InvalidRelay {
            envelope,
            inclusion,
            op,
        })
    }

    /// E3 for the value at `element` of tensor number `tensor`, whose bytes are `content`.
    #[must_use]
    pub fn non_finite(
        op: &VerifiedOp,
        tensor: usize,
        element: usize,
        content: &[u8],
    ) -> Option<Self> {
        let meta = op.contribution()?.manifest.tensors().get(tensor)?;
        let chunk = (element as u64).checked_mul(meta.dtype.size() as u64)? / CHUNK_LEN;
        let proof = ContentProof::new(content, chunk)?;
        Some(Self::NonFinite { op: bytes_of(op), tensor: u32::try_from(tensor).ok()?, proof })
    }
}

/// E2: whether the relay signed the operation, and that is well encoded and refused all the same.
fn relays_invalid(
    envelope: &Envelope,
    inclusion: &InclusionProof,
    op: &Blob,
) -> Result<bool, FaultError> {
    let op = SignedOp::from_bytes(&op.0)?;
    envelope.verify(Cargo::Operations)?;
    inclusion.verify(&envelope.root)?;
    let inside = inclusion.key == op.id() && inclusion.value == Digest::ZERO;
    Ok(inside && op.check().is_err())
}

/// The tensor of a contribution to which an E3 record points.
pub(crate) fn tensor_of(op: &VerifiedOp, tensor: u32) -> Option<(&Contribution, &TensorMeta)> {
    let contribution = op.contribution()?;
    Some((contribution, contribution.manifest.tensors().get(tensor as usize)?))
}

fn proves_beyond(op: &VerifiedOp, tensor: u32, proof: &ContentProof) -> Result<bool, FaultError> {
    let Some((contribution, meta)) = tensor_of(op, tensor) else { return Ok(false) };
    let Some(len) = meta.byte_len() else { return Ok(false) };
    proof.verify(&meta.content, len)?;
    let magnitude = bound::greatest(meta.dtype, &proof.chunk);
    Ok(bound::is_beyond(magnitude, contribution.bound))
}

/// E5: whether `second` has the number after `first` and does not continue it. Where the clock
/// stands at its limit it may stand still.
pub(crate) fn breaks(first: &VerifiedOp, second: &VerifiedOp) -> bool {
    let (a, b) = (first.op(), second.op());
    let consecutive = a.author == b.author && a.seq.checked_add(1) == Some(b.seq);
    let later = b.lamport > a.lamport || (a.lamport, b.lamport) == (MAX_LAMPORT, MAX_LAMPORT);
    consecutive && (b.prev != Some(first.id()) || !later)
}

/// E7: whether a path by hash leads from a contribution to an earlier one of the same tensors by
/// somebody else. Contributing one's own base again is not a copy.
fn copies(copy: &VerifiedOp, path: &[Blob], original: &Blob) -> Result<bool, FaultError> {
    let original = read(original)?;
    let (Some(later), Some(earlier)) = (copy.contribution(), original.contribution()) else {
        return Ok(false);
    };
    if copy.op().author == original.op().author || later.manifest != earlier.manifest {
        return Ok(false);
    }
    if later.base == Some(later.manifest.root()) {
        return Ok(false);
    }
    let mut at = copy.clone();
    for next in path.iter().map(read) {
        let next = next?;
        if !at.op().past().any(|id| *id == next.id()) {
            return Ok(false);
        }
        at = next;
    }
    Ok(at.op().past().any(|id| *id == original.id()))
}

/// E8: whether an operation carries a record that does not verify.
pub(crate) fn is_slander(op: &VerifiedOp) -> bool {
    match &op.op().body {
        // That a slander stands in there is an illegal field, and not looked into.
        Body::Evidence(fault) => {
            let followed = fault.kind() != FaultKind::Slander;
            followed && !matches!(fault.accused(), Ok(Some(_)))
        }
        _ => false,
    }
}

/// What an attestation is the only one for: observer, subject, dimension, epoch.
pub(crate) type Occasion = (PeerId, PeerId, Dimension, u64);

/// When an attestation was made, about which content, and what it says.
pub(crate) fn said(op: &Op) -> Option<(Occasion, (Digest, Q16))> {
    match &op.body {
        Body::Attest { subject, dimension, epoch, about, value } => {
            Some(((op.author, *subject, *dimension, *epoch), (*about, *value)))
        }
        _ => None,
    }
}

/// E9: whether two operations say different things on one occasion.
pub(crate) fn measures_twice(a: &VerifiedOp, b: &VerifiedOp) -> bool {
    let (Some((on, what)), Some((on_b, what_b))) = (said(a.op()), said(b.op())) else {
        return false;
    };
    on == on_b && what != what_b
}

/// An operation with everything it proves by itself, worked out once.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) op: VerifiedOp,
    /// What it convicts its author of: E4, E6 or E8.
    pub(crate) guilt: Option<Conviction>,
    /// The verified record it carries.
    pub(crate) carried: Option<Conviction>,
}

impl Judged {
    pub(crate) fn new(op: VerifiedOp) -> Self {
        let (author, bytes) = (op.op().author, || bytes_of(&op));
        let mut carried = None;
        let mut guilt = None;
        if legal::illegal_field(op.op()).is_some() {
            guilt = Some(Fault::IllegalField { op: bytes() });
        } else if legal::retracts_others(op.op()) {
            guilt = Some(Fault::ForeignRetraction { op: bytes() });
        }
        if let Body::Evidence(fault) = &op.op().body
            && fault.kind() != FaultKind::Slander
        {
            match fault.verify() {
                Ok(conviction) => carried = Some(conviction),
                Err(_) if guilt.is_none() => guilt = Some(Fault::Slander { op: bytes() }),
                Err(_) => {}
            }
        }
        let guilt = guilt.map(|fault| fault.convict(author));
        Self { op, guilt, carried }
    }

    /// Everything it proves by itself.
    pub(crate) fn convictions(&self) -> impl Iterator<Item = &Conviction> {
        self.guilt.iter().chain(&self.carried)
    }
}
