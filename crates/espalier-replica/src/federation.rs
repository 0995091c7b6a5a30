//! What the states of one arena under one policy share: both of them, and the views that exist.

use crate::arena::Arena;
use crate::lazy::Views;
use crate::policy::Policy;
use espalier_identity::Digest;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// An arena and a policy.
#[derive(Debug)]
pub(crate) struct Federation {
    pub(crate) policy: Policy,
    pub(crate) arena: Arena,
    pub(crate) views: Views,
}

/// The federations of an arena by the hash of their policy; forgotten with their last state.
#[derive(Debug, Default)]
pub(crate) struct Federations(Mutex<BTreeMap<Digest, Weak<Federation>>>);

impl Federations {
    pub(crate) fn get(&self, arena: &Arena, policy: Policy) -> Arc<Federation> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(federation) = known.get(&policy.hash()).and_then(Weak::upgrade) {
            return federation;
        }
        known.retain(|_, federation| federation.strong_count() > 0);
        let (hash, views) = (policy.hash(), Views::default());
        let federation = Arc::new(Federation { policy, arena: arena.clone(), views });
        known.insert(hash, Arc::downgrade(&federation));
        federation
    }
}
