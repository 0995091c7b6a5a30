//! Why a record convicts, in words: every fact can be looked up in the record.

use crate::signed::blob::Blob;
use crate::signed::bound;
use crate::signed::envelope::Envelope;
use crate::signed::fault::{Fault, FaultError, read, said, tensor_of};
use crate::signed::legal;
use crate::signed::op::{Body, SignedOp, VerifiedOp};
use espalier_identity::PeerId;
use espalier_provenance::{CHUNK_LEN, ContentProof, InclusionProof};
use espalier_tensor::read_f64;
use espalier_trust::{FaultKind, Record as _};
use std::fmt;

/// The reasons for which a record convicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The author or relay that it convicts.
    pub accused: PeerId,
    /// The kind of fault.
    pub kind: FaultKind,
    /// The facts, one line each.
    pub facts: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.kind, self.accused)?;
        self.facts.iter().try_for_each(|fact| write!(f, "\n  {fact}"))
    }
}

impl Fault {
    /// Verifies the record and says why it convicts.
    ///
    /// # Errors
    /// [`FaultError`], as [`Fault::verify`].
    pub fn explain(&self) -> Result<Explanation, FaultError> {
        let conviction = self.verify()?;
        Ok(Explanation {
            accused: conviction.accused(),
            kind: conviction.kind(),
            facts: self.facts()?,
        })
    }

    fn facts(&self) -> Result<Vec<String>, FaultError> {
        Ok(match self {
            Self::Equivocation { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                let seq = first.op().seq;
                vec![
                    format!("signed two different operations with sequence number {seq}"),
                    format!("one is {}", first.id()),
                    format!("the other is {}", second.id()),
                ]
            }
            Self::InvalidRelay { envelope, inclusion, op } => {
                invalid_relay(envelope, inclusion, op)?
            }
            Self::WrongContent { envelope, inclusion } => vec![
                signed(envelope, "tensors"),
                format!("one of them under the address {}", inclusion.key),
                format!("while the bytes sent hash to {}", inclusion.value),
            ],
            Self::NonFinite { op, tensor, proof } => non_finite(&read(op)?, *tensor, proof),
            Self::IllegalField { op } => {
                let op = read(op)?;
                let (field, range) = legal::illegal_field(op.op()).unwrap_or_default();
                vec![
                    named(&op),
                    format!("its {field} is {}, legal is: {range}", value_of(&op, field)),
                ]
            }
            Self::BrokenChain { first, second } => broken_chain(&read(first)?, &read(second)?),
            Self::ForeignRetraction { op } => {
                let op = read(op)?;
                let foreign =
                    legal::removed(op.op()).iter().find(|dot| dot.actor != op.op().author);
                let foreign = foreign.map(|dot| format!("operation {} of {}", dot.seq, dot.actor));
                vec![named(&op), format!("it removes {}", foreign.unwrap_or_default())]
            }
            Self::Copy { copy, path, original } => copied(copy, path, original)?,
            Self::Slander { op } => {
                let op = read(op)?;
                let why = match &op.op().body {
                    Body::Evidence(fault) => fault.verify().err().map(|why| (fault.kind(), why)),
                    _ => None,
                };
                let why = why.map(|(kind, why)| format!("it claims {kind}, and {why}"));
                vec![named(&op), why.unwrap_or_default()]
            }
            Self::DoubleAttestation { first, second } => {
                let (first, second) = (read(first)?, read(second)?);
                vec![measured(&first), measured(&second)]
            }
        })
    }
}

fn named(op: &VerifiedOp) -> String {
    format!("signed operation {} of its chain, {}", op.op().seq, op.id())
}

fn signed(envelope: &Envelope, what: &str) -> String {
    let Envelope { policy, root, count, .. } = envelope;
    format!("signed an envelope around {count} {what} with root {root}, under policy {policy}")
}

