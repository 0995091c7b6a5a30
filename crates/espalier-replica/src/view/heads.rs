//! The heads of a set of operations: what the next operation names as its past. Kept up to date, so
//! that signing an operation does not read all the others.
//!
//! Whoever signs answers for what it names (E7: a copy of what lies in one's own past). So it names
//! only operations whose whole past it holds: nobody can be made to sign something that builds on
//! what a liar keeps back behind an operation of its own.

#[cfg(feature = "mutants")]
use crate::mutants::Mutant;
use crate::signed::legal::MAX_LAMPORT;
use crate::signed::op::{OpId, VerifiedOp};
use espalier_identity::PeerId;
use std::collections::BTreeMap;

/// An operation whose past is not all here.
#[derive(Debug, Clone)]
struct Parked {
    lamport: u64,
    author: PeerId,
    names: Vec<OpId>,
    /// How many of `names` are missing or parked themselves.
    missing: usize,
}

/// The heads of a set of operations: those with their whole past in the set that no other such
/// operation names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads {
    heads: BTreeMap<OpId, (u64, PeerId)>,
    parked: BTreeMap<OpId, Parked>,
    /// Which parked operations wait for an operation; once for each time they name it.
    waiting: BTreeMap<OpId, Vec<OpId>>,
    /// The greatest legal logical time.
    latest: u64,
}

impl Heads {
    /// Adds an operation; `holds` says which identifiers are of operations of the set. O(log n) for
    /// each name, and what has waited for it.
    pub(crate) fn insert(&mut self, op: &VerifiedOp, holds: impl Fn(&OpId) -> bool) {
        let (lamport, author, id) = op.order();
        if lamport <= MAX_LAMPORT {
            self.latest = self.latest.max(lamport);
        }
        let whole =
            |id: &OpId| self.heads.contains_key(id) || (holds(id) && !self.parked.contains_key(id));
        let missing: Vec<OpId> = op.op().past().filter(|id| !whole(id)).copied().collect();
        #[cfg(feature = "mutants")]
        let missing = if Mutant::BlindDeps.is_loose() { Vec::new() } else { missing };
        if missing.is_empty() {
            op.op().past().for_each(|id| {
                self.heads.remove(id);
            });
            self.heads.insert(id, (lamport, author));
            self.release(id);
            return;
        }
        let names = op.op().past().copied().collect();
        self.parked.insert(id, Parked { lamport, author, names, missing: missing.len() });
        missing.into_iter().for_each(|named| self.waiting.entry(named).or_default().push(id));
    }

    /// Moves up what waited for `id` and has its whole past now.
    fn release(&mut self, id: OpId) {
        let mut whole = vec![id];
        while let Some(id) = whole.pop() {
            for waiting in self.waiting.remove(&id).unwrap_or_default() {
                let Some(parked) = self.parked.get_mut(&waiting) else { continue };
                parked.missing -= 1;
                if parked.missing > 0 {
                    continue;
                }
                if let Some(Parked { lamport, author, names, .. }) = self.parked.remove(&waiting) {
                    names.iter().for_each(|id| {
                        self.heads.remove(id);
                    });
                    self.heads.insert(waiting, (lamport, author));
                    whole.push(waiting);
                }
            }
        }
    }

    /// The logical time of whatever is said next. Stands still at the limit: an author who pushes
    /// the clock there silences nobody.
    pub(crate) fn next_lamport(&self) -> u64 {
        #[cfg(feature = "mutants")]
        if Mutant::StoppedClock.is_loose() {
            return self.latest.max(1);
        }
        (self.latest + 1).min(MAX_LAMPORT)
    }

    /// At most `limit` heads without `except`, the latest if there are more, ascending.
    pub(crate) fn latest(&self, limit: usize, except: Option<OpId>) -> Vec<OpId> {
        let others = self.heads.iter().filter(|(id, _)| Some(**id) != except);
        let mut orders: Vec<_> = others.map(|(id, (l, author))| (*l, *author, *id)).collect();
        orders.sort_unstable_by(|a, b| b.cmp(a));
        let mut heads: Vec<_> = orders.into_iter().take(limit).map(|order| order.2).collect();
        heads.sort_unstable();
        heads
    }
}
