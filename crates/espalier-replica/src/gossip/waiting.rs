//! Operations that wait for their tensors.

use crate::signed::op::{OpId, VerifiedOp};
use crate::state::apply::Prepared;
use espalier_identity::{Digest, PeerId};
use std::collections::BTreeSet;

/// Operations that wait for tensors.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) from: PeerId,
    pub(crate) ops: Prepared,
    pub(crate) missing: BTreeSet<Digest>,
}

impl Waiting {
    /// The operations.
    pub(crate) fn ops(&self) -> impl Iterator<Item = &VerifiedOp> {
        self.ops.iter()
    }

    pub(crate) fn ids(&self) -> BTreeSet<OpId> {
        self.ops.iter().map(VerifiedOp::id).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.ops.iter().map(VerifiedOp::encoded_len).sum()
    }
}
