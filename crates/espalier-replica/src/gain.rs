//! What a join brings, counted: operations, their bytes, and the tensors that have to follow.

use crate::bits::Bits;
use crate::error::ApplyError;
use crate::state::MergeState;
use espalier_identity::PeerId;
use std::collections::BTreeSet;
use std::ops::AddAssign;

/// What one state brings another; [`wire`](crate::wire) says how many bytes of frames that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gain {
    /// Operations that the receiver did not hold and holds now.
    pub ops: u64,
    /// Their bytes in one batch, with the layouts of their tensors.
    pub op_bytes: u64,
    /// Bytes of tensors that come inside that batch, as their manifests say.
    pub inside_bytes: u64,
    /// Different other tensors that the receiver asks for: of new contributions that are not
    /// removed and not by a convicted author of the genesis, without those that an operation it
    /// held names or that are inside.
    pub contents: u64,
    /// Their bytes, as their manifests say.
    pub content_bytes: u64,
}

impl AddAssign for Gain {
    fn add_assign(&mut self, other: Self) {
        self.ops += other.ops;
        self.op_bytes += other.op_bytes;
        self.inside_bytes += other.inside_bytes;
        self.contents += other.contents;
        self.content_bytes += other.content_bytes;
    }
}

impl MergeState {
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
