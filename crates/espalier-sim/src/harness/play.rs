//! Runs for the harness alone, without a report: what the attack grid judges from outside.

use super::Harness;
use crate::config::Config;
use crate::error::SimError;
use crate::family::Task;
use crate::run::Run;
use crate::world::World;
use espalier_identity::PeerId;
use espalier_replica::MergeState;
use std::collections::BTreeSet;

/// A run that is over, with the states of all active honest replicas after each round.
pub(crate) struct Ended {
    pub(crate) task: Task,
    pub(crate) rounds: Vec<Vec<MergeState>>,
    authors: Vec<(PeerId, bool)>,
}

impl Ended {
    /// The states at the end; at least one.
    pub(crate) fn last(&self) -> &[MergeState] {
        self.rounds.last().map_or(&[], Vec::as_slice)
    }

    /// Every node's key, and whether it was honest.
    pub(crate) fn authors(&self) -> impl Iterator<Item = (PeerId, bool)> {
        self.authors.iter().copied()
    }
}

/// Runs a simulation: at least `least` rounds, and until the active honest replicas hold one state,
/// but no longer than the configuration says.
///
/// # Errors
/// As [`simulate`](super::simulate).
pub(crate) fn play(config: &Config, least: u32) -> Result<Ended, SimError> {
    config.check()?;
    let harness = Harness::new(config);
    let mut run = Run::new(config, &harness, &mut || {})?;
    let mut rounds = vec![honest_states(&harness, &run.world)];
    for round in 1..=config.rounds {
        run.round(round)?;
        let states = honest_states(&harness, &run.world);
        let hashes: BTreeSet<_> = states.iter().map(MergeState::state_hash).collect();
        rounds.push(states);
        if hashes.len() <= 1 && round >= least && run.world.is_quiet() {
            break;
        }
    }
    let nodes = run.world.nodes.iter().enumerate();
    let authors = nodes.map(|(i, node)| (node.id, harness.labels.is_honest(i))).collect();
    Ok(Ended { task: run.task, rounds, authors })
}

fn honest_states(harness: &Harness, world: &World) -> Vec<MergeState> {
    let nodes = world.nodes.iter().enumerate();
    let honest = nodes.filter(|(i, node)| node.active && harness.labels.is_honest(*i));
    honest.map(|(_, node)| node.state().clone()).collect()
}
