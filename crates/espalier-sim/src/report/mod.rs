//! What a run leaves behind: the report, its JSON form and its audit table.
//!
//! Field names are fixed; `docs/SIMULATION.md` says what each means and `docs/report.schema.json`
//! holds them as a JSON Schema. Arrays "per node" are in the order of `sampled_nodes`.

pub(crate) mod cost;
pub(crate) mod measure;
pub(crate) mod node_view;
mod opening;
pub(crate) mod outcome;
pub(crate) mod output;
pub(crate) mod summary;

use crate::config::Config;
use crate::course::event::EventKind;
use espalier_identity::{Digest, PeerId};
use espalier_replica::Fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Everything needed to run it again.
    pub config: Config,
    /// The seed (also in `config`).
    pub seed: u64,
    /// The policy under which the replicas merged.
    pub policy_hash: Digest,
    /// All nodes, in order.
    pub nodes: Vec<NodeInfo>,
    /// The network.
    pub topology: TopologyInfo,
    /// The model that is being merged.
    pub model: ModelInfo,
    /// What happened to the network and the nodes, in order.
    pub events: Vec<Event>,
    /// The nodes whose figures are computed and written each round, in order.
    pub sampled_nodes: Vec<String>,
    /// One entry per round; round 0 is the state before any exchange.
    pub rounds: Vec<Round>,
    /// The exchanges. Above 1,000 nodes only the last 100,000.
    pub audit: Vec<AuditEntry>,
    /// The number of exchanges.
    pub audit_total: u64,
    /// Encoding and decoding each node's final state, really done.
    pub round_trip: Vec<RoundTrip>,
    /// The operations of the final state in their total order, with the roots after each.
    pub trace: Vec<TraceEntry>,
    /// The records of the final state's evidence; `espalier verify --evidence` checks them offline.
    pub evidence: Vec<Fault>,
    /// The outcome.
    pub summary: Summary,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeInfo {
    /// Its public key.
    pub id: PeerId,
    /// Its name in this report.
    pub name: String,
    /// The name of the file with the model that it brings, without the folder; `None` where nodes
    /// train.
    #[serde(default)]
    pub file: Option<String>,
    /// The harness's knowledge. Nothing below the harness can read it.
    pub byzantine: bool,
    /// What it does, if it is Byzantine.
    pub attack: Option<String>,
}

impl NodeInfo {
    /// Its name, with that of its file if it brings one: `node_4 (m3.safetensors)`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.file {
            Some(file) => format!("{} ({file})", self.name),
            None => self.name.clone(),
        }
    }
}

/// The network and what theory says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologyInfo {
    /// The topology as on the command line.
    pub name: String,
    /// The number of edges.
    pub edge_count: u64,
    /// The edges as pairs of node indices; `None` above 5,000.
    pub edges: Option<Vec<(u32, u32)>>,
    /// Least, mean and greatest degree.
    pub degree: (u32, f64, u32),
    /// The longest shortest path; `None` where it was too costly to find.
    pub diameter: Option<u32>,
    /// 1 − the second largest eigenvalue of the gossip matrix; `None` above the size limit.
    pub spectral_gap: Option<f64>,
    /// At least this many rounds until all nodes can be equal.
    pub rounds_lower: u32,
    /// At most this many, with high probability.
    pub rounds_upper: u32,
    /// The theorem that the bounds come from.
    pub bound_source: String,
}

/// The model family.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// `digits`, `synthetic:SHAPE` or a path.
    pub family: String,
    /// Number of tensors.
    pub tensors: u64,
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of one contribution.
    pub bytes: u64,
    /// The root of the base model.
    pub base_root: Option<Digest>,
    /// Accuracy of the base model on the common test part.
    pub base_accuracy: Option<f64>,
    /// Accuracy of each node's own model on the common test part, per node.
    pub alone_accuracy: Option<Vec<f64>>,
    /// Accuracy of each node's own model on its private validation part, per node.
    pub validation_accuracy: Option<Vec<f64>>,
    /// Training examples, per node.
    pub samples: Option<Vec<u64>>,
    /// What a user should know about the models that nodes bring, such as files that are equal.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Something that happened to the network or to nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The round in which it happened.
    pub round: u32,
    /// The kind of event.
    pub kind: EventKind,
    /// The nodes that it happened to; empty for the whole network.
    pub nodes: Vec<String>,
}

