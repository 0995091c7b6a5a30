//! Letting go of tensors that nobody needs any more, so that a node which retrains for years needs
//! the memory of its last models and of its operations.

use crate::gossip::Replica;
use std::collections::BTreeSet;

impl Replica {
    /// Forgets the tensors of contributions that are not live any more, unless other states share
    /// the arena: they may be of an earlier time. Only what this replica knew to be here goes; what
    /// a driver put into the arena in advance stays. O(1) if nothing was removed from the set since
    /// the last time, otherwise O(n log n).
    pub(crate) fn evict(&mut self) {
        if !self.state.is_alone() {
            return;
        }
        let removed = self.state.tombstones();
        if std::mem::replace(&mut self.evicted_at, removed) == removed {
            return;
        }
        let mut dead = self.state.dead_among(self.held.iter());
        let waiting = self.waiting.iter().flat_map(|waiting| waiting.ops());
        let contributed = waiting.filter_map(|op| op.contribution());
        for meta in contributed.flat_map(|contribution| contribution.manifest.tensors()) {
            dead.remove(&meta.content);
        }
        self.state.arena().forget(&dead);
        self.held.retain(|content| !dead.contains(content));
        self.find_lacking();
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
