//! From files to a state.

use crate::error::StoreError;
use crate::folder::Folder;
use crate::folder::flaw::Flaw;
use espalier_identity::Digest;
use espalier_replica::{Contribution, MergeState, OpId, VerifiedOp};
use espalier_tensor::{Manifest, Model};
use std::collections::BTreeMap;

/// What a folder holds at this moment.
#[derive(Debug)]
pub struct Loaded {
    /// The state of all operations that are whole and whose past in their author's chain is
    /// present.
    pub state: MergeState,
    /// Operations that are whole and wait: for one before them, or for votes that admit their
    /// author.
    pub waiting: Vec<VerifiedOp>,
    /// Files among the operations that are passed over.
    pub flaws: Vec<Flaw>,
}

/// A tensor that is not here, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The address of its bytes; of a base whose manifest is missing its root.
    pub content: Digest,
    /// The contribution that needs it; `None` for the base.
    pub op: Option<OpId>,
}

/// The longest that a tensor with each address may be.
pub(crate) type Limits = BTreeMap<Digest, u64>;

/// Adds the tensors of a manifest.
pub(crate) fn claim(limits: &mut Limits, manifest: &Manifest) {
    for meta in manifest.tensors() {
        let limit = limits.entry(meta.content).or_default();
        *limit = (*limit).max(meta.byte_len().unwrap_or(0));
    }
}

impl Folder {
    /// The state, without its tensors: reads all operations. What is damaged, half copied or of
    /// another kind is passed over.
    ///
    /// # Errors
    /// [`StoreError::List`].
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let (ops, flaws) = self.ops()?;
        let mut state = MergeState::new(self.policy.clone());
        let waiting = state.gather(ops);
        Ok(Loaded { state, waiting, flaws })
    }

    /// Puts the tensors that are here into the state's arena, as far as they are needed: those of
    /// the live contributions of authors without a conviction, and of the base. Long ones are
    /// mapped. Returns what is missing. Cost: one pass over all of them, to check them.
    pub fn load_tensors(&self, state: &MergeState) -> Vec<Missing> {
        let store = state.arena().store();
        for (digest, limit) in needs(state) {
            if let Some(content) = self.tensor(&digest, limit) {
                store.put(content);
            }
        }
        let mut missing = self.load_base(state);
        missing.extend(missing_of(state));
        missing
    }

    /// Puts the base into the state's arena; what is missing of it.
    pub(crate) fn load_base(&self, state: &MergeState) -> Vec<Missing> {
        let Some(root) = self.policy.spec().base else { return Vec::new() };
        let Some(manifest) = self.base() else { return vec![Missing { content: root, op: None }] };
        let store = state.arena().store();
        let mut missing = Vec::new();
        for meta in manifest.tensors() {
            match self.tensor(&meta.content, meta.byte_len().unwrap_or(0)) {
                Some(content) => drop(store.put(content)),
                None => missing.push(Missing { content: meta.content, op: None }),
            }
        }
        if let Ok(base) = Model::load(&manifest, store) {
            state.arena().put_model(base);
        }
        missing
    }
}

/// The contributions whose tensors a merge may need.
fn needed(state: &MergeState) -> impl Iterator<Item = (OpId, &Contribution)> {
    let convicted = state.evidence().convicted();
    state.live().filter_map(move |entry| {
        let op = entry.op();
        let contribution = op.contribution()?;
        (!convicted.contains(&op.op().author)).then_some((op.id(), contribution))
    })
}

/// The tensors that a merge may need.
pub(crate) fn needs(state: &MergeState) -> Limits {
    let mut limits = Limits::new();
    needed(state).for_each(|(_, contribution)| claim(&mut limits, &contribution.manifest));
    limits
}

/// Of the tensors that a merge may need, those that are not in the state's arena.
pub(crate) fn missing_of(state: &MergeState) -> Vec<Missing> {
    let store = state.arena().store();
    let of = |(op, contribution): (OpId, &Contribution)| {
        let contents = contribution.manifest.tensors().iter().map(|meta| meta.content);
        let lacking = contents.filter(|content| !store.contains(content));
        lacking.map(|content| Missing { content, op: Some(op) }).collect::<Vec<_>>()
    };
    needed(state).flat_map(of).collect()
}
