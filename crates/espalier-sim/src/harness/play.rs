//! A run for the harness alone: without a report, with the states of every round.

use super::{Harness, Labels};
use crate::config::Config;
use crate::error::SimError;
use crate::family::Task;
use crate::run::Run;
use crate::world::Node;
use espalier_identity::PeerId;
use espalier_replica::MergeState;
use std::collections::BTreeSet;

/// A run that is over, with the states of all active honest replicas after each round.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) task: Task,
    pub(crate) rounds: Vec<Vec<MergeState>>,
    nodes: Vec<Node>,
    labels: Labels,
}

impl Ended {
    /// The states at the end; at least one.
    pub(crate) fn last(&self) -> &[MergeState] {
        self.rounds.last().map_or(&[], Vec::as_slice)
    }

    /// Every node's key, and whether it was honest.
    pub(crate) fn authors(&self) -> impl Iterator<Item = (PeerId, bool)> {
        let honest = |(i, node): (usize, &Node)| (node.id, self.labels.is_honest(i));
        self.nodes.iter().enumerate().map(honest)
    }
}

/// Runs a simulation: at least `least` rounds, and until the active honest replicas hold one state,
/// but no longer than the configuration says.
///
/// # Errors
/// As [`super::simulate`].
pub(crate) fn play(config: &Config, least: u32) -> Result<Ended, SimError> {
    config.check()?;
    let harness = Harness { labels: Labels::deal(config) };
    let mut run = Run::new(config, &harness, &mut || {})?;
    let honest = |run: &Run<'_>| -> Vec<MergeState> {
        let nodes = run.world.nodes.iter().enumerate();
        let honest = nodes.filter(|(i, node)| node.active && harness.labels.is_honest(*i));
        honest.map(|(_, node)| node.state().clone()).collect()
    };
    let mut rounds = vec![honest(&run)];
    for round in 1..=config.rounds {
        run.round(round)?;
        let states = honest(&run);
        let hashes: BTreeSet<_> = states.iter().map(MergeState::state_hash).collect();
        rounds.push(states);
        if hashes.len() <= 1 && round >= least && run.world.is_quiet() {
            break;
        }
    }
    let Run { task, world, .. } = run;
    Ok(Ended { task, rounds, nodes: world.nodes, labels: harness.labels })
}
