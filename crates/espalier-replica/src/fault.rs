//! Faults that prove themselves: the records of evidence.
//!
//! A record verifies from itself alone, on any machine, at any time. The numbers E1 … are those of
//! `docs/TRUST.md`.

use crate::legal;
use crate::op::{Body, OpError, SignedOp, VerifiedOp};
use espalier_identity::{Digest, Domain, PeerId, canonical};
use espalier_provenance::{CHUNK_LEN, ContentProof, ContentProofError};
use espalier_tensor::kernels::all_finite;
use espalier_trust::{FaultKind, Record};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

static FAULT: Domain = Domain::new("espalier fault v1");

/// The canonical bytes of a signed operation, inside a record. Kept as bytes: records can stand
/// in operations and operations in records, and decoding must not recurse as deep as a stranger
/// likes.
pub type OpBytes = Vec<u8>;

/// A claim that somebody did what no correct node does, with the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// E1: two different operations of one author with one sequence number, the lesser id first.
    Equivocation {
        /// The one.
        first: OpBytes,
        /// The other.
        second: OpBytes,
    },
    /// E3: a NaN or an infinity inside a signed tensor.
    NonFinite {
        /// The contribution.
        op: OpBytes,
        /// Which of its tensors.
        tensor: u32,
        /// A chunk of the tensor that holds such a value.
        proof: ContentProof,
    },
    /// E4: a field outside its legal range.
    IllegalField {
        /// The operation.
        op: OpBytes,
    },
    /// E6: a removal of somebody else's contribution.
    ForeignRetraction {
        /// The operation.
        op: OpBytes,
    },
}

/// Why a record proves nothing. The fault of whoever supplied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// An operation in it is not one.
    #[error("an operation inside the record is refused: {0}")]
    Op(#[from] OpError),
    /// The chunk is not of the tensor.
    #[error("the chunk inside the record is refused: {0}")]
    Content(#[from] ContentProofError),
    /// All of it is true and none of it is a fault.
    #[error("what the record shows is not a fault")]
    NoFault,
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

fn bytes_of(op: &VerifiedOp) -> OpBytes {
    canonical::encode(op.signed())
}

fn read(bytes: &[u8]) -> Result<VerifiedOp, FaultError> {
    Ok(SignedOp::from_bytes(bytes)?.verify()?)
}

impl Fault {
    /// Kind and author, as claimed.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Equivocation { .. } => FaultKind::Equivocation,
            Self::NonFinite { .. } => FaultKind::NonFinite,
            Self::IllegalField { .. } => FaultKind::IllegalField,
            Self::ForeignRetraction { .. } => FaultKind::ForeignRetraction,
        }
    }

    /// Checks the record, every signature included.
    ///
    /// # Errors
    /// [`FaultError`].
    pub fn verify(&self) -> Result<Conviction, FaultError> {
        let accused = match self {
            Self::Equivocation { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                let same_place = first.op().dot() == second.op().dot();
                (same_place && first.id() < second.id()).then_some(first.op().author)
            }
            Self::NonFinite { op, tensor, proof } => {
                let op = read(op)?;
                proves_non_finite(&op, *tensor, proof)?.then_some(op.op().author)
            }
            Self::IllegalField { op } => {
                let op = read(op)?;
                legal::illegal_field(op.op()).map(|_| op.op().author)
            }
            Self::ForeignRetraction { op } => {
                let op = read(op)?;
                legal::retracts_others(op.op()).then_some(op.op().author)
            }
        };
        accused.map(|accused| self.clone().convict(accused)).ok_or(FaultError::NoFault)
    }

    fn convict(self, accused: PeerId) -> Conviction {
        let digest = FAULT.hash(&canonical::encode(&self));
        Conviction { accused, kind: self.kind(), digest, fault: Arc::new(self) }
    }

    /// E1 from two verified operations at one place of a chain.
    pub(crate) fn equivocation(a: &VerifiedOp, b: &VerifiedOp) -> Conviction {
        let (first, second) = if a.id() < b.id() { (a, b) } else { (b, a) };
        Self::Equivocation { first: bytes_of(first), second: bytes_of(second) }
            .convict(first.op().author)
    }

    /// E4 and E6, as far as a verified operation by itself shows them.
    pub(crate) fn of_statement(op: &VerifiedOp) -> Option<Conviction> {
        let author = op.op().author;
        if legal::illegal_field(op.op()).is_some() {
            return Some(Self::IllegalField { op: bytes_of(op) }.convict(author));
        }
        legal::retracts_others(op.op())
            .then(|| Self::ForeignRetraction { op: bytes_of(op) }.convict(author))
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

fn proves_non_finite(
    op: &VerifiedOp,
    tensor: u32,
    proof: &ContentProof,
) -> Result<bool, FaultError> {
    let Some(meta) = op.contribution().and_then(|c| c.manifest.tensors().get(tensor as usize))
    else {
        return Ok(false);
    };
    let Some(len) = meta.byte_len() else { return Ok(false) };
    proof.verify(&meta.content, len)?;
    Ok(meta.dtype.is_float() && all_finite(meta.dtype, &proof.chunk).is_err())
}

/// What is illegal about an operation: see [`legal`](crate::legal).
pub(crate) fn evidence_in(op: &VerifiedOp) -> Option<Conviction> {
    match &op.op().body {
        Body::Evidence(fault) => fault.verify().ok(),
        _ => None,
    }
}
