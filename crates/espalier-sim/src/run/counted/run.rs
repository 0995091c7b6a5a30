//! Runs of counted replicas: set-up, rounds and the report.

use super::Crowd;
use crate::config::Config;
use crate::course::Course;
use crate::course::membership::Opening;
use crate::engine::Listener;
use crate::error::SimError;
use crate::report::node_view::Last;
use crate::report::{ModelInfo, NodeInfo, Report, Round, Summary};
use crate::run::progress::Progress;
use crate::run::{agree, draft, node_keys};
use crate::task::inputs;
use crate::task::{Finished, Task};
use espalier_identity::Keypair;
use espalier_replica::{Arena, MergeState, Policy, counting};
use espalier_tensor::Manifest;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// How many nodes train at a time, so that their models are not all there twice.
const BATCH: usize = 4_096;

/// A run under way.
struct Run<'a> {
    course: Course<'a, Crowd>,
    task: Task,
    keys: Vec<Keypair>,
    policy: Policy,
    manifest: Manifest,
}

impl<'a> Run<'a> {
    /// `late` join together, and later; `training` hears when the nodes begin to train, and what
    /// there is to say about the models they bring.
    fn new(
        config: &'a Config,
        late: Vec<usize>,
        listener: Option<Listener<'a>>,
        training: &mut dyn FnMut(&[String]),
    ) -> Result<Self, SimError> {
        let network = config.topology.build(config.nodes as usize, config.seed)?;
        let task = Task::open(config)?;
        let arena = Arena::default();
        // Nobody lies in runs that are counted.
        inputs::check(config, &task, &arena, &|_| true)?;
        let base = task.base().map(|base| arena.put_model(base.clone()).root());
        let manifest = match task.base() {
            Some(base) => base.manifest.clone(),
            None => task.train(0, 0, None)?.manifest,
        };
        let keys = node_keys(config);
        let policy = agree(config, &task, &keys, base)?;
        let opening = Opening::new(config, late)?;
        training(&inputs::notes(&task));
        let nothing = MergeState::with_arena(policy.clone(), arena);
        let own = contribute(&task, &keys, &nothing)?;
        let (mut states, mut later) = (Vec::with_capacity(own.len()), BTreeMap::new());
        for (node, own) in own.into_iter().enumerate() {
            if opening.is_absent(node) {
                states.push(nothing.clone());
                later.insert(node, own);
            } else {
                states.push(own);
            }
        }
        let key_len = |key: &Keypair| counting::key_len(&policy, &key.peer_id());
        let key_lens = keys.iter().map(key_len).collect();
        let crowd = Crowd::new(states, key_lens, later, config.may_crash());
        let mut course = Course::new(config, crowd, network, opening, listener)?;
        course.persist();
        Ok(Self { course, task, keys, policy, manifest })
    }

    fn crowd(&self) -> &Crowd {
        &self.course.engine.peers
    }

    /// Runs a round; how many exchanges there were, those that were blocked included.
    fn round(&mut self, round: u32) -> Result<u64, SimError> {
        let Some(done) = self.course.begin(round)? else { return Ok(0) };
        let exchanges = done.len() + self.course.exchange(round)?.len();
        self.course.end();
        Ok(exchanges as u64)
    }
}

/// Every node's own contribution, as states in the arena of `nothing`. They are made side by side
/// and put into the arena in the order of the nodes, so that it numbers them alike every time.
fn contribute(
    task: &Task,
    keys: &[Keypair],
    nothing: &MergeState,
) -> Result<Vec<MergeState>, SimError> {
    let alone = |node: usize| -> Result<MergeState, SimError> {
        let model = task.train(node, 0, None)?;
        let mut state = MergeState::new(nothing.policy().clone());
        if let Err(error) = state.add(&keys[node], draft(task, node, model.clone(), 0)) {
            inputs::check_trained(task, node, &model, state.arena())?;
            return Err(error.into());
        }
        Ok(state)
    };
    let mut states = Vec::with_capacity(keys.len());
    let nodes: Vec<usize> = (0..keys.len()).collect();
    for batch in nodes.chunks(BATCH) {
        let made: Vec<_> = batch.par_iter().map(|node| alone(*node)).collect::<Result<_, _>>()?;
        for own in made {
            let mut state = nothing.clone();
            state.merge(&own).expect("one policy in a run");
            states.push(state);
        }
    }
    Ok(states)
}

