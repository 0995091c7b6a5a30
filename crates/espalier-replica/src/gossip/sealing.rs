//! What goes into a message: which operations a peer lacks, as many as fit, with small tensors
//! inside, in the envelope of this hop.

use crate::gossip::{MAX_BATCH_LEN, Replica};
use crate::signed::envelope::Envelope;
use crate::signed::op::VerifiedOp;
use crate::wire::batch::{self, Batch, Packed};
use crate::wire::compact::Sent;
use crate::wire::layouts;
use crate::wire::message::Seen;
use espalier_identity::{Digest, PeerId};
use espalier_tensor::{Content, TensorMeta};
use std::collections::BTreeMap;
use std::iter::Peekable;

impl Replica {
    /// What a replica that has seen so far lacks; with `bare` without tensors.
    pub(crate) fn lacking(&self, seen: &Seen, bare: bool) -> Packed<'static> {
        let delta = self.state.beyond(seen);
        let len: usize = delta.ops().map(|op| self.cost(op)).sum();
        if len <= MAX_BATCH_LEN {
            return self.seal_lacking(delta.ops().collect(), bare);
        }
        // Of whom little is lacking comes first, so that nobody's flood keeps the others back.
        let mut chains = BTreeMap::<PeerId, (usize, Vec<&VerifiedOp>)>::new();
        for op in delta.ops() {
            let (len, chain) = chains.entry(op.op().author).or_default();
            *len += self.cost(op);
            chain.push(op);
        }
        let mut chains: Vec<_> = chains.into_values().collect();
        chains.sort_by_key(|(len, _)| *len);
        let ops = chains.into_iter().flat_map(|(_, chain)| chain);
        self.seal_lacking(self.fill(&mut ops.peekable()), bare)
    }

    fn seal_lacking(&self, ops: Vec<&VerifiedOp>, bare: bool) -> Packed<'static> {
        self.seal_with(ops, |op| if bare { None } else { self.inside(op) })
    }

    pub(crate) fn chosen(&self, choose: impl Fn(&VerifiedOp) -> bool) -> Packed<'static> {
        self.seal_batch(self.fill(&mut self.state.ops().filter(|op| choose(op)).peekable()))
    }

    pub(crate) fn seal_batch(&self, ops: Vec<&VerifiedOp>) -> Packed<'static> {
        self.seal_with(ops, |op| self.inside(op))
    }

    /// Puts operations into the envelope of this hop, with these tensors inside. All were checked
    /// when they came in.
    pub(crate) fn seal_with(
        &self,
        ops: Vec<&VerifiedOp>,
        inside: impl Fn(&VerifiedOp) -> Option<Vec<Content>>,
    ) -> Packed<'static> {
        if ops.is_empty() {
            return Packed::default();
        }
        let (policy, ids) = (self.state.policy().hash(), ops.iter().map(|op| op.id()));
        let Envelope { relay, signature, .. } = Envelope::of_operations(&self.key, policy, ids);
        let sent = ops.into_iter().map(|op| Sent::new(op.signed().clone(), inside(op)));
        Batch { relay, signature, sent: sent.collect() }.pack(self.state.policy())
    }

    /// The tensors that travel with an operation: those of a live contribution, if they are small.
    /// All are here.
    pub(crate) fn inside(&self, op: &VerifiedOp) -> Option<Vec<Content>> {
        let manifest = &op.contribution()?.manifest;
        if !layouts::fits_inside(manifest, self.inside) || !self.state.offers(op) {
            return None;
        }
        let store = self.state.arena().store();
        let held = |meta: &TensorMeta| {
            let content = store.get(&meta.content).filter(|_| self.held.contains(&meta.content))?;
            // Whoever signs another size than the bytes have gets no place for them in a batch.
            (Some(content.len() as u64) == meta.byte_len()).then_some(content)
        };
        manifest.tensors().iter().map(held).collect()
    }

    /// What an operation takes of a message.
    pub(crate) fn cost(&self, op: &VerifiedOp) -> usize {
        batch::cost(op.encoded_len(), self.inside(op).as_deref())
    }

    /// As many operations as one message takes. Taken in their order they leave no gap.
    pub(crate) fn fill<'a>(
        &self,
        ops: &mut Peekable<impl Iterator<Item = &'a VerifiedOp>>,
    ) -> Vec<&'a VerifiedOp> {
        let (mut len, mut filled) = (0, Vec::new());
        while let Some(op) = ops.next_if(|op| len + self.cost(op) <= MAX_BATCH_LEN) {
            len += self.cost(op);
            filled.push(op);
        }
        filled
    }

    /// The envelope to send with tensors: of each the address named and the hash of the bytes sent.
    #[must_use]
    pub fn seal(&self, sent: &[(Digest, Digest)]) -> Envelope {
        let policy = self.state.policy().hash();
        Envelope::of_tensors(&self.key, policy, sent.iter().copied())
    }
}
