//! The harness: deals out who lies, lets the nodes run, and has a report written.
//!
//! This is the only place that knows the liars. What leaves it is how nodes behave, as objects that
//! say what a node does and not what it is; the rest of the simulator, the replicas and the network
//! cannot ask. The type that holds the labels is visible in this module alone.

mod drill;
mod forgery;
mod labels;
mod observe;
mod play;

use crate::attack::Gang;
use crate::behaviour::{Behaviour, Honest};
use crate::config::Config;
use crate::counted;
use crate::engine::Listener;
use crate::error::SimError;
use crate::report::Report;
use crate::run::Run;
use crate::seeds::Seeds;
use espalier_topology::Network;
use labels::Labels;
use observe::Observer;
use std::ops::ControlFlow;

pub(crate) use drill::{Drilled, drill};
pub(crate) use forgery::Forgery;
pub(crate) use play::{Ended, Last, play, play_until, tally};

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The nodes train.
    Training,
    /// So many of so many rounds are done; the honest active nodes hold so many distinct states.
    Round {
        /// Rounds done.
        done: u32,
        /// Rounds at most.
        of: u32,
        /// Distinct states.
        distinct: u32,
    },
}

/// Runs a simulation. The report depends on the configuration alone: not on the number of threads,
/// not on the machine.
///
/// `watch` hears how far it is and can stop the run early by returning `Break`.
///
/// # Errors
/// [`SimError`] if the run cannot start. Once it started it ends with a report.
pub fn simulate(
    config: &Config,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    simulate_heard(config, None, watch)
}

/// The same; `listener` hears every record of the event log.
pub(crate) fn simulate_heard<'a>(
    config: &'a Config,
    listener: Option<Listener<'a>>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    config.check()?;
    let harness = Harness { labels: Labels::deal(config) };
    if config.is_counted() {
        return counted::simulate(config, harness.late(config), listener, watch);
    }
    let mut run = Run::new(config, &harness, listener, &mut || {
        let _ = watch(Progress::Training);
    })?;
    let labels = &harness.labels;
    let mut observer = Observer::new(config, &run.course.network, &run.task, &run.policy, labels);
    observer.round(0, &run.course.engine, &run.task, Vec::new());
    for round in 1..=config.rounds {
        let exchanges = run.round(round)?;
        for (kind, nodes) in run.course.happened.drain(..) {
            observer.event(round, kind, &nodes);
        }
        let distinct = observer.round(round, &run.course.engine, &run.task, exchanges);
        let stop = watch(Progress::Round { done: round, of: config.rounds, distinct }).is_break()
            || run.course.engine.log.is_stopped();
        if stop {
            observer.cut_short(round);
        }
        if stop || (config.until_converged && run.course.may_end(round, distinct)) {
            break;
        }
    }
    Ok(observer.finish(&run.course.engine, &run.task))
}

/// The harness as a run sees it: it casts the nodes and says nothing about them.
#[derive(Debug)]
pub(crate) struct Harness {
    labels: Labels,
}

impl Harness {
    /// How each node behaves.
    pub(crate) fn cast(&self, config: &Config, network: &Network) -> Vec<Box<dyn Behaviour>> {
        let honest = self.labels.honest();
        let victim = honest[Seeds(config.seed).rng("victim", 0).below(honest.len())];
        let mut cast: Vec<Box<dyn Behaviour>> = Vec::new();
        cast.resize_with(config.nodes as usize, || Box::new(Honest));
        for (attack, members) in self.labels.gangs() {
            let gang = Gang { members, victim, rounds: config.rounds };
            for node in &gang.members {
                cast[*node] = attack.behaviour(*node, &gang, network);
            }
        }
        cast
    }

    /// What liars make of the models of a round.
    pub(crate) fn forgery(&self) -> Forgery {
        Forgery::new(self.labels.clone())
    }

    /// The nodes that join late: the last of those that may.
    pub(crate) fn late(&self, config: &Config) -> Vec<usize> {
        let count = config.late_joiners.map_or(0, |late| late.count as usize);
        let honest = self.labels.honest();
        honest[honest.len() - count..].to_vec()
    }
}
