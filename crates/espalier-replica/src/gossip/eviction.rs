//! Letting go of tensors that nobody needs any more, so that a node which retrains for years needs
//! the memory of its last models and of its operations.

use crate::gossip::Replica;
use espalier_identity::Digest;
use std::collections::{BTreeSet, VecDeque};

/// How many bytes of tensors stay that were live last. A peer that takes a long chain in bit by bit
/// asks for tensors that are live only in between; where they are gone it has to wait until it has
/// the whole chain.
const SPARE: usize = 1 << 20;

/// What a tensor takes besides its bytes.
const COST: usize = 256;

/// What is known of tensors that nobody needs any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dead {
    /// Those that are still here, the first to go first.
    spared: VecDeque<Digest>,
    /// How many contributions were gone when this was last brought up to date.
    removed: u64,
}

impl Replica {
    /// Forgets the tensors of contributions that are not live any more, but for the last few,
    /// unless other states share the arena: they may be of an earlier time. Only what this replica
    /// knew to be here goes; what a driver put into the arena in advance stays. O(1) if nothing was
    /// removed from the set since the last time, otherwise O(n log n).
    pub(crate) fn evict(&mut self) {
        if !self.state.is_alone() {
            return;
        }
        let removed = self.state.tombstones();
        if std::mem::replace(&mut self.dead.removed, removed) == removed {
            return;
        }
        self.review_waiting();
        let mut dead = self.state.dead_among(self.held.iter());
        let waiting = self.waiting.iter().flat_map(|waiting| waiting.ops());
        let contributed = waiting.filter_map(|op| op.contribution());
        for meta in contributed.flat_map(|contribution| contribution.manifest.tensors()) {
            dead.remove(&meta.content);
        }
        let mut spared = std::mem::take(&mut self.dead.spared);
        spared.retain(|content| dead.remove(content));
        spared.extend(dead);
        let store = self.state.arena().store();
        let len = |content: &Digest| COST + store.get(content).map_or(0, |bytes| bytes.len());
        let mut total: usize = spared.iter().map(len).sum();
        let mut gone = BTreeSet::new();
        while total > SPARE {
            let Some(first) = spared.pop_front() else { break };
            total -= len(&first);
            gone.insert(first);
        }
        self.state.arena().forget(&gone);
        self.held.retain(|content| !gone.contains(content));
        self.dead.spared = spared;
        self.find_lacking();
    }

    /// Lets nothing wait for tensors that its peers may have forgotten as well: what came by
    /// another way meanwhile needs none.
    fn review_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|waiting| waiting.ops().any(|op| self.state.find(&op.id()).is_none()));
        for waiting in &mut waiting {
            waiting.missing = self.missing(&waiting.ops).into_values().flatten().collect();
        }
        self.waiting = waiting;
    }

    /// Notes which tensors the state needs that are not here: after a crash, and where a fork took
    /// a removal out of the set again.
    pub(crate) fn find_lacking(&mut self) {
        let offered = self.state.offered_contents();
        self.lacking = offered.filter(|content| !self.held.contains(content)).collect();
    }

    /// Takes out of what is lacking what was replaced meanwhile.
    pub(crate) fn forget_lacking(&mut self) {
        if !self.lacking.is_empty() {
            let offered: BTreeSet<_> = self.state.offered_contents().collect();
            self.lacking.retain(|content| offered.contains(content));
        }
    }
}