/// One round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Its number; 0 is before any exchange.
    pub round: u32,
    /// Mean L2 distance between the resolved models over all pairs of sampled active honest nodes.
    pub mean_pairwise_l2: Option<f64>,
    /// The number of different states the active honest nodes hold, all of them counted.
    pub distinct_states: u32,
    /// The state hash of each sampled node.
    pub state_hash: Vec<Digest>,
    /// The bound root of each sampled node.
    pub bound_root: Vec<Digest>,
    /// For each sampled node, whether it takes part.
    pub active: Vec<bool>,
    /// Trust in each sampled node, as seen by the median honest node; empty where no honest node
    /// was looked at.
    pub trust: Vec<TrustRow>,
    /// Nodes that the median honest node leaves out of the merge; `None` where no honest node was
    /// looked at.
    pub isolated: Option<Vec<String>>,
    /// Per node: bytes of the serialised state, tensors included.
    pub wire_bytes: Vec<u64>,
    /// Bytes sent in this round by all nodes, lost ones included.
    pub sent_bytes: u64,
    /// The number of tombstones that each sampled node holds.
    pub tombstones: Vec<u64>,
    /// Per node: sequence numbers by author name; −1 stands for a forked author. Equal states share
    /// one.
    pub clock: Vec<Arc<BTreeMap<String, i64>>>,
    /// Per node: accuracy of the resolved model on the common test part.
    pub task_accuracy: Vec<Option<f64>>,
}

/// The dimensions of trust, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRow {
    /// Agreement with the majority.
    pub accuracy: f64,
    /// 0 with evidence.
    pub consistency: f64,
    /// Falls with lag.
    pub recency: f64,
    /// Known base, no copy.
    pub provenance: f64,
    /// The product.
    pub overall: f64,
}

/// One exchange, from the side of the node that received: two entries for a push–pull.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// The round of the exchange.
    pub round: u32,
    /// The name of the node that sent.
    pub from: String,
    /// The name of the node that received.
    pub to: String,
    /// The receiver's state hash before.
    pub hash_before: Digest,
    /// The receiver's state hash after.
    pub hash_after: Digest,
    /// L2 distance between the receiver's resolved models before and after; `None` where a side
    /// has no model.
    pub change_norm: Option<f64>,
    /// Whether the receiver's operation set grew.
    pub changed: bool,
    /// Operations that were new to the receiver.
    pub ops: u32,
    /// Bytes sent towards the receiver in this exchange.
    pub bytes: u64,
    /// How the exchange ended.
    pub outcome: Outcome,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The receiver learnt something.
    Merged,
    /// There was nothing to learn.
    Noop,
    /// A message was lost, or is still on its way.
    Lost,
    /// A partition, or a receiver that is down.
    Blocked,
}

/// One encode–decode proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundTrip {
    /// The name of the node whose state it is.
    pub node: String,
    /// `binary` or `json`.
    pub form: String,
    /// State hash before.
    pub before: Digest,
    /// State hash of what was decoded.
    pub after: Digest,
    /// Whether they are equal.
    pub pass: bool,
}

/// One operation of the final state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceEntry {
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
    /// `state_hash` once everything up to here is in.
    pub state_hash: Digest,
    /// `bound_root` once everything up to here is in.
    pub bound_root: Digest,
    /// Contributions visible then.
    pub visible: u32,
    /// Tombstones then.
    pub tombstones: u64,
}

/// The outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// All honest active nodes hold one state hash.
    pub converged: bool,
    /// The first round from which they did to the end.
    pub rounds_to_converge: Option<u32>,
    /// The state hash of the median honest node.
    pub final_state_hash: Digest,
    /// The root of its merged model; `None` if there is none, or it was not computed.
    pub final_model_hash: Option<Digest>,
    /// Why there is no merged model; `None` if there is one, or if it was not computed.
    #[serde(default)]
    pub no_model: Option<String>,
    /// What the strategy did to the merged model that a reader should know, and which nodes share
    /// their weight as their models are alike.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Accuracy of that model on the common test part.
    pub final_accuracy: Option<f64>,
    /// Bytes sent over the least that could have brought the active honest nodes what they hold in
    /// the end: for each of them every live tensor that it did not make itself, once. At least 1;
    /// `None` if they hold nothing of each other.
    pub bytes_over_optimum: Option<f64>,
    /// The number of exchanges.
    pub exchanges: u64,
    /// Records of the event log.
    pub logged: u64,
    /// The hash over the event log: equal for equal runs.
    pub event_log: Digest,
    /// The number of bytes sent.
    pub sent_bytes: u64,
    /// The nodes, sampled or not, that the merge of the commonest final state leaves out; `None`
    /// if it was not computed.
    pub isolated: Option<Vec<String>>,
    /// Why the distances between contributions could not tell whom to isolate; `None` if they
    /// could, or if nobody looked.
    #[serde(default)]
    pub not_judged: Option<String>,
    /// How that compares with the harness's knowledge; `None` without Byzantine nodes, or if it
    /// was not computed.
    pub detection: Option<Detection>,
}

/// Isolated nodes against Byzantine nodes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Share of the Byzantine nodes that are isolated.
    pub recall: f64,
    /// Share of the isolated nodes that are Byzantine; `None` if nobody is isolated.
    pub precision: Option<f64>,
}
