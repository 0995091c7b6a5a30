//! Who exchanges with whom in a round when nothing is left to chance, and the names of the
//! ways to run a round.

use espalier_blame::Blame;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::network::Network;
use crate::topology::Topology;

/// How partners are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Each node starts one exchange a round with a uniformly chosen neighbour.
    #[default]
    Random,
    /// As [`RoundPlan`] says.
    Scheduled,
}

/// What an exchange of a round sees of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Nodes start their exchanges one after the other, in random order when the schedule is
    /// random; later ones see earlier ones.
    #[default]
    Sequential,
    /// Every exchange works on the states at the start of the round.
    Synchronous,
}

/// The word is neither of the two names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown name {given:?}; use {first} or {second}")]
pub struct ParseNameError {
    given: String,
    first: &'static str,
    second: &'static str,
}

impl ParseNameError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "name-unknown"
    }
}

macro_rules! two_names {
    ($kind:ident, $a:ident $first:literal, $b:ident $second:literal) => {
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    Self::$a => $first,
                    Self::$b => $second,
                })
            }
        }

        impl FromStr for $kind {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                match text {
                    $first => Ok(Self::$a),
                    $second => Ok(Self::$b),
                    _ => Err(ParseNameError {
                        given: text.chars().take(40).collect(),
                        first: $first,
                        second: $second,
                    }),
                }
            }
        }
    };
}

two_names!(Schedule, Random "random", Scheduled "scheduled");
two_names!(Order, Sequential "sequential", Synchronous "synchronous");

/// The exchanges of every round of a scheduled run, computed once.
///
/// A round is a list of matchings: in one matching no node occurs twice. The matchings of a round
/// run one after the other when the order is sequential; when it is synchronous all of them work
/// on the states at the start of the round. Both finish as promised here:
///
/// * complete, n even: one matching a round, with which all have all after exactly ⌈log₂ n⌉
///   rounds, the least that is possible with one exchange a node and round. Knödel, "New gossips
///   and telephones", Discrete Mathematics 13, 1975: 2j exchanges with 2j + 2^(r+1) - 1 modulo n.
/// * complete, n odd: i exchanges with i + 2^r modulo n (Hensgen, Finkel & Manber, "Two
///   algorithms for barrier synchronization", 1988), split into two or three matchings. No single
///   matching a round can do it in ⌈log₂ n⌉ here. All have all after at most ⌈log₂ n⌉ rounds; as
///   exchanges go both ways it is in fact ⌊log₂ n⌋ synchronously, at most that sequentially.
/// * hypercube: one matching a round, along dimension r modulo log₂ n; exactly log₂ n rounds.
/// * any other: every edge once a round, a matching per colour of a greedy proper edge colouring
///   (at most 2Δ - 1 colours); at most diameter rounds. Every round is the same.
#[derive(Debug, Clone)]
pub struct RoundPlan {
    nodes: usize,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Complete,
    Hypercube,
    Colours(Vec<Vec<(usize, usize)>>),
}

impl RoundPlan {
    /// Plans the rounds of a network that the topology built. Cost: O(1) for complete,
    /// O(n log² n) for the hypercube, O(edges · Δ / 64) for the others.
    pub fn new(network: &Network, topology: &Topology) -> Self {
        let nodes = network.nodes();
        let kind = if network.is_implicit() {
            Kind::Complete
        } else if *topology == Topology::Hypercube && is_hypercube(network) {
            Kind::Hypercube
        } else {
            Kind::Colours(coloured(network))
        };
        Self { nodes, kind }
    }

    /// The matchings of a round, counted from 0. Pairs are (starter, partner).
    pub fn round(&self, round: usize) -> Vec<Vec<(usize, usize)>> {
        let dimensions = ceil_log2(self.nodes);
        let step = round % dimensions;
        match &self.kind {
            Kind::Complete if self.nodes.is_multiple_of(2) => {
                let partner = |i| (i, (i + (2 << step) - 1) % self.nodes);
                vec![(0..self.nodes).step_by(2).map(partner).collect()]
            }
            Kind::Complete => shifted(self.nodes, 1 << step),
            Kind::Hypercube => {
                let lower = (0..self.nodes).filter(|i| i >> step & 1 == 0);
                vec![lower.map(|i| (i, i | 1 << step)).collect()]
            }
            Kind::Colours(matchings) => matchings.clone(),
        }
    }
}

/// One round of [`RoundPlan`], which is cheaper when more rounds are wanted.
pub fn scheduled_round(
    network: &Network,
    topology: &Topology,
    round: usize,
) -> Vec<Vec<(usize, usize)>> {
    RoundPlan::new(network, topology).round(round)
}

/// ⌈log₂ n⌉ for n ≥ 2.
pub(crate) fn ceil_log2(nodes: usize) -> usize {
    nodes.next_power_of_two().ilog2() as usize
}

fn is_hypercube(network: &Network) -> bool {
    let nodes = network.nodes();
    let bits = ceil_log2(nodes);
    nodes.is_power_of_two()
        && network.edge_count() == (nodes * bits / 2) as u64
        && network.edges().all(|(a, b)| (a ^ b).is_power_of_two())
}

/// The pairs (i, i + shift) modulo an odd n. They form cycles of odd length; alternate edges of a
/// cycle go to the first two matchings and its last edge to the third.
fn shifted(nodes: usize, shift: usize) -> Vec<Vec<(usize, usize)>> {
    let mut matchings = vec![Vec::new(); 3];
    let mut seen = vec![false; nodes];
    for start in 0..nodes {
        let (mut node, mut place) = (start, 0);
        while !seen[node] {
            seen[node] = true;
            let peer = (node + shift) % nodes;
            let colour = if peer == start { 2 } else { place % 2 };
            matchings[colour].push((node, peer));
            (node, place) = (peer, place + 1);
        }
    }
    matchings
}

/// Greedy proper edge colouring: edges ascending, each gets the smallest colour that neither end
/// has. The colours of a node are a bit set.
fn coloured(network: &Network) -> Vec<Vec<(usize, usize)>> {
    let mut used: Vec<Vec<u64>> = vec![Vec::new(); network.nodes()];
    let mut matchings: Vec<Vec<(usize, usize)>> = Vec::new();
    for (a, b) in network.edges() {
        let word = |node: usize, at: usize| used[node].get(at).copied().unwrap_or(0);
        let mut at = 0;
        while word(a, at) | word(b, at) == u64::MAX {
            at += 1;
        }
        let bit = (word(a, at) | word(b, at)).trailing_ones() as usize;
        for node in [a, b] {
            let set = &mut used[node];
            if set.len() <= at {
                set.resize(at + 1, 0);
            }
            set[at] |= 1 << bit;
        }
        let colour = 64 * at + bit;
        if matchings.len() <= colour {
            // Greedy colours are taken in order, so this is one more at most.
            matchings.resize(colour + 1, Vec::new());
        }
        matchings[colour].push((a, b));
    }
    matchings
}
