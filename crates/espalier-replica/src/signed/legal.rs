//! The legal range of every signed field. An operation outside its range convicts its author (E4)
//! and has no other effect.

use crate::signed::op::{Body, Op};
use espalier_identity::PeerId;
use espalier_lattice::Dot;
use espalier_trust::{FaultKind, Q16};

/// The greatest logical time. No honest history comes near it; a clock pushed there by a liar
/// would leave honest authors no room.
pub const MAX_LAMPORT: u64 = 1 << 48;

/// The greatest training round.
pub const MAX_ROUND: u64 = 1 << 32;

/// The longest contribution name, in bytes.
pub const MAX_NAME_LEN: usize = 256;

/// The most dots one operation may remove.
pub const MAX_TARGETS: usize = 1024;

/// The illegal field of an operation, if it has one: its name and what it may be.
#[must_use]
pub fn illegal_field(op: &Op) -> Option<(&'static str, &'static str)> {
    if op.lamport == 0 || op.lamport > MAX_LAMPORT {
        return Some(("lamport", "1 to 2^48"));
    }
    match &op.body {
        Body::Contribute(c) => {
            if !c.weight.is_legal() {
                return Some(("weight", "more than 0, at most 2^32"));
            }
            if c.round > MAX_ROUND {
                return Some(("round", "at most 2^32"));
            }
            if c.name.len() > MAX_NAME_LEN {
                return Some(("name", "at most 256 bytes"));
            }
            if c.manifest.check().is_err() {
                return Some(("manifest", "unique ascending names and sizes that add up"));
            }
            if !c.bound.is_legal() {
                return Some(("bound", "finite and not negative"));
            }
            (c.replaces.len() > MAX_TARGETS).then_some(("replaces", "at most 1024 dots"))
        }
        Body::Retract { targets } => {
            (targets.len() > MAX_TARGETS).then_some(("targets", "at most 1024 dots"))
        }
        Body::Attest { value, .. } => (*value > Q16::ONE).then_some(("value", "0 to 1")),
        Body::Vote { .. } => None,
        // Whoever holds a slander sees that it is one. So nobody has to publish a record of it, and
        // no record has to be looked for inside another.
        Body::Evidence(fault) => {
            let slander = fault.kind() == FaultKind::Slander;
            slander.then_some(("evidence", "of any kind but slander, which shows by itself"))
        }
    }
}

/// The contributions that the operation removes.
#[must_use]
pub fn removed(op: &Op) -> &[Dot<PeerId>] {
    match &op.body {
        Body::Contribute(c) => &c.replaces,
        Body::Retract { targets } => targets,
        Body::Attest { .. } | Body::Evidence(_) | Body::Vote { .. } => &[],
    }
}

/// Whether the operation removes somebody else's contribution (E6).
#[must_use]
pub fn retracts_others(op: &Op) -> bool {
    removed(op).iter().any(|dot| dot.actor != op.author)
}
