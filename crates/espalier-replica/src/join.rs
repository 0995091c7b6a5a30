//! The join: a bit-wise or, and what does not stay out again.

use crate::arena::Entry;
use crate::error::ApplyError;
use crate::federation::Federation;
use crate::policy::Policy;
use crate::reach::Reach;
use crate::state::MergeState;
use std::sync::Arc;

impl MergeState {
    /// Joins another state into this one; true if that changed anything.
    ///
    /// In one arena O(words): nothing is allocated unless each holds what the other lacks and this
    /// state's bitmap is shared with a clone, and no views are made. With another arena O(n log n).
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if the policies differ; nothing is changed.
    pub fn merge(&mut self, other: &Self) -> Result<bool, ApplyError> {
        self.same_policy(other)?;
        if !self.is_of_same_arena(other) {
            return Ok(self.merge_from_elsewhere(other));
        }
        let crowded = self.arena().crowded_among(&self.ops, &other.ops);
        let before = (!crowded.is_empty()).then(|| self.ops.clone());
        if !self.ops.join(&other.ops) {
            return Ok(false);
        }
        if let Some(before) = before {
            self.prune(crowded);
            if self.ops == before {
                return Ok(false);
            }
        }
        self.reach = self.reach.max(other.reach);
        self.lazy.changed();
        Ok(true)
    }

    pub(crate) fn same_policy(&self, other: &Self) -> Result<(), ApplyError> {
        if self.policy() == other.policy() {
            return Ok(());
        }
        let (ours, theirs) = (self.policy().hash(), other.policy().hash());
        Err(ApplyError::Policy { ours, theirs })
    }

    fn merge_from_elsewhere(&mut self, other: &Self) -> bool {
        let mut missing = Vec::new();
        for theirs in other.held() {
            if self.find(&theirs.op().id()).is_some() {
                continue;
            }
            if let Some((contribution, _)) = theirs.contribution() {
                for meta in contribution.manifest.tensors() {
                    if let Some(content) = other.arena().store().get(&meta.content) {
                        self.arena().store().put(content);
                    }
                }
            }
            missing.push(self.arena().insert(theirs.judged()));
        }
        !self.join(missing).is_empty()
    }

    /// Joins verified operations. Returns those that are new and stay, in their order.
    pub(crate) fn join(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        let is_new = |entry: &Arc<Entry>| self.ops.insert(entry.index);
        let mut new: Vec<_> = entries.into_iter().filter(is_new).collect();
        if self.prune(new.iter().map(|entry| entry.index)) {
            new.retain(|entry| self.ops.contains(entry.index));
        }
        // If none of them stays, nothing gave way to them either.
        if !new.is_empty() {
            let reaches = new.iter().map(|entry| Reach::of(self.policy(), entry.op.op()));
            self.reach = reaches.fold(self.reach, Reach::max);
            self.lazy.changed();
        }
        new
    }

    /// Takes out again what has no place beside operations of lesser id, see
    /// [`Rule`](crate::slot::Rule); true if there was any.
    fn prune(&mut self, new: impl IntoIterator<Item = u32>) -> bool {
        let Federation { policy, arena, .. } = &*self.federation;
        arena.prune(policy, &mut self.ops, new)
    }

    /// The same operations under another policy.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        let mut state = Self::with_arena(policy, self.arena().clone());
        // Those whose authors the other policy does not accept are of no effect there.
        state.join(self.held());
        state
    }
}