/// Runs a simulation of counted replicas.
///
/// # Errors
/// As [`crate::simulate`].
pub(crate) fn simulate<'a>(
    config: &'a Config,
    late: Vec<usize>,
    listener: Option<Listener<'a>>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Report, SimError> {
    // Nobody can stop a run before its first round.
    let mut run = Run::new(config, late, listener, &mut |notes| {
        let _ = watch(Progress::Training);
        notes.iter().for_each(|note| {
            let _ = watch(Progress::Note(note.clone()));
        });
    })?;
    let mut report = Report::opening(config, &run.course.network, &run.policy, run.task.base());
    report.nodes = introduce(&run.keys, &run.task);
    let mut sent = 0;
    let mut note = |report: &mut Report, run: &Run<'_>, round: u32| {
        let distinct_states = run.crowd().distinct();
        let sent_bytes = run.course.engine.sent_bytes - sent;
        sent += sent_bytes;
        report.rounds.push(Round { round, distinct_states, sent_bytes, ..Round::default() });
        distinct_states
    };
    note(&mut report, &run, 0);
    for round in 1..=config.rounds {
        report.summary.exchanges += run.round(round)?;
        let happened = run.course.happened.drain(..).collect::<Vec<_>>();
        happened.into_iter().for_each(|(kind, nodes)| report.note(round, kind, &nodes));
        let distinct = note(&mut report, &run, round);
        let stop = watch(Progress::Round { done: round, of: config.rounds, distinct }).is_break()
            || run.course.engine.log.is_stopped();
        if stop {
            report.cut_short(round);
        }
        if stop || (config.until_converged && run.course.may_end(round, distinct)) {
            break;
        }
    }
    close(&mut report, &run);
    Ok(report)
}

fn introduce(keys: &[Keypair], task: &Task) -> Vec<NodeInfo> {
    let mut files = task.brought().map(Finished::name);
    let mut info = |(node, key): (usize, &Keypair)| NodeInfo {
        id: key.peer_id(),
        name: format!("node_{node}"),
        file: files.next(),
        byzantine: false,
        attack: None,
    };
    keys.iter().enumerate().map(&mut info).collect()
}

/// Writes down the outcome.
fn close(report: &mut Report, run: &Run<'_>) {
    let (crowd, engine) = (run.crowd(), &run.course.engine);
    let state = crowd.commonest();
    let least = crowd.least_bytes(run.manifest.byte_len());
    report.model = ModelInfo::of(run.course.config, &run.task, Some(&run.manifest));
    report.audit_total = 2 * report.summary.exchanges;
    report.summary = Summary {
        final_state_hash: state.state_hash(),
        bytes_over_optimum: (least > 0).then(|| engine.sent_bytes as f64 / least as f64),
        exchanges: report.summary.exchanges,
        logged: engine.log.count(),
        event_log: engine.log.hash(),
        sent_bytes: engine.sent_bytes,
        ..report.converged()
    };
}

/// Runs a simulation to its last round or until `listener` has heard enough, and hands over the
/// nodes as they are then.
///
/// # Errors
/// As [`crate::simulate`].
pub(crate) fn play_until<'a>(
    config: &'a Config,
    late: Vec<usize>,
    listener: Listener<'a>,
) -> Result<Vec<Last>, SimError> {
    let mut run = Run::new(config, late, Some(listener), &mut |_| {})?;
    for round in 1..=config.rounds {
        run.round(round)?;
        if run.course.engine.log.is_stopped() {
            break;
        }
    }
    let Crowd { states, up, .. } = run.course.engine.peers;
    let ids = run.keys.iter().map(Keypair::peer_id);
    let nodes = ids.zip(up).zip(states);
    Ok(nodes.map(|((id, active), state)| Last { id, active, state }).collect())
}
