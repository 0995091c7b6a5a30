//! Which contributions are heard: of each author the latest live one that is not beyond the
//! majority's next training round, and those of the rounds before it.

use crate::arena::entry::Entry;
use espalier_identity::{Digest, PeerId};
use espalier_provenance::MerkleMap;
use espalier_trust::majority;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The contributions that are heard. Who may be heard is for the caller to say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visible {
    /// The last round of each author who may be heard and has a live contribution.
    rounds: BTreeMap<PeerId, u64>,
    /// The number of authors that have each of them as their last.
    count: BTreeMap<u64, usize>,
    frontier: u64,
    latest: BTreeMap<PeerId, Arc<Entry>>,
    /// Live contributions of earlier rounds that the score averages over, latest first.
    past: BTreeMap<PeerId, Vec<Arc<Entry>>>,
    /// The visible ones and those before them.
    tree: MerkleMap,
    /// What is to be put there.
    chosen: Vec<(Digest, Digest)>,
}

impl Visible {
    pub(crate) fn latest(&self) -> &BTreeMap<PeerId, Arc<Entry>> {
        &self.latest
    }

    /// The contributions of `author` before the visible one, latest first.
    pub(crate) fn past(&self, author: &PeerId) -> &[Arc<Entry>] {
        self.past.get(author).map_or(&[], Vec::as_slice)
    }

    /// Commits to what was chosen last, once it is settled.
    pub(crate) fn root(&self) -> Digest {
        self.tree.root()
    }

    /// Notes the last round of an author; `None` if it may not be heard or has nothing live.
    pub(crate) fn note_round(&mut self, author: PeerId, round: Option<u64>) {
        let before = match round {
            Some(round) => self.rounds.insert(author, round),
            None => self.rounds.remove(&author),
        };
        if before == round {
            return;
        }
        if let Some(before) = before
            && let Some(count) = self.count.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.count.remove(&before);
            }
        }
        if let Some(round) = round {
            *self.count.entry(round).or_default() += 1;
        }
    }

    /// Brings the frontier round of a roster of `n` up to date: the h-th largest of the last
    /// rounds, absent authors counted as 0. True if it moved. O(rounds).
    pub(crate) fn advance(&mut self, n: usize) -> bool {
        let mut left = majority(n);
        let reached = self.count.iter().rev().find(|(_, count)| {
            left = left.saturating_sub(**count);
            left == 0
        });
        let frontier = reached.map_or(0, |(round, _)| *round);
        std::mem::replace(&mut self.frontier, frontier) != frontier
    }

    /// Chooses among the live contributions of an author, none if it may not be heard: the latest
    /// that is not from a round beyond the majority's next. Those of the `history` rounds before,
    /// one each, speak for it. For each author once, then [`Visible::settle`].
    pub(crate) fn choose(&mut self, author: PeerId, live: &[Arc<Entry>], history: u64) {
        let mut chosen: Vec<Arc<Entry>> =
            live.iter().filter(|e| round_of(e) <= self.frontier + 1).cloned().collect();
        let key = |entry: &Arc<Entry>| (round_of(entry), entry.op.op().seq, entry.op.id());
        chosen.sort_unstable_by_key(|entry| std::cmp::Reverse(key(entry)));
        chosen.dedup_by_key(|entry| round_of(entry));
        let latest = chosen.first().map_or(0, |entry| round_of(entry));
        chosen.retain(|entry| round_of(entry) + history > latest);
        let held = self.latest.get(&author).into_iter().chain(self.past(&author));
        if held.map(|entry| entry.index).eq(chosen.iter().map(|entry| entry.index)) {
            return;
        }
        let before = self.latest.remove(&author).into_iter();
        for before in before.chain(self.past.remove(&author).into_iter().flatten()) {
            self.tree.remove(&before.op.id());
        }
        for entry in &chosen {
            let root = entry.roots.map_or(Digest::ZERO, |(root, ..)| root);
            self.chosen.push((entry.op.id(), root));
        }
        let mut chosen = chosen.into_iter();
        if let Some(visible) = chosen.next() {
            self.latest.insert(author, visible);
        }
        if chosen.len() > 0 {
            self.past.insert(author, chosen.collect());
        }
    }

    /// Puts what was chosen into the tree.
    pub(crate) fn settle(&mut self) {
        self.tree.insert_all(std::mem::take(&mut self.chosen));
    }
}

/// The training round of a contribution.
pub(crate) fn round_of(entry: &Entry) -> u64 {
    entry.op.contribution().map_or(0, |c| c.round)
}

#[cfg(test)]
mod tests {
    use super::*;
    use espalier_trust::frontier_round;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_frontier_is_that_of_the_score(
            steps in prop::collection::vec((0..8_u8, prop::option::of(0..5_u64)), 0..40),
            n in 0..10_usize,
        ) {
            let mut visible = Visible::default();
            let mut rounds = BTreeMap::new();
            for (who, round) in steps {
                let author = PeerId::from_bytes([who; 32]);
                visible.note_round(author, round);
                match round {
                    Some(round) => rounds.insert(author, round),
                    None => rounds.remove(&author),
                };
                let before = visible.frontier;
                let moved = visible.advance(n);
                let expected = frontier_round(n, rounds.values().copied());
                prop_assert_eq!((visible.frontier, moved), (expected, before != expected));
            }
        }
    }
}
