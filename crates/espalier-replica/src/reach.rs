//! How long a frontier is on the wire, mostly without making it.

use crate::message::Seen;
use crate::op::Op;
use crate::policy::Policy;
use crate::state::MergeState;
use crate::wire;
use espalier_identity::canonical;

/// A number below this takes one byte.
const ONE_BYTE: u64 = 0x80;

/// Of a set of operations whose authors are all of the genesis and whose numbers all take a byte:
/// how many keys of the genesis there are up to the last author. Grows with the set, so a join
/// takes the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Reach(u32);

impl Reach {
    /// Of a set with another operation in it: only its views can tell.
    const UNKNOWN: Self = Self(u32::MAX);

    /// Of a set of one operation.
    pub(crate) fn of(policy: &Policy, op: &Op) -> Self {
        let position = policy.roster_index(&op.author).filter(|_| op.seq < ONE_BYTE);
        let count = position.and_then(|position| u32::try_from(position + 1).ok());
        count.map_or(Self::UNKNOWN, Self)
    }

    /// Whether all authors are of the genesis for sure.
    pub(crate) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }
}

impl MergeState {
    /// How many bytes the frontier takes in a message, see [`wire::differs_len`]. O(1) if all
    /// authors are of the genesis and have said fewer than 128 things, otherwise the views are
    /// made.
    #[must_use]
    pub fn frontier_len(&self) -> u64 {
        if self.reach.is_known() {
            // One byte for each author up to the last, and no author by key.
            let by_position = u64::from(self.reach.0);
            return wire::list_len(by_position, by_position) + wire::list_len(0, 0);
        }
        canonical::encode(&Seen::new(&self.frontier(), self.policy())).len() as u64
    }
}
