//! A run before a jury: first with all its faults, then without any until everybody agrees.

use super::checks::convergence::{is_reached, rounds_to_agree};
use super::jury::{Coverage, Jury};
use super::look::{AfterRound, Seen, Setting, Violation};
use crate::config::Config;
use crate::course::Course;
use crate::engine::{Exchanged, Logged, Onlooker, Passage, Passed};
use crate::error::SimError;
use crate::harness::deal;
use crate::run::Run;
use crate::world::{Look, World};
use espalier_identity::Digest;
use std::cell::RefCell;
use std::fmt;

/// For how many rounds nothing may change before all is taken to be over.
const STEADY: u32 = 2;

/// What a run before a jury came to.
#[derive(Debug)]
pub(crate) struct Drilled {
    pub(crate) violation: Option<Violation>,
    pub(crate) coverage: Coverage,
    /// Over everything that happened.
    pub(crate) log: Digest,
    /// The last records of the event log.
    pub(crate) last: Vec<Logged>,
    /// The nodes that lie, by number.
    pub(crate) liars: Vec<u32>,
}

/// Runs a configuration before a jury of all checkers, or of the one with the given name. It stops
/// at the first violation.
///
/// # Errors
/// [`SimError`] if the configuration does not run, or a node could not do its duty.
pub(crate) fn drill(config: &Config, checker: Option<&str>) -> Result<Drilled, SimError> {
    config.check()?;
    let (cast, honest) = deal(config);
    let network = config.topology.build(honest.len(), config.seed)?;
    let setting =
        Setting { config, network: &network, ids: Vec::new(), honest: honest.clone(), base: None };
    let jury = RefCell::new(Jury::new(setting, checker));
    let mut listener = |_: u64, record: &Logged| {
        let mut jury = jury.borrow_mut();
        jury.record(record);
        jury.violation.is_none()
    };
    let mut run = Run::new(config, cast, Some(&mut listener), &mut |_| {})?;
    let ids = run.ids().to_vec();
    jury.borrow_mut().introduce(ids, run.task.base().cloned());
    let states = config.order == espalier_topology::Order::Sequential;
    let counts = vec![0; honest.len()];
    run.course.engine.onlooker =
        Some(Box::new(Bench { jury: &jury, honest: &honest, states, counts }));

    let court = Court { jury: &jury, honest: &honest };
    court.look(&run.course, 0, Vec::new());
    for round in 1..=config.rounds {
        if court.is_over() {
            break;
        }
        let done = run.round(round)?;
        court.look(&run.course, round, done);
    }
    if !court.is_over() {
        run.course.calm()?;
        court.settle(&mut run, config.rounds)?;
    }
    let log = run.course.engine.log.hash();
    drop(run);
    let Jury { violation, coverage, last, .. } = jury.into_inner();
    let liars = (0..config.nodes).filter(|node| !honest[*node as usize]).collect();
    Ok(Drilled { violation, coverage, log, last: last.into(), liars })
}

/// Where a run and its jury meet between rounds.
struct Court<'j, 'a> {
    jury: &'j RefCell<Jury<'a>>,
    honest: &'j [bool],
}

impl Court<'_, '_> {
    fn is_over(&self) -> bool {
        self.jury.borrow().violation.is_some()
    }

    /// Shows everybody honest; whether they agree.
    fn look(
        &self,
        course: &Course<'_, World>,
        round: u32,
        done: Vec<Exchanged<[Look; 2]>>,
    ) -> bool {
        let jury = &mut *self.jury.borrow_mut();
        jury.begin(round);
        let scene = self.scene(jury, course, round, &done);
        jury.show(&Seen::Round(&scene));
        scene.quiet && is_reached(&jury.setting, &scene)
    }

    fn scene<'s>(
        &self,
        jury: &mut Jury<'_>,
        course: &'s Course<'_, World>,
        round: u32,
        done: &[Exchanged<[Look; 2]>],
    ) -> AfterRound<'s> {
        let engine = &course.engine;
        let nodes = engine.peers.nodes.iter().enumerate();
        // Whoever is down has no memory that anybody could look into.
        let there = nodes.filter(|(i, _)| self.honest[*i] && !course.is_down(*i));
        let nodes = there.map(|(i, node)| jury.glance(i, node.active, node.state())).collect();
        let audited = done.iter().flat_map(|exchange| &exchange.sides).map(|side| side.bytes).sum();
        let (carried, quiet) = (engine.sent_bytes, engine.is_quiet());
        AfterRound { nodes, round, audited, carried, quiet }
    }

    /// Runs on without faults until everybody agrees for good, or the time is over.
    fn settle(&self, run: &mut Run<'_>, from: u32) -> Result<(), SimError> {
        let limit = rounds_to_agree(&self.jury.borrow().setting);
        let (mut steady, mut before) = (0, Vec::new());
        let mut round = from;
        while round - from < limit && steady < STEADY && !self.is_over() {
            round += 1;
            let done = run.round(round)?;
            let agreed = self.look(&run.course, round, done);
            let states = run.course.engine.peers.nodes.iter().map(|node| node.state().ops_root());
            let now: Vec<_> = states.collect();
            steady = if agreed && now == before { steady + 1 } else { 0 };
            before = now;
        }
        let jury = &mut *self.jury.borrow_mut();
        jury.coverage.slowest = u64::from(round - from) * 100 / u64::from(limit.max(1));
        if jury.violation.is_none() {
            let scene = self.scene(jury, &run.course, round, &[]);
            jury.end(&scene);
        }
        Ok(())
    }
}

/// Where a run and its jury meet within rounds.
struct Bench<'j, 'a> {
    jury: &'j RefCell<Jury<'a>>,
    honest: &'j [bool],
    /// Whether states can be looked at. Not while exchanges work on copies.
    states: bool,
    /// The number of operations each node held.
    counts: Vec<usize>,
}

impl fmt::Debug for Bench<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Onlooker<World> for Bench<'_, '_> {
    fn see(&mut self, world: &World, passed: Passed) {
        let jury = &mut *self.jury.borrow_mut();
        jury.show(&Seen::Passed(&passed));
        let (node, state) = (passed.to, world.nodes[passed.to].state());
        let before = std::mem::replace(&mut self.counts[node], state.op_count());
        let back = passed.what == Passage::Restarted;
        let news = match passed.what {
            Passage::TakenIn { news } => news > 0 || before != state.op_count(),
            _ => back,
        };
        if news && self.honest[node] && (self.states || back) {
            let glance = jury.glance(node, true, state);
            jury.show(&if back { Seen::Back(&glance) } else { Seen::Node(&glance) });
        }
    }
}
