//! The heads of a set of operations: those that no other names. Kept up to date, so that signing
//! an operation does not read all the others.

use crate::legal::MAX_LAMPORT;
use crate::op::{OpId, VerifiedOp};
use espalier_identity::PeerId;
use std::collections::{BTreeMap, BTreeSet};

/// The heads of a set of operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heads {
    heads: BTreeMap<OpId, (u64, PeerId)>,
    /// Named by an operation of the set, and not in it.
    awaited: BTreeSet<OpId>,
    /// The greatest legal logical time.
    latest: u64,
}

impl Heads {
    /// Adds an operation; `holds` says which identifiers are of operations of the set.
    pub(crate) fn insert(&mut self, op: &VerifiedOp, holds: impl Fn(&OpId) -> bool) {
        let (lamport, author, id) = op.order();
        if lamport <= MAX_LAMPORT {
            self.latest = self.latest.max(lamport);
        }
        if !self.awaited.remove(&id) {
            self.heads.insert(id, (lamport, author));
        }
        for named in op.op().prev.iter().chain(&op.op().deps) {
            if self.heads.remove(named).is_none() && !holds(named) {
                self.awaited.insert(*named);
            }
        }
    }

    /// The logical time of whatever is said next. Stands still at the limit: an author who pushes
    /// the clock there silences nobody.
    pub(crate) fn next_lamport(&self) -> u64 {
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
