//! What the states of one process share: a shelf, and the federations that use it. The states of
//! one federation have one policy and share the views that exist and what operations bring.

use crate::arena::Shelf;
use crate::counting::tally::Tally;
use crate::signed::policy::Policy;
use crate::state::views::Views;
use espalier_identity::Digest;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};

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

/// An arena and a policy.
#[derive(Debug)]
pub(crate) struct Federation {
    pub(crate) policy: Policy,
    pub(crate) arena: Arena,
    pub(crate) views: Views,
    tally: RwLock<Tally>,
}

impl Federation {
    /// The tally of all operations of the arena.
    pub(crate) fn tally(&self) -> RwLockReadGuard<'_, Tally> {
        let read = || self.tally.read().unwrap_or_else(PoisonError::into_inner);
        let tally = read();
        // Whoever has a set has it from where the arena's length was written before.
        if tally.len() >= self.arena.len() {
            return tally;
        }
        drop(tally);
        let mut tally = self.tally.write().unwrap_or_else(PoisonError::into_inner);
        self.arena.with_index(|index| tally.learn(&self.policy, index));
        drop(tally);
        read()
    }
}

/// The federations of an arena by the hash of their policy; forgotten with their last state.
#[derive(Debug, Default)]
pub(crate) struct Federations(Mutex<BTreeMap<Digest, Weak<Federation>>>);

impl Federations {
    /// The number of them.
    pub(crate) fn count(&self) -> usize {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().filter(|federation| federation.strong_count() > 0).count()
    }

    pub(crate) fn get(&self, arena: &Arena, policy: Policy) -> Arc<Federation> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(federation) = known.get(&policy.hash()).and_then(Weak::upgrade) {
            return federation;
        }
        known.retain(|_, federation| federation.strong_count() > 0);
        let (hash, views, tally) = (policy.hash(), Views::default(), RwLock::default());
        let federation = Arc::new(Federation { policy, arena: arena.clone(), views, tally });
        known.insert(hash, Arc::downgrade(&federation));
        federation
    }
}
