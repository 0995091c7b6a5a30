//! Watching a run: what can be seen of it while it goes, and nodes as they were after any round.
//!
//! A watcher gets the growing report and, with it, what no report holds: which messages passed,
//! a number for every node's state, and the nodes at that moment. All of it is read only, and
//! nothing of it is made when nobody watches.

use crate::report::node_view::{HeldOp, Last, NodeView};
use crate::report::{AuditEntry, Event, Outcome, Report};
use crate::world::World;
use espalier_identity::{Digest, PeerId};
use espalier_replica::{MergeState, OpId, Provenance, Tensors};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The progress of a watched run, and what can be seen of it.
#[derive(Debug)]
pub enum Sight<'a> {
    /// The nodes train.
    Training,
    /// Everything is set up; nothing has been exchanged. What is returned does not stop the run.
    Opening(Watched<'a>),
    /// A round is over.
    Round(Watched<'a>),
}

/// A run right after a round.
#[derive(Debug)]
pub struct Watched<'a> {
    /// The report as far as it goes; `rounds` ends with this round. `audit` and what is said of the
    /// end are empty.
    pub report: &'a Report,
    /// What happened in this round.
    pub events: &'a [Event],
    /// What passed between nodes in this round.
    pub passed: &'a [Passed],
    /// A number for the state of every node, sampled or not: equal numbers are equal state hashes,
    /// in all rounds. −1 is a node that takes no part.
    pub states: &'a [i32],
    /// The sampled nodes as they are now.
    pub moment: &'a Moment,
    audit: &'a VecDeque<AuditEntry>,
}

impl Watched<'_> {
    /// The exchanges of this round.
    pub fn audit(&self) -> impl Iterator<Item = &AuditEntry> {
        let before = self.audit.len().saturating_sub(self.passed.len());
        self.audit.range(before..)
    }
}

/// One direction of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Number of the node that sent.
    pub from: u32,
    /// Number of the node that received.
    pub to: u32,
    /// How the exchange ended.
    pub outcome: Outcome,
    /// Operations that were new to the receiver.
    pub ops: u32,
}

/// The sampled nodes at a moment. States that were equal at any two moments are kept once, and
/// their views are made when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    names: Arc<BTreeMap<PeerId, String>>,
    nodes: Vec<(u32, PeerId, bool, Arc<MergeState>)>,
}

/// A node at a moment, with everything it held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeMoment {
    /// What can be seen of it.
    #[serde(flatten)]
    pub node: NodeView,
    /// Bytes of its serialised state, tensors included.
    pub wire_bytes: u64,
    /// Its operations in their total order.
    pub held: Vec<HeldOp>,
}

impl Moment {
    /// A node by its number; `None` if there is none or it is not in the sample. O(n log n), trust
    /// included.
    #[must_use]
    pub fn node(&self, number: u32) -> Option<NodeMoment> {
        let (id, active, state) = self.find(number)?;
        let last = Last { id, active, state };
        let state = &last.state;
        let mut ops: Vec<_> = state.ops().collect();
        ops.sort_by_key(|op| op.order());
        let names = self.names.iter().map(|(id, name)| (*id, name.as_str())).collect();
        Some(NodeMoment {
            wire_bytes: state.encoded_len(Tensors::Inline),
            held: ops.into_iter().map(|op| HeldOp::of(op, &names)).collect(),
            node: NodeView::of(&last, &self.names),
        })
    }

    /// That a node held an operation, with the bound root under which it did; `None` if it did not,
    /// or is not in the sample.
    #[must_use]
    pub fn proof(&self, number: u32, op: &OpId) -> Option<(Digest, Provenance)> {
        let (_, _, state) = self.find(number)?;
        Some((state.bound_root(), state.provenance(op)?))
    }

    /// A state of its own, so that the views which are made now go with it.
    fn find(&self, number: u32) -> Option<(PeerId, bool, MergeState)> {
        let at = self.nodes.binary_search_by_key(&number, |node| node.0).ok()?;
        let (_, id, active, state) = &self.nodes[at];
        Some((*id, *active, MergeState::clone(state)))
    }
}

/// What is noted of a run that somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    moment: Moment,
    passed: Vec<Passed>,
    states: Vec<i32>,
    /// The number of each state hash.
    numbers: BTreeMap<Digest, i32>,
    /// The states that were kept, by fingerprint.
    kept: BTreeMap<u64, Vec<Arc<MergeState>>>,
    /// Events up to the round before, and up to this one.
    events: [usize; 2],
}

impl Notes {
    /// Begins with a round that is over: looks at the nodes.
    pub(crate) fn round(&mut self, world: &World, sampled: &[usize]) {
        self.passed.clear();
        let number = |node: &crate::node::Node| {
            if !node.active {
                return -1;
            }
            let next = self.numbers.len() as i32;
            *self.numbers.entry(node.state().state_hash()).or_insert(next)
        };
        self.states = world.nodes.iter().map(number).collect();
        if self.moment.names.is_empty() {
            let names = world.nodes.iter().map(|node| (node.id, node.name.clone()));
            self.moment.names = Arc::new(names.collect());
        }
        self.moment.nodes = sampled
            .iter()
            .map(|&at| {
                let node = &world.nodes[at];
                let state = keep(&mut self.kept, node.state());
                (at as u32, node.id, node.active, state)
            })
            .collect();
    }

    pub(crate) fn passed(&mut self, passed: Passed) {
        self.passed.push(passed);
    }

    /// Notes how many events there are once the round has all of its own.
    pub(crate) fn close(&mut self, events: usize) {
        self.events = [self.events[1], events];
    }

    pub(crate) fn watched<'a>(
        &'a self,
        report: &'a Report,
        audit: &'a VecDeque<AuditEntry>,
    ) -> Watched<'a> {
        let events = report.events.get(self.events[0]..self.events[1]).unwrap_or_default();
        let Self { passed, states, moment, .. } = self;
        Watched { report, events, passed, states, moment, audit }
    }
}

/// A state that is kept already if there is an equal one, a copy without views if not.
fn keep(kept: &mut BTreeMap<u64, Vec<Arc<MergeState>>>, state: &MergeState) -> Arc<MergeState> {
    let alike = kept.entry(state.fingerprint()).or_default();
    if let Some(equal) = alike.iter().find(|kept| ***kept == *state) {
        return equal.clone();
    }
    let state = Arc::new(state.without_views());
    alike.push(state.clone());
    state
}
