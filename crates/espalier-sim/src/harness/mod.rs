//! The harness: decides who lies, runs the nodes, and has a report written.
//!
//! This is the only place that knows the liars. A run gets a [`Cast`] from it: how nodes behave, as
//! objects that say what a node does and not what it is. The rest of the simulator, the replicas
//! and the network cannot ask. The type that holds the labels is private to this module.

// A type that is private to this module cannot be part of anything that leaves it.
#![forbid(private_interfaces, private_bounds)]

mod company;
mod labels;
mod models;
mod observe;
mod play;
pub(crate) mod replay;
pub(crate) mod verify;
pub(crate) mod watch;

use crate::config::{Config, Family, Wire};
use crate::engine::Listener;
use crate::error::{SimError, field};
use crate::report::Report;
use crate::run::Run;
use crate::run::cast::Cast;
use crate::run::counted;
use crate::run::progress::Progress;
use company::Company;
use espalier_replica::MergeState;
use labels::Labels;
use observe::Observer;
use std::ops::ControlFlow;
use std::path::Path;
use watch::{Notes, Sight};

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
        let late = Labels::deal(config).late(config);
        return counted::simulate(config, late, listener, watch);
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
        Step::Ended(state) => watch(Progress::Ended(state.clone())),
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
        return Err(field("wire", "a watched run needs frames; use auto or frames"));
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
        Step::Ended(_) => ControlFlow::Continue(()),
    })
}

/// A moment of a run at which somebody may look at it and stop it.
enum Step<'s> {
    /// The nodes train; called with remarks on the models they bring.
    Training(&'s [String]),
    /// A round is over; 0 is before the first. With the distinct states, and what was observed.
    Round(u32, u32, &'s Observer<'s>),
    /// The run is over; with the state of the first honest node that is active.
    Ended(&'s MergeState),
}

/// Runs real replicas: first the configuration that the report shows, then the one that is run.
fn run_to_end<'a>(
    [shown, config]: [&'a Config; 2],
    listener: Option<Listener<'a>>,
    notes: Option<Notes>,
    look: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    let labels = &Labels::deal(config);
    // Nobody can stop a run before its first round.
    let mut run = Run::new(config, Company::cast(labels), listener, &mut |notes| {
        let _ = look(Step::Training(notes));
    })?;
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
    let nodes = run.course.engine.peers.nodes.iter().enumerate();
    let mut honest = nodes.filter(|(i, node)| node.active && labels.is_honest(*i));
    if let Some((_, first)) = honest.next() {
        let _ = look(Step::Ended(first.state()));
    }
    Ok(observer.finish(&run.course.engine, &run.task))
}

/// The cast of a run, and whether each node is honest, for those who judge whole runs.
pub(crate) fn deal(config: &Config) -> (Box<dyn Cast>, Vec<bool>) {
    let labels = Labels::deal(config);
    let honest = (0..config.nodes as usize).map(|node| labels.is_honest(node)).collect();
    (Company::cast(&labels), honest)
}
