//! How long a frontier is on the wire, mostly without making it.

use crate::message::{Seen, bits};
use crate::signed::op::Op;
use crate::signed::policy::Policy;
use crate::state::MergeState;
use crate::wire;
use espalier_identity::canonical;

/// Of a set of operations whose authors are all of the genesis: how many keys of the genesis there
/// are up to the last author, and how many bits the greatest number needs. Both grow with the set,
/// so a join takes the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reach {
    positions: u32,
    width: u8,
}

impl Reach {
    /// Of a set with another author in it: only its views can tell.
    const UNKNOWN: u32 = u32::MAX;

    /// Of a set of one operation.
    pub(crate) fn of(policy: &Policy, op: &Op) -> Self {
        let position = policy.roster_index(&op.author);
        let count = position.and_then(|position| u32::try_from(position + 1).ok());
        Self { positions: count.unwrap_or(Self::UNKNOWN), width: bits(op.seq) }
    }

    /// Of the union of two sets.
    pub(crate) fn max(self, other: Self) -> Self {
        let (positions, width) = (self.positions.max(other.positions), self.width.max(other.width));
        Self { positions, width }
    }

    /// Whether all authors are of the genesis for sure.
    pub(crate) fn is_known(self) -> bool {
        self.positions != Self::UNKNOWN
    }
}

impl MergeState {
    /// How many bytes the frontier takes in a message, see [`wire::differs_len`]. O(1) if all
    /// authors are of the genesis, otherwise the views are made.
    #[must_use]
    pub fn frontier_len(&self) -> u64 {
        if self.reach.is_known() {
            let bits = u64::from(self.reach.positions) * u64::from(self.reach.width);
            let by_position = bits.div_ceil(8);
            // The width, the numbers, and no author by key.
            return 1 + wire::list_len(by_position, by_position) + wire::list_len(0, 0);
        }
        canonical::encode(&Seen::new(&self.frontier(), self.policy())).len() as u64
    }
}
