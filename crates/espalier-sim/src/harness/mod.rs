//! The harness: deals out who lies, lets the nodes run, and has a report written.
//!
//! This is the only place that knows the liars. What leaves it is how nodes behave, as objects that
//! say what a node does and not what it is; the rest of the simulator, the replicas and the network
//! cannot ask. The type that holds the labels is visible in this module alone.

mod forgery;
mod labels;
mod observe;
mod play;
pub(crate) mod replay;
pub(crate) mod verify;
pub(crate) mod watch;

use crate::attack::Gang;
use crate::config::{Config, Family, Wire};
use crate::engine::Listener;
use crate::error::{SimError, flag};
use crate::node::behaviour::{Behaviour, Honest};
use crate::report::Report;
use crate::run::Run;
use crate::run::counted;
use crate::run::progress::Progress;
use crate::seeds::Seeds;
use crate::task::Task;
use crate::task::inputs;
use espalier_replica::Arena;
use espalier_tensor::Model;
use espalier_topology::Network;
use labels::Labels;
use observe::Observer;
use std::ops::ControlFlow;
use std::path::Path;
use watch::{Notes, Sight};

pub(crate) use forgery::Forgery;
pub(crate) use play::{Ended, play, play_until, tally};

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
    if config.is_counted() {
        let harness = Harness::new(config);
        return counted::simulate(config, harness.late(config), listener, watch);
    }
    run_to_end([config; 2], listener, None, &mut |step| match step {
        Step::Training(notes) => {
            let begins = watch(Progress::Training);
            notes.iter().fold(begins, |_, note| watch(Progress::Note(note.clone())))
        }
        Step::Round(0, ..) => ControlFlow::Continue(()),
        Step::Round(done, distinct, _) => {
            watch(Progress::Round { done, of: config.rounds, distinct })
        }
    })
}

/// The same; `watch` sees the report as it grows, and the nodes. The run is by frames, however many
/// nodes there are.
///
/// With `model` the base model is read from that file, and the name that the configuration has for
/// it stands in the report alone.
///
/// # Errors
/// As [`simulate`]. They name the file, not the name that the configuration has for it.
pub fn simulate_watched(
    config: &Config,
    model: Option<&Path>,
    watch: &mut dyn FnMut(Sight<'_>) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    config.check()?;
    if config.wire == Wire::Counted {
        return Err(flag("--wire", "what is watched needs frames: use auto or frames"));
    }
    let family = model.map(|file| Family::Path(file.to_string_lossy().into_owned()));
    let actual = Config { model: family.unwrap_or(config.model.clone()), ..config.clone() };
    let notes = Some(Notes::default());
    run_to_end([config, &actual], None, notes, &mut |step| match step {
        Step::Training(_) => watch(Sight::Training),
        Step::Round(round, _, observer) => match (round, observer.watched()) {
            (_, None) => ControlFlow::Continue(()),
            (0, Some(watched)) => watch(Sight::Opening(watched)),
            (_, Some(watched)) => watch(Sight::Round(watched)),
        },
    })
}

/// A moment of a run at which somebody may look at it and stop it.
enum Step<'s> {
    /// The nodes train; with what there is to say about the models they bring.
    Training(&'s [String]),
    /// A round is over; 0 is before the first. With the distinct states, and what was observed.
    Round(u32, u32, &'s Observer<'s>),
}

/// Runs real replicas: first the configuration that the report shows, then the one that is run.
fn run_to_end<'a>(
    [shown, config]: [&'a Config; 2],
    listener: Option<Listener<'a>>,
    notes: Option<Notes>,
    look: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    let harness = Harness::new(config);
    // Nobody can stop a run before its first round.
    let mut run = Run::new(config, &harness, listener, &mut |notes| {
        let _ = look(Step::Training(notes));
    })?;
    let labels = &harness.labels;
    let mut observer =
        Observer::new(shown, &run.course.network, &run.task, &run.policy, labels, notes);
    for (kind, nodes) in run.course.happened.drain(..) {
        observer.event(0, kind, &nodes);
    }
    let distinct = observer.round(0, &run.course.engine, &run.task, Vec::new());
    let _ = look(Step::Round(0, distinct, &observer));
    for round in 1..=config.rounds {
        let exchanges = run.round(round)?;
        for (kind, nodes) in run.course.happened.drain(..) {
            observer.event(round, kind, &nodes);
        }
        let distinct = observer.round(round, &run.course.engine, &run.task, exchanges);
        let stop = look(Step::Round(round, distinct, &observer)).is_break()
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
    /// Deals out who lies.
    pub(crate) fn new(config: &Config) -> Self {
        Self { labels: Labels::deal(config) }
    }

    /// Whether each node is honest, for checkers of whole runs.
    pub(crate) fn honest(&self, config: &Config) -> Vec<bool> {
        (0..config.nodes as usize).map(|node| self.labels.is_honest(node)).collect()
    }

    /// Refuses models that an honest node cannot contribute; liars may bring what they want.
    pub(crate) fn check_inputs(
        &self,
        config: &Config,
        task: &Task,
        arena: &Arena,
    ) -> Result<(), SimError> {
        inputs::check(config, task, arena, &|node| self.labels.is_honest(node))
    }

    /// Refuses what a node trained before the first round if it is honest and cannot contribute it.
    pub(crate) fn check_trained(
        &self,
        task: &Task,
        node: usize,
        model: &Model,
        arena: &Arena,
    ) -> Result<(), SimError> {
        if self.labels.is_honest(node) {
            inputs::check_trained(task, node, model, arena)?;
        }
        Ok(())
    }

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
