//! What the states of one process share: a shelf, and the federations that use it.

use crate::arena::Shelf;
use crate::signed::policy::Policy;
use crate::state::federation::{Federation, Federations};
use std::ops::Deref;
use std::sync::Arc;

/// A shared arena: a [`Shelf`], and what the states on it have in common. Cheap to clone; clones
/// are the same arena.
#[derive(Debug, Clone, Default)]
pub struct Arena {
    shelf: Shelf,
    federations: Arc<Federations>,
}

impl Deref for Arena {
    type Target = Shelf;

    fn deref(&self) -> &Shelf {
        &self.shelf
    }
}

impl Arena {
    /// The number of policies the states in this arena have.
    pub(crate) fn policies(&self) -> usize {
        self.federations.count()
    }

    /// What the states in this arena under `policy` share.
    pub(crate) fn federation(&self, policy: Policy) -> Arc<Federation> {
        self.federations.get(self, policy)
    }
}
