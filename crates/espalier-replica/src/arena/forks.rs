//! One place of an author's chain: normally one operation, of an equivocator several.
//!
//! Which of them a state keeps is one rule. It is applied where sets are joined; whoever reads a
//! set finds it applied, and so does whoever reads a part of one: what stays among more stays
//! among fewer.

use crate::arena::entry::Entry;
use crate::signed::fault::Conviction;
use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use espalier_identity::PeerId;
use espalier_trust::{FaultKind, Record as _};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which of the operations at one place stay: the two of least id, which convict an equivocator,
/// and for every other conviction of a key of the genesis that an operation there shows the one of
/// least id. So no fork takes a conviction back, and a place holds a bounded number.
///
/// What goes shows nothing that a lesser one does not show, so leaving it out first changes no
/// other's fate: kept(kept(A) ∪ B) = kept(A ∪ B), and joining sets stays associative.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    before: usize,
    shown: BTreeSet<(PeerId, FaultKind)>,
}

impl Rule {
    /// Whether the operation with these convictions stays. To be asked of all operations of a
    /// place, ascending by id.
    pub(crate) fn keeps<'a>(
        &mut self,
        policy: &Policy,
        convictions: impl Iterator<Item = &'a Conviction>,
    ) -> bool {
        let count = convictions.filter(|c| policy.admits(&c.accused()));
        let news = count.fold(false, |news, c| self.shown.insert((c.accused(), c.kind())) | news);
        self.before += 1;
        self.before <= 2 || news
    }
}

/// The operations at one place, ascending by id.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    least: Arc<Entry>,
    more: Vec<Arc<Entry>>,
}

impl Slot {
    pub(crate) fn new(entry: Arc<Entry>) -> Self {
        Self { least: entry, more: Vec::new() }
    }

    pub(crate) fn least(&self) -> &Arc<Entry> {
        &self.least
    }

    pub(crate) fn is_forked(&self) -> bool {
        !self.more.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        std::iter::once(&self.least).chain(&self.more)
    }

    pub(crate) fn find(&self, id: &OpId) -> Option<&Arc<Entry>> {
        self.iter().find(|entry| entry.op.id() == *id)
    }

    /// Adds an operation that is not here; at which place it is now.
    pub(crate) fn add(&mut self, entry: Arc<Entry>) -> usize {
        let id = entry.op.id();
        if id < self.least.op.id() {
            self.more.insert(0, std::mem::replace(&mut self.least, entry));
            return 0;
        }
        let at = self.more.partition_point(|other| other.op.id() < id);
        self.more.insert(at, entry);
        at + 1
    }
}
