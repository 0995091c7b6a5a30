//! What is visible of a node, and of its operations, at a moment of a run.

use espalier_identity::{Digest, PeerId};
use espalier_replica::MergeState;
use espalier_trust::Tick;
use serde::Serialize;
use std::collections::BTreeMap;

/// A node at the end of a run.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) id: PeerId,
    pub(crate) active: bool,
    pub(crate) state: MergeState,
}

/// What can be seen of a node at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeView {
    /// The name of the node.
    pub name: String,
    /// The public key of the node.
    pub id: PeerId,
    /// Whether it took part.
    pub active: bool,
    /// The number of operations it held.
    pub operations: u64,
    /// The authors whose contributions were visible.
    pub visible: Vec<String>,
    /// The number of contributions that were made and are gone.
    pub tombstones: u64,
    /// Sequence numbers by author; −1 for a forked one.
    pub clock: BTreeMap<String, i64>,
    /// Overall trust in each author that is known; `None` where it cannot be computed.
    pub trust: Option<BTreeMap<String, f64>>,
    /// Its state hash.
    pub state_hash: Digest,
    /// Its bound root.
    pub bound_root: Digest,
}

impl NodeView {
    /// A node as it is. O(n log n), trust included.
    pub(crate) fn of(node: &Last, names: &BTreeMap<PeerId, String>) -> Self {
        let state = &node.state;
        let name = |peer: &PeerId| names.get(peer).cloned().unwrap_or_else(|| peer.short());
        let tick = |(author, tick): (&PeerId, Tick)| match tick {
            Tick::Seq(seq) => (name(author), i64::try_from(seq).unwrap_or(i64::MAX)),
            Tick::Forked => (name(author), -1),
        };
        let trust = state.trust().ok().map(|table| {
            table.iter().map(|(peer, trust)| (name(peer), trust.overall().to_f64())).collect()
        });
        Self {
            name: name(&node.id),
            id: node.id,
            active: node.active,
            operations: state.op_count() as u64,
            visible: state.visible().map(|entry| name(&entry.op().op().author)).collect(),
            tombstones: state.tombstones(),
            clock: state.clock().ticks().map(tick).collect(),
            trust,
            state_hash: state.state_hash(),
            bound_root: state.bound_root(),
        }
    }
}

/// An operation that a node held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOp {
    /// The operation's hash.
    pub op: Digest,
    /// `contribute`, `retract`, `attest`, `evidence` or `vote`.
    pub kind: String,
    /// Name of the author's node.
    pub author: String,
    /// The author's sequence number.
    pub seq: u64,
    /// Logical time.
    pub lamport: u64,
    /// The number of heads it had seen.
    pub deps: u32,
    /// What it says, in words.
    pub text: String,
    /// Root of the contribution's tensors.
    pub content: Option<Digest>,
    /// Declared weight.
    pub weight: Option<f64>,
}
