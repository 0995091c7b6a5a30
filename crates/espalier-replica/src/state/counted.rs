//! What a state says in counts: what a join brings, and how long its frontier is.

use crate::arena::bits::Bits;
use crate::counting::gain::Gain;
use crate::counting::reach::Reach;
use crate::error::ApplyError;
use crate::state::MergeState;
use crate::state::lazy::Lazy;
use crate::wire::message::Seen;
use espalier_identity::{PeerId, canonical};
use std::collections::BTreeSet;

/// The operations of a state as they were, and nothing else: what a message of counted replicas
/// carries. Taking and dropping one costs a reference count. It means nothing in another arena or
/// under another policy.
#[derive(Debug, Clone)]
pub struct Held {
    ops: Bits,
    reach: Reach,
}

impl MergeState {
    /// What this state holds now. O(1).
    #[must_use]
    pub fn now_held(&self) -> Held {
        Held { ops: self.ops.clone(), reach: self.reach }
    }

    /// Whether this state holds what was held then, no more and no less. O(1) for states that
    /// share a bitmap, otherwise O(words).
    #[must_use]
    pub fn holds_just(&self, held: &Held) -> bool {
        self.ops == held.ops
    }

    /// A state of the same arena and policy as this one that holds what was held then. O(1).
    #[must_use]
    pub fn holding(&self, held: Held) -> Self {
        let Held { ops, reach } = held;
        Self { federation: self.federation.clone(), ops, reach, lazy: Lazy::default() }
    }

    /// Joins another state into this one, as [`MergeState::merge`], and says what came.
    ///
    /// In one arena O(words) where operations that the arena got one after the other are alike.
    /// Contents that several contribute, and what is removed, cost O(log n) each; views are made
    /// only where an author of new contributions may be convicted.
    ///
    /// Where nobody forked, this is what one exchange of two replicas moves in this direction, if
    /// it fits into one message.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if the policies differ; nothing is changed.
    pub fn merge_counted(&mut self, other: &Self) -> Result<Gain, ApplyError> {
        self.same_policy(other)?;
        if self.brings_all_of(other) {
            let gain = self.count_from(other);
            self.merge(other)?;
            return Ok(gain);
        }
        let before = self.clone();
        self.merge(other)?;
        Ok(before.count(&self.ops, || self.evidence().convicted()))
    }

    /// What [`MergeState::merge_counted`] would say; nothing is joined.
    ///
    /// # Errors
    /// [`ApplyError::Policy`] if the policies differ.
    pub fn gain(&self, other: &Self) -> Result<Gain, ApplyError> {
        self.same_policy(other)?;
        if self.brings_all_of(other) {
            return Ok(self.count_from(other));
        }
        self.clone().merge_counted(other)
    }

    /// The number of bytes the frontier takes in a message, see
    /// [`differs_len`](crate::counting::differs_len). O(1) if all authors are of the genesis,
    /// otherwise the views are made.
    #[must_use]
    pub fn frontier_len(&self) -> u64 {
        let made = || canonical::encode(&Seen::new(&self.frontier(), self.policy())).len() as u64;
        self.reach.frontier_len().unwrap_or_else(made)
    }

    /// Whether all operations of `other` stay when they are joined, as numbered in this arena.
    fn brings_all_of(&self, other: &Self) -> bool {
        let same = self.is_of_same_arena(other);
        same && self.arena().crowded_among(&self.ops, &other.ops).is_empty()
    }

    fn count_from(&self, other: &Self) -> Gain {
        self.count(&other.ops, || {
            let mut joined = self.clone();
            // Their policies are equal.
            joined.merge(other).map_or(BTreeSet::new(), |_| joined.evidence().convicted())
        })
    }

    /// What `theirs` adds; `convicted` tells whom the join convicts.
    fn count(&self, theirs: &Bits, convicted: impl FnOnce() -> BTreeSet<PeerId>) -> Gain {
        if self.ops.is_same(theirs) {
            return Gain::default();
        }
        let tally = self.federation.tally();
        let (mut sum, odd) = tally.count(&self.ops, theirs);
        if !odd.is_empty() {
            self.arena().with_index(|index| {
                let suspected = tally.suspects_any(index, &odd);
                let convicted = if suspected { convicted() } else { BTreeSet::new() };
                let silent = |peer: &PeerId| convicted.contains(peer) && self.policy().admits(peer);
                tally.count_odd(index, (&self.ops, theirs), &odd, silent, &mut sum);
            });
        }
        tally.gain(sum)
    }
}
