//! What a run says while it goes: the data of its events.

use crate::work::Status;
use espalier::identity::Digest;
use espalier::sim::{
    Event, ModelInfo, NodeInfo, Outcome, Passed, Report, RoundTrip, Summary, TopologyInfo,
    TrustRow, Watched,
};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Sequence numbers by author.
type Clock = BTreeMap<String, i64>;

/// The largest number of exchanges in an event, per node.
const TOLD: usize = 4;

/// The run before its first exchange.
#[derive(Serialize)]
pub(crate) struct Opening<'a> {
    config: &'a espalier::sim::Config,
    seed: u64,
    policy_hash: Digest,
    nodes: &'a [NodeInfo],
    topology: &'a TopologyInfo,
    model: &'a ModelInfo,
    sampled_nodes: &'a [String],
    flags: Vec<String>,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(report: &'a Report) -> Self {
        let Report { config, nodes, topology, model, sampled_nodes, .. } = report;
        Self {
            config,
            seed: report.seed,
            policy_hash: report.policy_hash,
            nodes,
            topology,
            model,
            sampled_nodes,
            flags: config.flags(),
        }
    }
}

/// A round that is over.
#[derive(Serialize)]
pub(crate) struct RoundEvent<'a> {
    round: Told<'a>,
    events: &'a [Event],
    states: &'a [i32],
    #[serde(serialize_with = "flat")]
    exchanges: &'a [Passed],
}

/// A round as the report has it, but for the clocks.
#[derive(Serialize)]
struct Told<'a> {
    round: u32,
    mean_pairwise_l2: Option<f64>,
    distinct_states: u32,
    state_hash: &'a [Digest],
    bound_root: &'a [Digest],
    active: &'a [bool],
    trust: &'a [TrustRow],
    isolated: Option<&'a [String]>,
    wire_bytes: &'a [u64],
    sent_bytes: u64,
    tombstones: &'a [u64],
    /// Per node what changed since the round before; nothing where an author is not known any more.
    clock: Vec<BTreeMap<&'a str, Option<i64>>>,
    task_accuracy: &'a [Option<f64>],
}

impl<'a> RoundEvent<'a> {
    /// `None` before there is a round.
    pub(crate) fn new(watched: &Watched<'a>) -> Option<Self> {
        let (round, before) = watched.report.rounds.split_last()?;
        let before = before.last().map_or(&[][..], |round| &round.clock);
        let told = Told {
            round: round.round,
            mean_pairwise_l2: round.mean_pairwise_l2,
            distinct_states: round.distinct_states,
            state_hash: &round.state_hash,
            bound_root: &round.bound_root,
            active: &round.active,
            trust: &round.trust,
            isolated: round.isolated.as_deref(),
            wire_bytes: &round.wire_bytes,
            sent_bytes: round.sent_bytes,
            tombstones: &round.tombstones,
            clock: changes(before, &round.clock),
            task_accuracy: &round.task_accuracy,
        };
        Some(Self {
            round: told,
            events: watched.events,
            states: watched.states,
            exchanges: watched.passed,
        })
    }

    pub(crate) fn number(&self) -> u32 {
        self.round.round
    }
}

fn changes<'a>(
    before: &'a [Arc<Clock>],
    now: &'a [Arc<Clock>],
) -> Vec<BTreeMap<&'a str, Option<i64>>> {
    let of_node = |(node, now): (usize, &'a Arc<Clock>)| {
        let Some(before) = before.get(node) else {
            return now.iter().map(|(name, tick)| (name.as_str(), Some(*tick))).collect();
        };
        // Equal states share a clock.
        if Arc::ptr_eq(before, now) {
            return BTreeMap::new();
        }
        let news = now.iter().filter(|(name, tick)| before.get(*name) != Some(*tick));
        let gone = before.keys().filter(|name| !now.contains_key(*name));
        let news = news.map(|(name, tick)| (name.as_str(), Some(*tick)));
        news.chain(gone.map(|name| (name.as_str(), None))).collect()
    };
    now.iter().enumerate().map(of_node).collect()
}

/// Four numbers for each exchange that was not a noop.
fn flat<S: Serializer>(passed: &[Passed], serializer: S) -> Result<S::Ok, S::Error> {
    let nodes = passed.iter().map(|one| one.from.max(one.to) as usize + 1).max().unwrap_or(0);
    let told = passed.iter().filter(|one| one.outcome != Outcome::Noop).take(TOLD * nodes);
    let numbers = told.flat_map(|one| {
        let outcome = match one.outcome {
            Outcome::Merged => 0,
            Outcome::Noop => 1,
            Outcome::Lost => 2,
            Outcome::Blocked => 3,
        };
        [one.from, one.to, outcome, one.ops]
    });
    serializer.collect_seq(numbers)
}

/// How a run ended.
#[derive(Serialize)]
pub(crate) struct Ending<'a> {
    status: Status,
    summary: &'a Summary,
    audit_total: u64,
    trace_total: usize,
    evidence_total: usize,
    round_trip: &'a [RoundTrip],
}

impl<'a> Ending<'a> {
    pub(crate) fn new(status: Status, report: &'a Report) -> Self {
        Self {
            status,
            summary: &report.summary,
            audit_total: report.audit_total,
            trace_total: report.trace.len(),
            evidence_total: report.evidence.len(),
            round_trip: &report.round_trip,
        }
    }
}
