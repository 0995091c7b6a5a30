//! Which tensors were asked for and may still come, so that exchanges that overlap do not bring
//! them twice.
//!
//! A replica has no clock. What it asked for may come until it has waited for a whole tick, or until
//! whoever drives it knows better. After that everybody who comes by is asked, as somebody may be
//! out of reach; until then nobody else is.

use espalier_identity::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// From how many beginnings of ticks on something is overdue: the second one ends a whole tick.
const OVERDUE: u8 = 2;

/// By content how many ticks have begun since it was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnderWay(BTreeMap<Digest, u8>);

impl UnderWay {
    /// What of this is to be asked for now; it is under way from here on.
    pub(crate) fn ask(&mut self, missing: &BTreeSet<Digest>) -> Vec<Digest> {
        let due: Vec<_> = missing.iter().copied().filter(|content| self.is_due(content)).collect();
        due.iter().for_each(|content| {
            self.0.entry(*content).or_insert(0);
        });
        due
    }

    /// Whether it was never asked for, or for too long.
    fn is_due(&self, content: &Digest) -> bool {
        self.0.get(content).is_none_or(|ticks| *ticks >= OVERDUE)
    }

    /// Whether it was asked for and should be here.
    pub(crate) fn is_overdue(&self, content: &Digest) -> bool {
        self.0.get(content).is_some_and(|ticks| *ticks >= OVERDUE)
    }

    /// Begins a tick; what nobody needs any more is forgotten.
    pub(crate) fn tick(&mut self, needed: impl Fn(&Digest) -> bool) {
        self.0.retain(|content, _| needed(content));
        self.0.values_mut().for_each(|ticks| *ticks = ticks.saturating_add(1));
    }

    /// Nothing that was asked for is going to come.
    pub(crate) fn lapse(&mut self) {
        self.0.values_mut().for_each(|ticks| *ticks = OVERDUE);
    }

    /// Adds what another replica of the same node asked for.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (content, ticks) in other.0 {
            let ours = self.0.entry(content).or_insert(ticks);
            *ours = ticks.max(*ours);
        }
    }
}
