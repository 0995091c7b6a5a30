//! Operations of keys that are not admitted: kept for a while outside the state, where they count
//! nothing, and taken in once their author is admitted.

use crate::signed::op::SignedOp;
use espalier_identity::{PeerId, canonical};
use std::collections::VecDeque;

/// How many bytes of strangers' operations are kept; the oldest give way.
const MAX_POOL_LEN: usize = 16 << 20;

/// How many operations are kept.
const MAX_POOL: usize = 1024;

/// How many of them may come from one peer, and how many bytes.
pub(crate) const MAX_POOL_PER_PEER: usize = 256;
const MAX_POOL_LEN_PER_PEER: usize = 4 << 20;

#[derive(Debug, Clone)]
struct Kept {
    from: PeerId,
    op: SignedOp,
    len: usize,
}

/// Strangers' operations, unchecked, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Strangers(VecDeque<Kept>);

impl Strangers {
    /// Keeps the beginning of what `from` sent, in place of the oldest. O(kept) for each operation.
    pub(crate) fn put(&mut self, from: PeerId, ops: Vec<SignedOp>) {
        for op in ops.into_iter().take(MAX_POOL_PER_PEER) {
            let len = canonical::len(&op);
            if len > MAX_POOL_LEN_PER_PEER || self.0.iter().any(|kept| kept.op == op) {
                continue;
            }
            self.0.push_back(Kept { from, op, len });
            self.shrink(MAX_POOL_PER_PEER, MAX_POOL_LEN_PER_PEER, |kept| kept.from == from);
            self.shrink(MAX_POOL, MAX_POOL_LEN, |_| true);
        }
    }

    /// Drops what `peer` sent.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.0.retain(|kept| kept.from != *peer);
    }

    /// Drops the oldest for which `of` is true until at most `most` are left, and `limit` bytes.
    fn shrink(&mut self, most: usize, limit: usize, of: impl Fn(&Kept) -> bool) {
        let (mut count, mut len) = (0, 0);
        for kept in self.0.iter().filter(|kept| of(kept)) {
            count += 1;
            len += kept.len;
        }
        while count > most || len > limit {
            let Some(oldest) = self.0.iter().position(&of) else { return };
            len -= self.0.remove(oldest).map_or(len, |kept| kept.len);
            count -= 1;
        }
    }

    /// Takes out the operations of one author who is admitted, with the peer that sent the last.
    pub(crate) fn take(
        &mut self,
        admits: impl Fn(&PeerId) -> bool,
    ) -> Option<(PeerId, Vec<SignedOp>)> {
        let last = self.0.iter().rev().find(|kept| admits(&kept.op.op.author))?;
        let (from, author) = (last.from, last.op.op.author);
        let all = std::mem::take(&mut self.0);
        let (taken, rest): (VecDeque<_>, VecDeque<_>) =
            all.into_iter().partition(|kept| kept.op.op.author == author);
        self.0 = rest;
        Some((from, taken.into_iter().map(|kept| kept.op).collect()))
    }
}
