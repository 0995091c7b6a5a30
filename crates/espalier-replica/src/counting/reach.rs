//! The number of authors of a set of operations and their highest sequence numbers, which determine
//! the length of its frontier.

use crate::counting::lengths;
use crate::signed::op::Op;
use crate::signed::policy::Policy;
use crate::wire::packing::bits;

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

    /// The number of bytes the frontier of the set takes in a message; only its views can tell if
    /// an author is not of the genesis.
    pub(crate) fn frontier_len(self) -> Option<u64> {
        let bits = u64::from(self.positions) * u64::from(self.width);
        let by_position = bits.div_ceil(8);
        // The width, the numbers, and no author by key.
        let len = 1 + lengths::list_len(by_position, by_position) + lengths::list_len(0, 0);
        self.is_known().then_some(len)
    }

    /// Whether all authors are of the genesis for sure.
    pub(crate) fn is_known(self) -> bool {
        self.positions != Self::UNKNOWN
    }
}
