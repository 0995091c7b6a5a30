//! Which tensors were asked for and may still come, and from whom operations, so that exchanges
//! that overlap do not bring tensors twice.
//!
//! A replica has no clock. What it asked for may come until it has waited for a whole tick, or
//! until whoever drives it knows better. After that everybody who comes by is asked, as somebody
//! may be out of reach; until then nobody else is.

use espalier_identity::{Digest, PeerId};
use std::collections::{BTreeMap, BTreeSet};

/// From how many beginnings of ticks on something is overdue: the second one ends a whole tick.
const OVERDUE: u8 = 2;

/// From how many peers operations may be in flight.
const MAX_PULLS: usize = 64;

/// How many ticks have begun since something was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight {
    contents: BTreeMap<Digest, u8>,
    /// Operations, by who is to send them.
    pulls: BTreeMap<PeerId, u8>,
}

impl InFlight {
    /// The missing contents that nobody has been asked for yet. From here on they are in flight.
    pub(crate) fn ask(&mut self, missing: &BTreeSet<Digest>) -> Vec<Digest> {
        let due: Vec<_> = missing.iter().copied().filter(|content| self.is_due(content)).collect();
        due.iter().for_each(|content| {
            self.contents.entry(*content).or_insert(0);
        });
        due
    }

    /// Notes that `peer` is asked for operations; whether others may be about to bring some.
    pub(crate) fn pull(&mut self, peer: PeerId) -> bool {
        let others = self.pulls.keys().any(|other| *other != peer);
        if self.pulls.len() < MAX_PULLS {
            self.pulls.insert(peer, 0);
        }
        others
    }

    /// Notes that `peer` has answered.
    pub(crate) fn pulled(&mut self, peer: &PeerId) {
        self.pulls.remove(peer);
    }

    /// Whether it was never asked for, or for too long.
    fn is_due(&self, content: &Digest) -> bool {
        self.contents.get(content).is_none_or(|ticks| *ticks >= OVERDUE)
    }

    /// Whether it was asked for and should be here.
    pub(crate) fn is_overdue(&self, content: &Digest) -> bool {
        self.contents.get(content).is_some_and(|ticks| *ticks >= OVERDUE)
    }

    /// Begins a tick; what nobody needs any more is forgotten.
    pub(crate) fn tick(&mut self, needed: impl Fn(&Digest) -> bool) {
        self.contents.retain(|content, _| needed(content));
        let ticks = self.contents.values_mut().chain(self.pulls.values_mut());
        ticks.for_each(|ticks| *ticks = ticks.saturating_add(1));
        self.pulls.retain(|_, ticks| *ticks < OVERDUE);
    }

    /// Nothing that was asked for is going to come.
    pub(crate) fn lapse(&mut self) {
        self.contents.values_mut().for_each(|ticks| *ticks = OVERDUE);
        self.pulls.clear();
    }

    /// Adds what another replica of the same node asked for.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (content, ticks) in other.contents {
            let ours = self.contents.entry(content).or_insert(ticks);
            *ours = ticks.max(*ours);
        }
        self.pulls.extend(other.pulls);
    }
}
