//! Rounds of real states until all of them are equal.

use crate::course::pairing::random_pairs;
use crate::error::SimError;
use crate::seeds::{Dice, Seeds};
use espalier_identity::Keypair;
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec};
use espalier_tensor::Model;
use espalier_topology::{Network, Order, RoundPlan, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// States of one operation each, in one arena, by their number. Runs begin with clones of them.
#[derive(Debug, Default)]
pub(super) struct Crowds(BTreeMap<usize, Vec<MergeState>>);

impl Crowds {
    /// Crowds of these sizes. Cost: a signature for each node.
    pub(super) fn new(sizes: impl IntoIterator<Item = usize>) -> Result<Self, SimError> {
        let sizes: BTreeSet<usize> = sizes.into_iter().collect();
        let crowds = sizes.into_iter().map(|size| Ok((size, crowd(size)?)));
        crowds.collect::<Result<_, SimError>>().map(Self)
    }

    /// The states at the beginning of a run, one for each node of the network.
    pub(super) fn of(&self, network: &Network) -> Vec<MergeState> {
        self.0.get(&network.nodes()).cloned().unwrap_or_default()
    }
}

fn crowd(nodes: usize) -> Result<Vec<MergeState>, SimError> {
    // What the operations say shows nowhere in the result, so neither does this seed.
    let key = |i| Keypair::from_seed(*Seeds(0).key("node key", i as u64).as_bytes());
    let keys: Vec<_> = (0..nodes).map(key).collect();
    let roster = keys.iter().map(Keypair::peer_id).collect();
    let policy = Policy::new(PolicySpec { roster, ..PolicySpec::any_schema() })?;
    let arena = Arena::default();
    let alone = |(i, key): (usize, &Keypair)| {
        let mut state = MergeState::with_arena(policy.clone(), arena.clone());
        let model = Model::from_f32(&[("w", &[2], &[i as f32, 1.0])])?;
        state.add(key, Draft::new(format!("node_{i}"), model))?;
        Ok(state)
    };
    keys.iter().enumerate().map(alone).collect()
}

/// How many rounds of random push–pull it takes until all states are equal. The calls are those of
/// the simulator with the same seed.
pub(super) fn random(states: Vec<MergeState>, network: &Network, order: Order, seed: u64) -> u32 {
    let mut dice: Dice = Seeds(seed).rng("schedule", 0);
    let nodes = network.nodes();
    until_equal(states, order, |_| {
        // As in the simulator, where each node may crash before a round, and here none does.
        for _ in 0..nodes {
            dice.unit();
        }
        random_pairs(network, (0..nodes).collect(), &mut dice)
    })
}

/// The same with partners by schedule; nothing is left to chance.
pub(super) fn scheduled(
    states: Vec<MergeState>,
    network: &Network,
    topology: &Topology,
    order: Order,
) -> u32 {
    let plan = RoundPlan::new(network, topology);
    until_equal(states, order, |round| plan.round(round).into_iter().flatten().collect())
}

/// Plays rounds of `pairs`, who asks whom in a round counted from 0, until all states hold all.
fn until_equal(
    mut states: Vec<MergeState>,
    order: Order,
    mut pairs: impl FnMut(usize) -> Vec<(usize, usize)>,
) -> u32 {
    let all = states.len();
    let (mut full, mut round) = (0, 0);
    while full < all {
        let pairs = pairs(round);
        round += 1;
        full += match order {
            Order::Sequential => one_by_one(&mut states, &pairs),
            Order::Synchronous => at_once(&mut states, &pairs),
        };
    }
    round as u32
}

/// Exchanges that see those before them. How many states they filled.
fn one_by_one(states: &mut [MergeState], pairs: &[(usize, usize)]) -> usize {
    let all = states.len();
    let mut filled = 0;
    for (a, b) in pairs {
        if let Ok([a, b]) = states.get_disjoint_mut([*a, *b]) {
            filled += usize::from(learn(a, b, all)) + usize::from(learn(b, a, all));
        }
    }
    filled
}

/// Exchanges of the states at the start of the round. How many states they filled.
fn at_once(states: &mut [MergeState], pairs: &[(usize, usize)]) -> usize {
    let (all, start) = (states.len(), states.to_vec());
    let mut filled = 0;
    for &(a, b) in pairs {
        filled += usize::from(learn(&mut states[a], &start[b], all));
        filled += usize::from(learn(&mut states[b], &start[a], all));
    }
    filled
}

/// Joins `other` into `state`. Whether that filled it: it is counted only when it changed.
fn learn(state: &mut MergeState, other: &MergeState, all: usize) -> bool {
    let changed = state.merge(other).expect("a crowd has one policy");
    changed && state.op_count() == all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::harness::simulate;
    use proptest::prelude::*;
    use std::ops::ControlFlow;

    /// The same with plain sets, which are all compared after every round.
    fn twin(network: &Network, order: Order, seed: u64) -> u32 {
        let nodes = network.nodes();
        let mut dice = Seeds(seed).rng("schedule", 0);
        let mut sets: Vec<BTreeSet<usize>> = (0..nodes).map(|i| BTreeSet::from([i])).collect();
        let mut rounds = 0;
        while sets.iter().any(|set| set.len() < nodes) {
            rounds += 1;
            let mut seen = sets.clone();
            assert!((0..nodes).all(|_| !dice.happens(0.0)));
            for (a, b) in random_pairs(network, (0..nodes).collect(), &mut dice) {
                let both: BTreeSet<usize> = seen[a].union(&seen[b]).copied().collect();
                for node in [a, b] {
                    sets[node].extend(&both);
                    if order == Order::Sequential {
                        seen[node] = sets[node].clone();
                    }
                }
            }
        }
        rounds
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn plain_sets_take_the_same_rounds(
            topology in proptest::sample::select(super::super::standard(16).to_vec()),
            seed in any::<u64>(),
        ) {
            let network = topology.build(16, seed).expect("16 nodes are enough for all");
            let crowds = Crowds::new([16]).expect("legal");
            for order in [Order::Sequential, Order::Synchronous] {
                let rounds = random(crowds.of(&network), &network, order, seed);
                prop_assert_eq!(rounds, twin(&network, order, seed), "{} {}", topology, order);
            }
        }
    }

    /// Whole nodes with keys, frames and links take the same rounds.
    #[test]
    fn the_simulator_takes_the_same_rounds() {
        for topology in super::super::standard(16) {
            for order in [Order::Sequential, Order::Synchronous] {
                let config = Config {
                    nodes: 16,
                    rounds: 100,
                    until_converged: true,
                    topology: topology.clone(),
                    order,
                    model: "synthetic:2".parse().expect("parses"),
                    attest: false,
                    seed: 5,
                    ..Config::default()
                };
                let report = simulate(&config, &mut |_| ControlFlow::Continue(())).expect("runs");
                let network = topology.build(16, 5).expect("16 nodes are enough for all");
                let states = Crowds::new([16]).expect("legal").of(&network);
                let rounds = random(states, &network, order, 5);
                assert_eq!(report.summary.rounds_to_converge, Some(rounds), "{topology} {order}");
            }
        }
    }

    #[test]
    fn a_schedule_needs_no_more_than_it_promises() {
        for (nodes, least) in [(2, 1), (8, 3), (12, 4), (64, 6)] {
            let network = Topology::Complete.build(nodes, 1).expect("complete");
            let crowds = Crowds::new([nodes]).expect("legal");
            for order in [Order::Sequential, Order::Synchronous] {
                let states = crowds.of(&network);
                assert_eq!(scheduled(states, &network, &Topology::Complete, order), least);
            }
        }
    }
}
