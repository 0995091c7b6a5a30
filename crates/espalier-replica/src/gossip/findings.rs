//! Faults that a replica finds in what it received, and publishes.
//!
//! What operations prove by themselves or side by side every replica sees that holds them. Here is
//! the rest: what is inside tensors (E3), what a relay signed (E2), and where the past of a
//! contribution leads (E7). One replica finds it and publishes the record; the others check that.

use crate::arena::ancestors::{Search, search};
use crate::arena::entry::Entry;
use crate::error::ApplyError;
use crate::gossip::Replica;
use crate::signed::envelope::{Cargo, Envelope, operations};
use crate::signed::fault::Fault;
use crate::signed::op::OpId;
use crate::state::Delta;
use crate::state::apply::Refused;
use crate::wire::packed_batch::PackedBatch;
use espalier_identity::{Digest, PeerId};
use espalier_provenance::MerkleMap;
use espalier_tensor::Content;
use espalier_trust::{FaultKind, Record as _};

/// How many operations of the past of a contribution are looked at.
const MAX_VISITS: usize = 4096;

/// How many suspects of whose past something is missing are looked at again.
const MAX_UNDECIDED: usize = 16;

impl Replica {
    /// Signs and publishes the faults found since the last time. Returns the new operations.
    ///
    /// Separate from receiving, because the driver must first make the sequence number durable.
    pub fn publish(&mut self) -> Delta {
        self.look_for_copies();
        let mut published = Delta::default();
        for fault in std::mem::take(&mut self.findings.faults).into_values() {
            // One that it has been convicted of meanwhile makes no operation.
            published.append(self.state.accuse(&self.key, fault).unwrap_or_default());
        }
        published
    }

    /// Notes a fault, unless it is known, or of somebody of whom nobody here has heard: a
    /// stranger's keys cost nothing.
    fn note(&mut self, fault: Fault) {
        let Ok(conviction) = fault.verify() else { return };
        let (accused, kind) = (conviction.accused(), conviction.kind());
        if self.has_heard_of(&accused)
            && accused != self.id()
            && !self.state.evidence().has(&accused, kind)
        {
            self.findings.faults.entry((accused, kind)).or_insert(fault);
        }
    }

    fn has_heard_of(&self, peer: &PeerId) -> bool {
        let open = self.state.policy().spec().roster.is_empty();
        if open { self.state.view().top(peer) > 0 } else { self.state.accepts(peer) }
    }

    /// Looks at a new operation: into its tensors, and whether somebody contributed the same.
    pub(crate) fn inspect(&mut self, entry: &Entry) {
        let Some((contribution, root)) = entry.contribution() else { return };
        let author = entry.op().op().author;
        let has = |kind| self.state.evidence().has(&author, kind);
        if !has(FaultKind::NonFinite) && author != self.id() && entry.guilt.is_none() {
            let model = self.state.arena().load(&root, &contribution.manifest).ok();
            let beyond = model.and_then(|model| {
                let (tensor, element) =
                    self.state.arena().first_beyond(&model, contribution.bound)?;
                Fault::non_finite(entry.op(), tensor, element, model.content(tensor))
            });
            beyond.into_iter().for_each(|fault| self.note(fault));
        }
        let same = self.state.view().with_root(&root);
        let place =
            |entry: &Entry| (entry.op().op().author, (entry.op().op().seq, entry.op().id()));
        let others = |author| same.iter().filter(move |e| e.op().op().author != author);
        let Some(other) = others(author).next().map(|e| e.op().op().author) else { return };
        // Where two had contributed it before, the earlier ones are suspects already.
        let before = others(other).any(|e| e.op().op().author != author);
        let news: Vec<_> = if before {
            vec![place(entry)]
        } else {
            same.iter().map(|entry| place(entry)).collect()
        };
        news.into_iter().for_each(|(author, suspect)| self.findings.suspect(author, suspect));
    }

    /// Searches the past of the suspects, if anything is new, for what they copied (E7).
    fn look_for_copies(&mut self) {
        let root = self.state.ops_root();
        if std::mem::replace(&mut self.findings.looked_at, root) == root {
            return;
        }
        let suspects = std::mem::take(&mut self.findings.suspects);
        let mut undecided = 0;
        for (author, suspects) in suspects {
            for suspect in suspects.into_iter().rev() {
                if self.state.evidence().has(&author, FaultKind::Copy) || author == self.id() {
                    break;
                }
                match self.look_for_original(&suspect.1) {
                    Some(Search::Found(path)) => {
                        let copy = self.state.find(&suspect.1);
                        let path = path.iter().map(|entry| entry.op());
                        let fault = copy.and_then(|copy| Fault::copy(copy.op(), path));
                        fault.into_iter().for_each(|fault| self.note(fault));
                    }
                    Some(Search::Unknown) if undecided < MAX_UNDECIDED => {
                        undecided += 1;
                        self.findings.suspect(author, suspect);
                    }
                    Some(Search::Unknown | Search::Nothing) | None => {}
                }
            }
        }
    }

    fn look_for_original(&self, suspect: &OpId) -> Option<Search> {
        let copy = self.state.find(suspect)?;
        let (contribution, root) = copy.contribution()?;
        if contribution.base == Some(root) {
            return None;
        }
        let author = copy.op().op().author;
        let original = |entry: &Entry| {
            entry.op().op().author != author && entry.contribution().is_some_and(|c| c.1 == root)
        };
        Some(search(copy.op().op(), |id| self.state.find(id), original, MAX_VISITS))
    }

    /// Convicts the hop that signed a message with a refused operation, if that one is refused
    /// whoever looks at it: not for being unknown here, or too early.
    pub(crate) fn suspect_relay(&mut self, batch: &PackedBatch<'_>, refused: &Refused) {
        let (ApplyError::Op { .. }, Some(bad)) = (&refused.error, &refused.bad) else { return };
        let (relay, signature) = (batch.relay, batch.signature);
        if !self.has_heard_of(&relay) {
            return;
        }
        let mut ids: Vec<_> = batch.ids().collect();
        ids.sort_unstable();
        let (policy, count) = (self.state.policy().hash(), ids.len() as u64);
        let root = MerkleMap::root_of_set(&ids);
        let envelope = Envelope { policy, root, count, relay, signature };
        // Anybody can claim to be a relay, so before this holds nothing large is made.
        if envelope.verify(Cargo::Operations).is_ok() {
            let fault = Fault::invalid_relay(envelope, &operations(ids.into_iter()), bad);
            fault.into_iter().for_each(|fault| self.note(fault));
        }
    }

    /// Convicts the hop that signed that bytes belong to an address which is not theirs.
    pub(crate) fn suspect_sender(
        &mut self,
        envelope: &Envelope,
        tensors: &[(Digest, Content)],
        wrong: &Digest,
    ) {
        let pairs = tensors.iter().map(|(address, content)| (*address, content.digest()));
        let map: MerkleMap = pairs.collect();
        if envelope.holds(&map) && envelope.policy == self.state.policy().hash() {
            let inclusion = map.prove(wrong);
            let fault = inclusion
                .map(|inclusion| Fault::WrongContent { envelope: envelope.clone(), inclusion });
            fault.into_iter().for_each(|fault| self.note(fault));
        }
    }
}
