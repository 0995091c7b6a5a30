//! Views on demand, made once for each distinct set.
//!
//! A set of operations changes at every join, and most sets are never looked at. So a state keeps
//! its set, and next to it a cell for the views, empty until somebody asks. What was in it when the
//! set changes is the basis from which the next views are made. Views are functions of the set:
//! who asks first, on which thread, and from which basis, shows nowhere.

use crate::arena::bits::Bits;
use crate::arena::entry::Entry;
use crate::state::arena::{Arena, Federation};
use crate::state::views::{Built, lock};
use crate::view::View;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A cell for the views of a state's set.
#[derive(Debug, Default)]
pub(crate) struct Lazy {
    current: OnceLock<Arc<Built>>,
    /// The views of an earlier set of the same state.
    basis: Mutex<Option<Arc<Built>>>,
}

impl Clone for Lazy {
    fn clone(&self) -> Self {
        let basis = lock(&self.basis).clone();
        Self { current: self.current.clone(), basis: Mutex::new(basis) }
    }
}

impl Lazy {
    /// The set is another now.
    pub(crate) fn changed(&mut self) {
        if let Some(built) = self.current.take() {
            *self.basis.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(built);
        }
    }

    /// The views of `set`, which is what it was since the last change. O(new · log n) from a basis,
    /// O(n log n) from nothing, O(words) if another state holds them.
    pub(crate) fn get(&self, federation: &Arc<Federation>, set: &Bits) -> &View {
        &self.current.get_or_init(|| self.make(federation, set)).view
    }

    fn make(&self, federation: &Arc<Federation>, set: &Bits) -> Arc<Built> {
        let basis = lock(&self.basis).take();
        // A state that is alone has nobody to share with.
        let alone = Arc::strong_count(federation) == 1;
        if !alone && let Some(found) = federation.views.find(set) {
            return found;
        }
        let Federation { policy, arena, views, .. } = &**federation;
        let extended = basis.and_then(|basis| {
            let new: Vec<_> = set.minus(&basis.set).collect();
            let len = basis.len + new.len();
            let useful = new.len() <= basis.len && set.is_superset(&basis.set);
            useful.then(|| {
                let own = Arc::try_unwrap(basis);
                let mut view = own.map_or_else(|shared| shared.view.clone(), |own| own.view);
                view.extend(policy, &in_order(arena, new));
                Built { set: set.clone(), len, view }
            })
        });
        let built = Arc::new(extended.unwrap_or_else(|| {
            let entries = in_order(arena, set.iter());
            Built { set: set.clone(), len: entries.len(), view: View::of(policy, &entries) }
        }));
        if alone { built } else { views.remember(built) }
    }
}

#[cfg(test)]
impl Lazy {
    pub(crate) fn is_made(&self) -> bool {
        self.current.get().is_some()
    }
}

/// The operations with these numbers by (author, seq, id).
pub(crate) fn in_order(arena: &Arena, indices: impl IntoIterator<Item = u32>) -> Vec<Arc<Entry>> {
    let mut entries = arena.entries(indices.into_iter());
    entries.sort_by_cached_key(|entry| (entry.op.op().dot(), entry.op.id()));
    entries
}