fn invalid_relay(
    envelope: &Envelope,
    inclusion: &InclusionProof,
    op: &Blob,
) -> Result<Vec<String>, FaultError> {
    let op = SignedOp::from_bytes(&op.0)?;
    let why = op.check().err().map(|why| why.to_string()).unwrap_or_default();
    Ok(vec![
        signed(envelope, "operations"),
        format!("one of them is {}, at depth {} of its tree", inclusion.key, inclusion.path.len()),
        format!("it claims to be operation {} of {}", op.op.seq, op.op.author),
        format!("no replica that checks takes it: {why}"),
    ])
}

fn non_finite(op: &VerifiedOp, tensor: u32, proof: &ContentProof) -> Vec<String> {
    let Some((contribution, meta)) = tensor_of(op, tensor) else { return Vec::new() };
    let size = meta.dtype.size();
    let at = bound::first_beyond(meta.dtype, &proof.chunk, contribution.bound).unwrap_or(0);
    let mut value = [0.0];
    read_f64(meta.dtype, &proof.chunk[at * size..][..size], &mut value);
    let offset = proof.index * CHUNK_LEN + (at * size) as u64;
    vec![
        named(op),
        format!("it contributes tensor `{}` with content {}", meta.name, meta.content),
        format!("at byte {offset} of it, element {}, stands {:e}", offset / size as u64, value[0]),
        format!("the bound it signed is {:e}", contribution.bound.to_f64()),
    ]
}

/// What the operation says in the field that is not legal.
fn value_of(op: &VerifiedOp, field: &str) -> String {
    match (field, &op.op().body) {
        ("lamport", _) => op.op().lamport.to_string(),
        ("weight", Body::Contribute(c)) => format!("{}/65536", c.weight.raw()),
        ("round", Body::Contribute(c)) => c.round.to_string(),
        ("name", Body::Contribute(c)) => format!("{} bytes long", c.name.len()),
        ("bound", Body::Contribute(c)) => format!("{:e}", c.bound.to_f64()),
        ("manifest", Body::Contribute(c)) => {
            c.manifest.check().err().map(|why| format!("wrong ({why})")).unwrap_or_default()
        }
        ("replaces" | "targets", _) => format!("{} dots long", legal::removed(op.op()).len()),
        ("value", Body::Attest { value, .. }) => format!("{}/65536", value.raw()),
        ("evidence", Body::Evidence(fault)) => fault.kind().to_string(),
        _ => String::new(),
    }
}

fn broken_chain(first: &VerifiedOp, second: &VerifiedOp) -> Vec<String> {
    let prev = second.op().prev.map_or("none".to_owned(), |id| id.to_string());
    let (a, b) = (first.op(), second.op());
    vec![
        format!("its operation {} is {}, at logical time {}", a.seq, first.id(), a.lamport),
        format!("its operation {} is {}, at logical time {}", b.seq, second.id(), b.lamport),
        format!("the latter names {prev} as the one before it"),
    ]
}

fn copied(copy: &Blob, path: &[Blob], original: &Blob) -> Result<Vec<String>, FaultError> {
    let (copy, original) = (read(copy)?, read(original)?);
    let root = copy.contribution().map(|c| c.manifest.root().to_string()).unwrap_or_default();
    let mut facts = vec![named(&copy), format!("it contributes the tensors with root {root}")];
    for op in path.iter().map(read) {
        let op = op?;
        facts.push(format!(
            "it names {}: operation {} of {}",
            op.id(),
            op.op().seq,
            op.op().author
        ));
    }
    let (id, dot) = (original.id(), original.op().dot());
    facts.push(format!("it names {id}: operation {} of {}", dot.seq, dot.actor));
    facts.push("which contributed the same tensors before".to_owned());
    Ok(facts)
}

fn measured(op: &VerifiedOp) -> String {
    let Some(((_, subject, dimension, epoch), (about, value))) = said(op.op()) else {
        return String::new();
    };
    let (seq, value) = (op.op().seq, value.raw());
    format!(
        "its operation {seq} gives number {epoch} to: {dimension:?} of {subject} with content \
         {about} is {value}/65536"
    )
}
