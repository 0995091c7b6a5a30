//! Splitting the nodes into parts that do not talk to each other for a while.

use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::error::TopologyError;

/// A split of the nodes into a number of parts of nearly equal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Number of parts, 1 to the number of nodes.
    pub parts: usize,
}

impl Partition {
    /// The part of each node; see [`assign_parts`].
    ///
    /// # Errors
    ///
    /// [`TopologyError::Parts`] unless there are 1 to `nodes` parts.
    pub fn assign(self, nodes: usize, seed: u64) -> Result<Vec<u32>, TopologyError> {
        let parts = self.parts;
        if parts == 0 || parts > nodes {
            return Err(TopologyError::Parts { nodes, parts });
        }
        Ok(assign_parts(nodes, parts, seed))
    }
}

/// Gives each node a part in `0..parts`: a seeded shuffle dealt out in turn, so part sizes
/// differ by at most one. `parts` is taken as 1 to `nodes`; [`Partition::assign`] refuses others.
///
/// The parts are random sets of nodes. What a part's nodes keep of a sparse network's edges may
/// therefore fall into several pieces; none of them hears of the others before the split ends.
///
/// ```
/// let part = espalier_topology::assign_parts(10, 3, 1);
/// let sizes: Vec<_> = (0..3).map(|p| part.iter().filter(|q| **q == p).count()).collect();
/// assert_eq!(sizes, [4, 3, 3]);
/// ```
pub fn assign_parts(nodes: usize, parts: usize, seed: u64) -> Vec<u32> {
    let parts = parts.clamp(1, nodes.max(1)).min(u32::MAX as usize);
    let mut dealt: Vec<u32> = (0..nodes).map(|place| (place % parts) as u32).collect();
    Draw::new(seed, nodes, &format!("partition:{parts}")).shuffle(&mut dealt);
    dealt
}
