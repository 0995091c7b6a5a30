//! What was found and is not yet published, and whom to look into.

use crate::signed::fault::Fault;
use crate::signed::op::OpId;
use espalier_identity::{Digest, PeerId};
use espalier_trust::FaultKind;
use std::collections::{BTreeMap, BTreeSet};

/// How many contributions of one author are suspected at a time. The latest stay: its past holds
/// that of the others.
const MAX_SUSPECTS_PER_AUTHOR: usize = 4;

/// What was found and not yet published, and what is still to be looked into.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub(crate) faults: BTreeMap<(PeerId, FaultKind), Fault>,
    /// Contributions of tensors that somebody else contributed too.
    pub(crate) suspects: BTreeMap<PeerId, BTreeSet<(u64, OpId)>>,
    /// The root of the operations when suspects were last looked into.
    pub(crate) looked_at: Digest,
}

impl Findings {
    pub(crate) fn absorb(&mut self, other: Self) {
        other.faults.into_iter().for_each(|(key, fault)| {
            self.faults.entry(key).or_insert(fault);
        });
        for (author, suspects) in other.suspects {
            suspects.into_iter().for_each(|suspect| self.suspect(author, suspect));
        }
        self.looked_at = Digest::ZERO;
    }

    pub(crate) fn suspect(&mut self, author: PeerId, suspect: (u64, OpId)) {
        let suspects = self.suspects.entry(author).or_default();
        suspects.insert(suspect);
        if suspects.len() > MAX_SUSPECTS_PER_AUTHOR {
            suspects.pop_first();
        }
    }
}
