//! The operations of an arena, found by identifier, by place in their author's chain, and by what
//! they contribute.

use crate::arena::bits::Bits;
use crate::arena::entry::Entry;
use crate::arena::forks::Rule;
use crate::signed::fault::Judged;
use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use espalier_identity::{Digest, PeerId};
use espalier_lattice::Dot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// From how many operations on the rule for places can leave one out.
const CROWD: usize = 3;

/// Operations by their number in the arena, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Index {
    entries: Vec<Arc<Entry>>,
    by_id: BTreeMap<OpId, u32>,
    places: BTreeSet<(PeerId, u64, u32)>,
    /// Contributions by the root of their tensors.
    by_root: BTreeMap<Digest, Vec<u32>>,
    /// Operations at places that hold so many that a state may not keep them all.
    crowded: Bits,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, index: u32) -> &Arc<Entry> {
        &self.entries[index as usize]
    }

    pub(crate) fn find(&self, id: &OpId) -> Option<&Arc<Entry>> {
        self.by_id.get(id).map(|index| self.get(*index))
    }

    pub(crate) fn with_root(&self, root: &Digest) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_root.get(root).into_iter().flatten().map(|index| self.get(*index))
    }

    /// Adds an operation that is not here; true if its place is crowded.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) -> bool {
        let (index, dot) = (entry.index, entry.op.op().dot());
        self.by_id.insert(entry.op.id(), index);
        self.places.insert((dot.actor, dot.seq, index));
        if let Some((root, ..)) = entry.roots {
            self.by_root.entry(root).or_default().push(index);
        }
        self.entries.push(entry);
        let here: Vec<u32> = self.at(dot).map(|entry| entry.index).collect();
        let crowded = here.len() >= CROWD;
        if crowded {
            here.into_iter().for_each(|index| {
                self.crowded.insert(index);
            });
        }
        crowded
    }

    /// The operations at one place, in the order in which they came.
    pub(crate) fn at(&self, dot: Dot<PeerId>) -> impl Iterator<Item = &Arc<Entry>> {
        self.chain(dot.actor, dot.seq, dot.seq)
    }

    /// An author's operations from one number to another.
    pub(crate) fn chain(
        &self,
        author: PeerId,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = &Arc<Entry>> {
        let range = self.places.range((author, from, 0)..=(author, to, u32::MAX));
        range.map(|(.., index)| self.get(*index))
    }

    /// The operations of `set` at a place, ascending by id.
    fn held_at(&self, set: &Bits, dot: Dot<PeerId>) -> Vec<&Arc<Entry>> {
        let mut held: Vec<_> = self.at(dot).filter(|entry| set.contains(entry.index)).collect();
        held.sort_unstable_by_key(|entry| entry.op.id());
        held
    }

    /// What `theirs` adds to `ours` at crowded places. O(words).
    pub(crate) fn crowded_among(&self, ours: &Bits, theirs: &Bits) -> Vec<u32> {
        let both = theirs.words().iter().zip(self.crowded.words());
        if both.into_iter().all(|(theirs, crowded)| theirs & crowded == 0) {
            return Vec::new();
        }
        theirs.minus(ours).filter(|index| self.crowded.contains(*index)).collect()
    }

    /// Takes out of `set` what the rule leaves out at the places of `new`; true if there was any.
    pub(crate) fn prune(
        &self,
        policy: &Policy,
        set: &mut Bits,
        new: impl IntoIterator<Item = u32>,
    ) -> bool {
        let crowded = new.into_iter().filter(|index| self.crowded.contains(*index));
        let places: BTreeSet<_> = crowded.map(|index| self.get(index).op.op().dot()).collect();
        let mut lost = false;
        for dot in places {
            let mut rule = Rule::default();
            for entry in self.held_at(set, dot) {
                if !rule.keeps(policy, entry.convictions()) {
                    set.remove(entry.index);
                    lost = true;
                }
            }
        }
        lost
    }

    /// Whether the rule leaves an operation out of `set` that is not here yet.
    pub(crate) fn refuses(&self, policy: &Policy, set: &Bits, judged: &Judged) -> bool {
        let (dot, id) = (judged.op.op().dot(), judged.op.id());
        let held = self.held_at(set, dot);
        let lesser = held.iter().take_while(|entry| entry.op.id() < id);
        let mut rule = Rule::default();
        lesser.for_each(|entry| {
            rule.keeps(policy, entry.convictions());
        });
        !rule.keeps(policy, judged.convictions())
    }
}
