//! A run for the harness alone, without a report.

use super::company::Company;
use super::labels::Labels;
use crate::config::Config;
use crate::engine::Listener;
use crate::error::SimError;
use crate::node::Node;
use crate::report::cost::RunCost;
use crate::report::node_view::Last;
use crate::run::Run;
use crate::run::counted;
use crate::task::Task;
use espalier_identity::PeerId;
use espalier_replica::MergeState;
use std::collections::BTreeSet;

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) task: Task,
    nodes: Vec<Node>,
    labels: Labels,
}

impl Ended {
    /// The states of the active honest replicas; at least one.
    pub(crate) fn last(&self) -> Vec<&MergeState> {
        honest(&self.nodes, &self.labels)
    }

    /// Every node's key, and whether it was honest.
    pub(crate) fn authors(&self) -> impl Iterator<Item = (PeerId, bool)> {
        let honest = |(i, node): (usize, &Node)| (node.id, self.labels.is_honest(i));
        self.nodes.iter().enumerate().map(honest)
    }
}

/// Runs a simulation: at least `least` rounds, and until the active honest replicas hold one state,
/// but no longer than the configuration says. `look` sees their states before the first round and
/// after each.
///
/// # Errors
/// As [`super::simulate`].
pub(crate) fn play(
    config: &Config,
    least: u32,
    look: &mut dyn FnMut(&[&MergeState]),
) -> Result<Ended, SimError> {
    config.check()?;
    let labels = Labels::deal(config);
    let mut run = Run::new(config, Company::cast(&labels), None, &mut |_| {})?;
    look(&honest(&run.course.engine.peers.nodes, &labels));
    for round in 1..=config.rounds {
        run.round(round)?;
        let states = honest(&run.course.engine.peers.nodes, &labels);
        look(&states);
        let hashes: BTreeSet<_> = states.iter().map(|state| state.state_hash()).collect();
        if hashes.len() <= 1 && round >= least && run.course.is_quiet() {
            break;
        }
    }
    let Run { task, course, .. } = run;
    Ok(Ended { task, nodes: course.engine.peers.nodes, labels })
}

/// Runs a simulation of honest nodes until those who are there hold the same operations and nothing
/// is still to happen, or to its last round, and counts.
///
/// # Errors
/// As [`super::simulate`].
pub(crate) fn tally(config: &Config) -> Result<RunCost, SimError> {
    config.check()?;
    let labels = Labels::deal(config);
    let mut run = Run::new(config, Company::cast(&labels), None, &mut |_| {})?;
    let mut ended = false;
    for round in 1..=config.rounds {
        run.round(round)?;
        let states = honest(&run.course.engine.peers.nodes, &labels);
        let equal = states.windows(2).all(|pair| pair[0].ops_root() == pair[1].ops_root());
        ended = equal && round >= run.course.last_event && run.course.is_whole();
        if ended {
            break;
        }
    }
    Ok(RunCost { exact: ended, ..RunCost::of(&run.course.engine, config, ended) })
}

/// Runs a simulation to its last round or until `listener` has heard enough, and hands over the
/// nodes as they are then.
///
/// # Errors
/// As [`super::simulate`].
pub(crate) fn play_until<'a>(
    config: &'a Config,
    listener: Listener<'a>,
) -> Result<Vec<Last>, SimError> {
    config.check()?;
    let labels = Labels::deal(config);
    if config.is_counted() {
        return counted::play_until(config, labels.late(config), listener);
    }
    let mut run = Run::new(config, Company::cast(&labels), Some(listener), &mut |_| {})?;
    for round in 1..=config.rounds {
        run.round(round)?;
        if run.course.engine.log.is_stopped() {
            break;
        }
    }
    let last = |node: Node| Last { id: node.id, active: node.active, state: node.state().clone() };
    Ok(run.course.engine.peers.nodes.into_iter().map(last).collect())
}

fn honest<'a>(nodes: &'a [Node], labels: &Labels) -> Vec<&'a MergeState> {
    let nodes = nodes.iter().enumerate();
    let honest = nodes.filter(|(i, node)| node.active && labels.is_honest(*i));
    honest.map(|(_, node)| node.state()).collect()
}
