//! How much of one author a replica takes in per tick, so that nobody's flood costs the others
//! anything.

use crate::signed::op::OpId;
use crate::state::MergeState;
use crate::state::apply::{Checks, Prepared};
use espalier_identity::PeerId;
use std::collections::BTreeMap;

/// How many bytes of new operations of one author a replica takes in between two calls of
/// [`Replica::tick`](crate::Replica::tick), unless it is set otherwise. One operation is always
/// taken, however long.
pub const BUDGET: usize = 8 << 20;

/// What was taken in since the last tick, and how much that may be.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limit: usize,
    taken: BTreeMap<PeerId, Taken>,
}

/// What was taken in of one author, and how long that is. An operation that comes again in one tick
/// is paid for once.
#[derive(Debug, Clone, Default)]
struct Taken {
    lens: BTreeMap<OpId, usize>,
    len: usize,
}

impl Taken {
    fn add(&mut self, id: OpId, len: usize) {
        if self.lens.insert(id, len).is_none() {
            self.len += len;
        }
    }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, taken: BTreeMap::new() }
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(crate) fn tick(&mut self) {
        self.taken.clear();
    }

    fn spent(&self, author: &PeerId) -> usize {
        self.taken.get(author).map_or(0, |taken| taken.len)
    }

    /// Parts operations into what is within the budget, of each author the beginning of what is
    /// there, and the rest, which a later exchange brings again. What waits for its tensors,
    /// `checks`, was paid for when it came. `ops` come by (author, seq); `head` says whose each is,
    /// which, and how long.
    pub(crate) fn cut(
        &self,
        state: &MergeState,
        checks: &Checks,
        ops: Vec<usize>,
        head: impl Fn(usize) -> (PeerId, OpId, usize),
    ) -> (Vec<usize>, Vec<usize>) {
        let most = self.taken.values().map(|taken| taken.len).max().unwrap_or(0);
        let len: usize = ops.iter().map(|op| head(*op).2).sum();
        if len.saturating_add(most) <= self.limit {
            return (ops, Vec::new());
        }
        // Of the author whose operations come now: what it has spent, and whether that is all.
        let mut current: Option<(PeerId, usize, bool)> = None;
        ops.into_iter().partition(|op| {
            let (author, id, len) = head(*op);
            let (_, spent, full) = match &mut current {
                Some(current) if current.0 == author => current,
                current => current.insert((author, self.spent(&author), false)),
            };
            if *full {
                return false;
            }
            let paid = self.taken.get(&author).is_some_and(|taken| taken.lens.contains_key(&id));
            if paid || checks.contains_key(&id) || state.view().ops().get(&id).is_some() {
                return true;
            }
            if *spent > 0 && spent.saturating_add(len) > self.limit {
                *full = true;
                return false;
            }
            *spent += len;
            true
        })
    }

    /// Notes what was checked now and is new.
    pub(crate) fn charge(&mut self, state: &MergeState, checks: &Checks, ops: &Prepared) {
        let known = |id: &OpId| checks.contains_key(id) || state.view().ops().get(id).is_some();
        for op in ops.iter().filter(|op| !known(&op.id())) {
            self.taken.entry(op.op().author).or_default().add(op.id(), op.encoded_len());
        }
    }

    /// Adds what another replica of the same node took in.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (author, theirs) in other.taken {
            let ours = self.taken.entry(author).or_default();
            theirs.lens.into_iter().for_each(|(id, len)| ours.add(id, len));
        }
    }
}
