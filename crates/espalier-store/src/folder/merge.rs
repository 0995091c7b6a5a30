//! From one folder to another, for those who would rather not copy files by hand: only what is
//! whole is taken, tensors first.

use crate::error::StoreError;
use crate::folder::Folder;
use crate::folder::load::{claim, needs};
use espalier_replica::{Delta, MergeState, OpId};
use std::collections::BTreeSet;

/// What a folder took from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// The number of operations that were not here.
    pub ops: usize,
    /// The number of tensors that were not here, or not whole.
    pub tensors: usize,
    /// The number of tensors that a merge may need and neither folder has whole.
    pub lacking: usize,
    /// The number of operations of the other folder that are damaged.
    pub damaged: usize,
}

impl Folder {
    /// Whether the two hold parts of one state.
    ///
    /// # Errors
    /// [`StoreError::OtherPolicy`] if not.
    pub fn check_same_policy(&self, other: &Self) -> Result<(), StoreError> {
        if self.policy == other.policy {
            return Ok(());
        }
        let (ours, theirs) = (self.path.clone(), other.path.clone());
        Err(StoreError::OtherPolicy { ours, theirs })
    }

    /// Takes from `other` what it has and this folder lacks: its operations, and the tensors that a
    /// merge of both may need. The other folder is only read.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::OtherPolicy`] if the two do not merge.
    pub fn take_from(&self, other: &Self) -> Result<Taken, StoreError> {
        self.check_same_policy(other)?;
        let ((ours, _), (theirs, flaws)) = (self.ops()?, other.ops()?);
        let known: BTreeSet<OpId> = ours.iter().map(|op| op.id()).collect();
        let new: Vec<_> = theirs.into_iter().filter(|op| !known.contains(&op.id())).collect();
        let mut union = MergeState::new(self.policy.clone());
        let waiting = union.gather(ours.into_iter().chain(new.iter().cloned()).collect());
        let mut wanted = needs(&union);
        let waiting = waiting.iter().filter_map(|op| op.contribution());
        waiting.for_each(|contribution| claim(&mut wanted, &contribution.manifest));
        if let Some(base) = other.base() {
            claim(&mut wanted, &base);
            self.put_base(&base)?;
        }
        let damaged = flaws.iter().filter(|flaw| !flaw.kind.is_harmless()).count();
        let mut taken = Taken { damaged, ..Taken::default() };
        for (digest, limit) in wanted {
            if self.tensor(&digest, limit).is_some() {
                continue;
            }
            match other.tensor(&digest, limit) {
                Some(content) => taken.tensors += usize::from(self.put_tensor(&content)?),
                None => taken.lacking += 1,
            }
        }
        self.sync()?;
        for op in &new {
            taken.ops += usize::from(self.put_op(op)?);
        }
        self.sync()?;
        Ok(taken)
    }

    /// Puts the tensors here that the contributions of a change bring, from the state's arena.
    pub(crate) fn put_tensors_of(
        &self,
        state: &MergeState,
        delta: &Delta,
    ) -> Result<(), StoreError> {
        let contributions = delta.ops().filter_map(|op| op.contribution());
        for meta in contributions.flat_map(|contribution| contribution.manifest.tensors()) {
            if let Some(content) = state.arena().store().get(&meta.content) {
                self.put_tensor(&content)?;
            }
        }
        self.sync()
    }
}
