//! The join: a bitwise or, after which what may not stay is removed.

use crate::arena::entry::Entry;
use crate::counting::reach::Reach;
use crate::error::ApplyError;
use crate::signed::policy::Policy;
use crate::state::MergeState;
use crate::state::arena::{Arena, Federation};
use std::sync::Arc;

impl MergeState {
    /// Joins another state into this one; true if that changed the set of operations. From another
    /// arena it also takes the tensors that are lacking here, of all operations.
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
            // A state that was read by reference has operations without their tensors.
            self.take_tensors(&theirs, other.arena());
            if self.find(&theirs.op().id()).is_none() {
                missing.push(self.arena().insert(theirs.judged()));
            }
        }
        !self.join(missing).is_empty()
    }

    /// Takes what is lacking here of the tensors of a contribution.
    fn take_tensors(&self, theirs: &Entry, from: &Arena) {
        let tensors = theirs.contribution().into_iter().flat_map(|(c, _)| c.manifest.tensors());
        let (ours, theirs) = (self.arena().store(), from.store());
        for meta in tensors.filter(|meta| !ours.contains(&meta.content)) {
            theirs.get(&meta.content).into_iter().for_each(|content| {
                ours.put(content);
            });
        }
    }

    /// Joins verified operations. Returns those that are new and stay, in their order.
    pub(crate) fn join(&mut self, entries: Vec<Arc<Entry>>) -> Vec<Arc<Entry>> {
        #[cfg(feature = "mutants")]
        let entries = {
            let mut entries = entries;
            if crate::mutants::Mutant::LossyJoin.is_loose() && entries.len() > 2 {
                entries.remove(1);
            }
            entries
        };
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

    /// Takes out again what has no place next to operations of lesser id, see
    /// [`Rule`](crate::arena::forks::Rule); true if there was any.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::fault::Judged;
    use crate::signed::op::{Body, Op};
    use crate::signed::policy::PolicySpec;
    use espalier_identity::Keypair;
    use std::collections::BTreeSet;

    /// States of one operation each, in one arena.
    fn crowd(n: u64) -> Vec<MergeState> {
        let key = |i: u64| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&i.to_le_bytes());
            Keypair::from_seed(seed)
        };
        let keys: Vec<_> = (0..n).map(key).collect();
        let roster = keys.iter().map(Keypair::peer_id).collect();
        let policy = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() });
        let (policy, arena) = (policy.expect("legal"), Arena::default());
        let alone = |key: &Keypair| {
            let (author, body) = (key.peer_id(), Body::Retract { targets: Vec::new() });
            let op = Op { author, seq: 1, prev: None, deps: Vec::new(), lamport: 1, body };
            let judged = Judged::new(op.sign_own(key).expect("legal"));
            let mut state = MergeState::with_arena(policy.clone(), arena.clone());
            state.join(vec![arena.insert(judged)]);
            state
        };
        keys.iter().map(alone).collect()
    }

    #[test]
    fn ten_thousand_states_are_joined_without_a_view() {
        let mut states = crowd(10_000);
        let n = states.len();
        for step in (0..).map(|k| 1 << k).take_while(|step| *step < n) {
            // Everybody hears from the state so far behind it, as that was before the round.
            let before = states.clone();
            for (i, state) in states.iter_mut().enumerate() {
                assert!(state.merge(&before[(i + n - step) % n]).expect("one policy"));
            }
        }
        assert!(states.iter().all(|state| *state == states[0] && state.op_count() == n));
        assert!(states.iter().all(|state| !state.lazy.is_made()));
        assert_eq!(states[0].federation.views.made(), 0);
        let roots: Vec<_> = states.iter().map(MergeState::ops_root).collect();
        assert!(roots.iter().all(|root| *root == roots[0]));
        assert_eq!(states[0].federation.views.made(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_state_is_as_small_as_a_cache_line() {
        assert_eq!(size_of::<MergeState>(), 64);
    }

    #[test]
    fn views_go_with_the_last_state_that_holds_them() {
        let mut states = crowd(300);
        let views = states[0].federation.clone();
        let roots: BTreeSet<_> = states.iter().map(MergeState::ops_root).collect();
        assert_eq!(roots.len(), 300);
        assert_eq!(views.views.made(), 300);
        let all = states.split_off(1).into_iter().fold(states[0].clone(), |mut all, state| {
            all.merge(&state).expect("one policy");
            all
        });
        assert_eq!(views.views.alive(), 1, "the first state's");
        assert!(!roots.contains(&all.ops_root()));
        assert_eq!(views.views.alive(), 2);
    }
}
