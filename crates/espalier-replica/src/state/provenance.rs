//! Where a contribution came from, and how the roots came to be what they are.

use crate::signed::op::{OpId, VerifiedOp};
use crate::state::MergeState;
use crate::view::{View, bound_root};
use espalier_identity::Digest;
use espalier_provenance::{InclusionProof, ProofError};
use serde::{Deserialize, Serialize};

/// A proof that an operation is part of the state with a certain `bound_root`, checkable offline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The author's operations before it, latest first, as far as they are held without a break.
    /// For reading: each can be proven by a proof of its own.
    pub chain: Vec<OpId>,
    /// A proof that the operation is among the state's.
    pub inclusion: InclusionProof,
    /// The root of the state's operations.
    pub ops_root: Digest,
    /// The state's hash.
    pub state_hash: Digest,
    /// The root of the state's evidence.
    pub evidence_root: Digest,
}

impl Provenance {
    /// Checks that the operation belongs to the state with this `bound_root`.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, bound: &Digest) -> Result<(), ProofError> {
        let found = bound_root(&self.state_hash, &self.evidence_root, &self.ops_root);
        if found != *bound {
            return Err(ProofError::OtherRoot { expected: *bound, found });
        }
        self.inclusion.verify(&self.ops_root)
    }
}

/// The state after one more operation of its total order.
#[derive(Debug, Clone)]
pub struct TraceStep<'a> {
    /// The operation.
    pub op: &'a VerifiedOp,
    /// `state_hash` with it.
    pub state_hash: Digest,
    /// `bound_root` with it.
    pub bound_root: Digest,
    /// Contributions visible then.
    pub visible: usize,
    /// Tombstones then.
    pub tombstones: u64,
}

impl MergeState {
    /// Where operation `id` came from; `None` if this state does not hold it.
    #[must_use]
    pub fn provenance(&self, id: &OpId) -> Option<Provenance> {
        let inclusion = self.view().ops().prove(id)?;
        let mut chain = Vec::new();
        let mut op = self.find(id)?.op().clone();
        while let Some(before) = op.op().prev.and_then(|id| self.find(&id)) {
            // Whoever signs may name anything; only the author's own number before this continues.
            let (dot, named) = (op.op().dot(), before.op().op().dot());
            if named.actor != dot.actor || named.seq + 1 != dot.seq {
                break;
            }
            chain.push(before.op().id());
            op = before.op().clone();
        }
        Some(Provenance {
            chain,
            inclusion,
            ops_root: self.ops_root(),
            state_hash: self.state_hash(),
            evidence_root: self.view().evidence_root(),
        })
    }

    /// How the roots evolved, operation by operation in their total order (lamport, author, id):
    /// the same on every replica with these operations. O(n log n), and O(n) more for every
    /// operation of an equivocator that comes before one of lesser id in its place.
    pub fn trace(&self, mut visit: impl FnMut(TraceStep<'_>)) {
        let mut entries: Vec<_> = self.view().entries().collect();
        entries.sort_by_key(|entry| entry.op().order());
        let mut view = View::default();
        for entry in entries {
            view.extend(self.policy(), std::slice::from_ref(entry));
            visit(TraceStep {
                op: entry.op(),
                state_hash: view.state_hash(self.policy()),
                bound_root: view.bound_root(self.policy()),
                visible: view.visible().len(),
                tombstones: view.tombstones(),
            });
        }
    }
}
