//! What a report says of any run: what is known before it starts, what happened, and whether it
//! converged.

use super::{Event, ModelInfo, NodeInfo, Report, Summary, TopologyInfo};
use crate::config::Config;
use crate::course::event::EventKind;
use crate::text::some_of;
use espalier_replica::Policy;
use espalier_tensor::Model;
use espalier_topology::{Bounds, Network, Schedule, Topology, round_bound};

/// The most edges that a report lists.
const MAX_EDGES: u64 = 5_000;
/// Diameters of larger networks take too long to be exact.
const EXACT_DIAMETER: usize = 2_048;

impl Report {
    /// The report of a run that has not begun.
    pub(crate) fn opening(
        config: &Config,
        network: &Network,
        policy: &Policy,
        base: Option<&Model>,
    ) -> Self {
        Self {
            config: Config { base_root: base.map(Model::root), ..config.clone() },
            seed: config.seed,
            policy_hash: policy.hash(),
            nodes: Vec::new(),
            topology: topology(config, network),
            model: ModelInfo::default(),
            events: Vec::new(),
            sampled_nodes: Vec::new(),
            rounds: Vec::new(),
            audit: Vec::new(),
            audit_total: 0,
            round_trip: Vec::new(),
            trace: Vec::new(),
            evidence: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Notes what happened.
    pub(crate) fn note(&mut self, round: u32, kind: EventKind, nodes: &[usize]) {
        let nodes = nodes.iter().map(|i| format!("node_{i}")).collect();
        self.events.push(Event { round, kind, nodes });
    }

    /// Notes that the run was stopped after `round`: the report is of a run that was meant to be
    /// this long.
    pub(crate) fn cut_short(&mut self, round: u32) {
        self.config.rounds = round;
        // With fewer rounds less is still to happen, so it might stop even earlier.
        self.config.until_converged = false;
    }

    /// What a reader should know about the models that nodes bring and about the merged one, and
    /// what kept nodes from contributing.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let withheld = self.events.iter().filter_map(|event| {
            let why = match event.kind {
                EventKind::NotFinite => {
                    "trained a model that is not finite and did not contribute it"
                }
                EventKind::SameModel => "had the model of another node and did not contribute it",
                EventKind::Unmerged => "had merged nothing and trained from the base",
                _ => return None,
            };
            let labels: Vec<_> = event.nodes.iter().map(|name| self.label(name)).collect();
            Some(format!("round {}: {} {why}", event.round, some_of(&labels)))
        });
        let brought = self.model.notes.iter().cloned();
        brought.chain(self.summary.notes.iter().cloned()).chain(withheld).collect()
    }

    /// The name of a node, with that of its file if it brings one: `node_4 (m3.safetensors)`.
    #[must_use]
    pub fn label(&self, name: &str) -> String {
        let node = self.nodes.iter().find(|node| node.name == name);
        node.map_or_else(|| name.to_owned(), NodeInfo::label)
    }

    /// A summary that says whether the rounds noted converged, and when.
    pub(crate) fn converged(&self) -> Summary {
        let converged = self.rounds.last().is_some_and(|round| round.distinct_states <= 1);
        let last = self.rounds.iter().rposition(|round| round.distinct_states > 1);
        Summary {
            converged,
            rounds_to_converge: converged.then(|| last.map_or(0, |at| at as u32 + 1)),
            ..Summary::default()
        }
    }
}

fn topology(config: &Config, network: &Network) -> TopologyInfo {
    let bounds = round_bound(network, config.order);
    let (lower, upper, source) = theory(config, network, &bounds);
    let degrees: Vec<usize> = (0..network.nodes()).map(|i| network.degree(i)).collect();
    let extreme = |degree: Option<&usize>| degree.map_or(0, |degree| *degree as u32);
    let mean = 2.0 * network.edge_count() as f64 / network.nodes() as f64;
    let edges = || network.edges().map(|(a, b)| (a as u32, b as u32)).collect();
    let exact = bounds.diameter_min == bounds.diameter_max || network.nodes() <= EXACT_DIAMETER;
    TopologyInfo {
        name: config.topology.to_string(),
        edge_count: network.edge_count(),
        edges: (network.edge_count() <= MAX_EDGES).then(edges),
        degree: (extreme(degrees.iter().min()), mean, extreme(degrees.iter().max())),
        diameter: exact.then(|| network.diameter() as u32),
        spectral_gap: Some(bounds.spectral_gap),
        rounds_lower: lower,
        rounds_upper: upper,
        bound_source: source,
    }
}

/// The number of rounds a run without faults takes: at least, at most, and who says so.
fn theory(config: &Config, network: &Network, bounds: &Bounds) -> (u32, u32, String) {
    let doubling = (network.nodes() as u64).next_power_of_two().trailing_zeros();
    match (config.schedule, &config.topology) {
        (Schedule::Random, _) => (bounds.lower, bounds.upper, bounds.source.to_owned()),
        (Schedule::Scheduled, Topology::Complete | Topology::Hypercube) => {
            let source = "the schedule doubles what everybody holds: ceil(log2 n) rounds";
            (doubling.min(bounds.lower), doubling, source.to_owned())
        }
        (Schedule::Scheduled, _) => {
            let source = "the schedule uses every link in every round: at most the diameter";
            (1, bounds.diameter_max, source.to_owned())
        }
    }
}
