//! Which tensors a state needs, and letting go of the others.

use crate::arena::entry::Entry;
use crate::signed::op::OpId;
use crate::state::MergeState;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use std::collections::BTreeSet;
use std::sync::Arc;

impl MergeState {
    /// The live contributions by (author, seq): made, and neither replaced nor retracted. Those of
    /// convicted authors are among them.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let held = (!self.ops.is_empty()).then(|| self.view().contributions().entries());
        self.entries_of(held.into_iter().flatten())
    }

    /// The addresses of the tensors of live contributions; one content may come several times.
    pub fn live_contents(&self) -> impl Iterator<Item = Digest> {
        let held = (!self.ops.is_empty()).then(|| self.view().contributions().entries());
        self.contents_of(held.into_iter().flatten())
    }

    /// The same for one author.
    pub(crate) fn live_contents_of(&self, author: &PeerId) -> impl Iterator<Item = Digest> {
        self.contents_of(self.view().contributions().entries_of(author))
    }

    fn contents_of<'a>(
        &'a self,
        live: impl Iterator<Item = (&'a Dot<PeerId>, &'a OpId)>,
    ) -> impl Iterator<Item = Digest> {
        self.entries_of(live)
            .filter_map(|entry| entry.op().contribution())
            .flat_map(|c| c.manifest.tensors().iter().map(|meta| meta.content))
    }

    fn entries_of<'a>(
        &'a self,
        live: impl Iterator<Item = (&'a Dot<PeerId>, &'a OpId)>,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        live.flat_map(|(dot, id)| self.view().at(*dot).filter(|e| e.op().id() == *id))
    }

    /// Those of the live contributions that can become visible: not by a convicted author of the
    /// genesis.
    pub(crate) fn offered_contents(&self) -> impl Iterator<Item = Digest> {
        let live = (!self.ops.is_empty()).then(|| self.view().contributions().entries());
        let offered = live.into_iter().flatten().filter(|(dot, _)| {
            !(self.policy().admits(&dot.actor) && self.evidence().convicts(&dot.actor))
        });
        self.contents_of(offered)
    }

    /// Whether no other state is in its arena. One that comes into it later holds what it brings.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.federation) == 1 && self.arena().policies() == 1
    }

    /// Of `held`, the contents that no live contribution has, nor the policy's base.
    pub(crate) fn dead_among<'a>(
        &self,
        held: impl Iterator<Item = &'a Digest>,
    ) -> BTreeSet<Digest> {
        let mut live: BTreeSet<_> = self.live_contents().collect();
        let base = self.policy().spec().base.and_then(|root| self.arena().model(&root));
        live.extend(base.iter().flat_map(|model| model.tensors().map(|(meta, _)| meta.content)));
        held.filter(|content| !live.contains(content)).copied().collect()
    }
}
