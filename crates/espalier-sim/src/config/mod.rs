//! Everything needed to run a simulation again: the flags of `espalier simulate` as one value.

mod exchange;
mod flags;
mod memory;
mod network;
mod values;

use crate::attack::Attack;
use espalier_identity::Digest;
use espalier_topology::{Order, Schedule, Topology};
use espalier_trust::Profile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use exchange::{Exchange, Wire};
pub use memory::{MemoryLeft, address_space_left, memory_left, memory_side_by_side};
pub(crate) use network::text_of_file;
pub use network::{Churn, Clock, Cut, Latency, Outage, PartitionSpec, Rate, Span};
pub use values::{
    Buffers, Family, LateJoiners, MAX_SYNTHETIC, Metrics, RetractSpec, Share, Spread,
};

/// A simulation. The defaults are those of the command line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The number of nodes, 2 or more.
    pub nodes: u32,
    /// The greatest number of rounds.
    pub rounds: u32,
    /// Stop after the first round in which all honest active nodes agree and nothing is left to
    /// happen.
    pub until_converged: bool,
    /// The topology: which nodes are neighbours.
    pub topology: Topology,
    /// How a node chooses the neighbours that it asks.
    pub schedule: Schedule,
    /// Whether the exchanges of a round see each other's results.
    pub order: Order,
    /// What nodes send each other.
    pub exchange: Exchange,
    /// The way in which messages are sent, if at all.
    pub wire: Wire,
    /// The merge strategy.
    pub strategy: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// How tensors of integers are merged: the strategies' parameter `buffers`. `None` leaves it
    /// to `parameters`.
    pub buffers: Option<Buffers>,
    /// The model that is merged.
    pub model: Family,
    /// The root of the base model that `model` names by path, so that a changed file shows.
    pub base_root: Option<Digest>,
    /// Nodes that join later.
    pub late_joiners: Option<LateJoiners>,
    /// A split of the network.
    pub partition: Option<PartitionSpec>,
    /// Probability that a message is lost.
    pub loss: f64,
    /// Probability that a message arrives twice.
    pub duplicate: f64,
    /// Probability that a message is held back until the other exchanges of its round are over.
    pub reorder: f64,
    /// A message is in flight for 0 to this many rounds.
    pub delay: u32,
    /// Probability per round that a node crashes.
    pub crash: f64,
    /// Nodes that are down for some rounds.
    pub outage: Vec<Outage>,
    /// Nodes that leave and come back.
    pub churn: Option<Churn>,
    /// When nodes begin exchanges.
    pub clock: Clock,
    /// The length of a round in virtual time.
    pub period: Span,
    /// The time that a message takes.
    pub latency: Latency,
    /// The number of bytes a link carries per second in each direction.
    pub bandwidth: Option<Rate>,
    /// The nodes that retract their contributions, each with the round.
    pub retract: Vec<RetractSpec>,
    /// The number of Byzantine nodes.
    pub byzantine: Share,
    /// The attacks, dealt out among the liars in turn.
    pub attack: Vec<Attack>,
    /// The way in which the nodes' data differ.
    pub spread: Spread,
    /// Train again from the merged model after every this many rounds.
    pub retrain: Option<u32>,
    /// The constants of the trust score, by name.
    pub profile: Profile,
    /// Whether nodes measure each other's contributions on data of their own, where the family has
    /// any, and say so.
    pub attest: bool,
    /// The nodes for which per-node figures are computed.
    pub metrics: Metrics,
    /// The seed of all randomness.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nodes: 8,
            rounds: 20,
            until_converged: false,
            topology: Topology::Random,
            schedule: Schedule::Random,
            order: Order::Sequential,
            exchange: Exchange::Delta,
            wire: Wire::Auto,
            strategy: "weight-average".into(),
            parameters: BTreeMap::new(),
            buffers: None,
            model: Family::Digits,
            base_root: None,
            late_joiners: None,
            partition: None,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: 0,
            crash: 0.0,
            outage: Vec::new(),
            churn: None,
            clock: Clock::Rounds,
            period: Span::SECOND,
            latency: Latency::None,
            bandwidth: None,
            retract: Vec::new(),
            byzantine: Share::Count(0),
            attack: vec![Attack::SIGN_FLIP],
            spread: Spread::Iid,
            retrain: None,
            profile: Profile::Strict,
            attest: true,
            metrics: Metrics::Auto,
            seed: 1,
        }
    }
}

impl Config {
    /// All parameters of the strategy that are given, `buffers` included.
    #[must_use]
    pub fn strategy_parameters(&self) -> BTreeMap<String, String> {
        let mut all = self.parameters.clone();
        all.extend(self.buffers.map(|rule| (Buffers::PARAMETER.to_owned(), rule.to_string())));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_survives_json() {
        let config = Config {
            partition: Some("2@3..9".parse().expect("parses")),
            byzantine: Share::Percent(34.0),
            ..Config::default()
        };
        let json = serde_json::to_string(&config).expect("writes");
        assert_eq!(serde_json::from_str::<Config>(&json).expect("reads"), config);
        assert!(serde_json::from_str::<Config>(r#"{"nodez": 3}"#).is_err());
    }
}
