//! Every operation that any node was seen to hold, with what follows from it alone, computed once.
//! The limits of fields are written down here a second time.

use espalier_identity::PeerId;
use espalier_lattice::Dot;
use espalier_replica::{Body, MergeState, Op, OpId, VerifiedOp};
use espalier_trust::{FaultKind, Q16, Record as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who is convicted of what.
pub(crate) type Verdict = (PeerId, FaultKind);

/// The greatest logical time.
pub(crate) const MAX_LAMPORT: u64 = 1 << 48;
const MAX_ROUND: u64 = 1 << 32;
const MAX_NAME_LEN: usize = 256;
const MAX_TARGETS: usize = 1024;
const MAX_WEIGHT: u64 = 1 << 48;
const MAX_BOUND: u32 = 0x7f7f_ffff;

/// An operation and what it shows by itself.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) op: VerifiedOp,
    /// What it convicts its author of; then it has no other effect.
    pub(crate) guilt: Option<FaultKind>,
    /// The verdict of the record that it carries.
    pub(crate) carried: Option<Verdict>,
}

impl Fact {
    fn new(op: &VerifiedOp) -> Self {
        let (mut guilt, mut carried) = (None, None);
        if has_illegal_field(op.op()) {
            guilt = Some(FaultKind::IllegalField);
        } else if removes(op.op()).iter().any(|dot| dot.actor != op.op().author) {
            guilt = Some(FaultKind::ForeignRetraction);
        }
        if let Body::Evidence(fault) = &op.op().body
            && fault.kind() != FaultKind::Slander
        {
            match fault.verify() {
                Ok(record) => carried = Some((record.accused(), record.kind())),
                Err(_) => guilt = guilt.or(Some(FaultKind::Slander)),
            }
        }
        Self { op: op.clone(), guilt, carried }
    }

    pub(crate) fn op(&self) -> &Op {
        self.op.op()
    }

    pub(crate) fn id(&self) -> OpId {
        self.op.id()
    }

    pub(crate) fn dot(&self) -> Dot<PeerId> {
        self.op().dot()
    }

    /// The verdicts that it shows.
    pub(crate) fn shows(&self) -> impl Iterator<Item = Verdict> {
        let guilt = self.guilt.map(|kind| (self.op().author, kind));
        guilt.into_iter().chain(self.carried)
    }
}

/// The contributions that an operation names as removed.
pub(crate) fn removes(op: &Op) -> &[Dot<PeerId>] {
    match &op.body {
        Body::Contribute(contribution) => &contribution.replaces,
        Body::Retract { targets } => targets,
        Body::Attest { .. } | Body::Evidence(_) | Body::Vote { .. } => &[],
    }
}

fn has_illegal_field(op: &Op) -> bool {
    let illegal = match &op.body {
        Body::Contribute(c) => {
            !(1..=MAX_WEIGHT).contains(&c.weight.raw())
                || c.round > MAX_ROUND
                || c.name.len() > MAX_NAME_LEN
                || c.manifest.check().is_err()
                || c.bound.bits() > MAX_BOUND
                || c.replaces.len() > MAX_TARGETS
        }
        Body::Retract { targets } => targets.len() > MAX_TARGETS,
        Body::Attest { value, .. } => *value > Q16::ONE,
        Body::Evidence(fault) => fault.kind() == FaultKind::Slander,
        Body::Vote { .. } => false,
    };
    illegal || !(1..=MAX_LAMPORT).contains(&op.lamport)
}

/// All facts by identifier.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    by_id: BTreeMap<OpId, Arc<Fact>>,
    /// The operations at each place of a chain.
    places: BTreeMap<Dot<PeerId>, BTreeSet<OpId>>,
}

impl Facts {
    /// Takes note of what a state holds, and returns it in the state's order.
    pub(crate) fn of(&mut self, state: &MergeState) -> Vec<Arc<Fact>> {
        state.ops().map(|op| self.learn(op)).collect()
    }

    fn learn(&mut self, op: &VerifiedOp) -> Arc<Fact> {
        if let Some(known) = self.by_id.get(&op.id()) {
            return known.clone();
        }
        let fact = Arc::new(Fact::new(op));
        self.by_id.insert(op.id(), fact.clone());
        self.places.entry(fact.dot()).or_default().insert(op.id());
        fact
    }

    pub(crate) fn get(&self, id: &OpId) -> Option<&Arc<Fact>> {
        self.by_id.get(id)
    }

    /// The number of operations.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many operations share their place with another.
    pub(crate) fn forked(&self) -> usize {
        self.places.values().map(BTreeSet::len).filter(|count| *count > 1).sum()
    }

    /// Whether the author of an operation signed another one with its number.
    pub(crate) fn is_forked(&self, dot: &Dot<PeerId>) -> bool {
        self.places.get(dot).is_some_and(|ids| ids.len() > 1)
    }
}
