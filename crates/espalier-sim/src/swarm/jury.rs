//! The jury: shows all checkers everything that happens in a run, and keeps the first violation.

use super::checks;
use super::facts::{Fact, Facts};
use super::look::{AfterRound, Checker, Glance, Seen, Setting, Violation};
use super::model::Model;
use crate::engine::{Happening, Logged};
use espalier_identity::PeerId;
use espalier_replica::{MergeState, OpId};
use espalier_tensor::Model as Tensors;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::AddAssign;
use std::sync::Arc;

/// The number of records of the event log that are kept.
const LAST: usize = 24;

/// How much happened, so that one sees what was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The number of runs.
    pub seeds: u64,
    /// The number of rounds, including those without faults.
    pub rounds: u64,
    /// The number of records in event logs.
    pub events: u64,
    /// The number of messages heard.
    pub messages: u64,
    /// The number of messages lost on their way, or sent to a node that was down.
    pub lost: u64,
    /// The number of crashes.
    pub crashes: u64,
    /// The number of departures of nodes.
    pub departures: u64,
    /// The number of cuts of the network.
    pub cuts: u64,
    /// The number of retractions that took effect.
    pub retractions: u64,
    /// The number of runs with liars.
    pub attacked: u64,
    /// Convictions that honest nodes held at the end of their runs, each pair of accused and kind
    /// once per run.
    pub convictions: u64,
    /// The number of operations.
    pub operations: u64,
    /// The number of operations that share their sequence number with another of their author.
    pub forks: u64,
    /// The greatest share of the allowed rounds that honest nodes took to agree, in percent.
    pub slowest: u64,
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.rounds += other.rounds;
        self.events += other.events;
        self.messages += other.messages;
        self.lost += other.lost;
        self.crashes += other.crashes;
        self.departures += other.departures;
        self.cuts += other.cuts;
        self.retractions += other.retractions;
        self.attacked += other.attacked;
        self.convictions += other.convictions;
        self.operations += other.operations;
        self.forks += other.forks;
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// The checkers of one run with what they share.
#[derive(Debug)]
pub(crate) struct Jury<'a> {
    pub(crate) setting: Setting<'a>,
    facts: Facts,
    checkers: Vec<Box<dyn Checker>>,
    crashes: BTreeMap<usize, u32>,
    roster: BTreeSet<PeerId>,
    /// Models of the last round's states, by what these hold.
    models: BTreeMap<Vec<OpId>, Arc<Model>>,
    round: u32,
    /// The last records of the event log.
    pub(crate) last: VecDeque<Logged>,
    pub(crate) coverage: Coverage,
    pub(crate) violation: Option<Violation>,
}

impl<'a> Jury<'a> {
    /// All checkers, or the one of this name.
    pub(crate) fn new(setting: Setting<'a>, only: Option<&str>) -> Self {
        let mut checkers = checks::all();
        checkers.retain(|checker| only.is_none_or(|only| checker.name() == only));
        let attacked = setting.honest.iter().any(|honest| !honest);
        let coverage = Coverage { seeds: 1, attacked: u64::from(attacked), ..Coverage::default() };
        Self {
            roster: BTreeSet::new(),
            setting,
            facts: Facts::default(),
            checkers,
            crashes: BTreeMap::new(),
            models: BTreeMap::new(),
            round: 0,
            last: VecDeque::new(),
            coverage,
            violation: None,
        }
    }

    /// Tells what is known once the nodes have their keys.
    pub(crate) fn introduce(&mut self, ids: Vec<PeerId>, base: Option<Tensors>) {
        self.roster = ids.iter().copied().collect();
        (self.setting.ids, self.setting.base) = (ids, base);
    }

    /// An honest node as checkers see it.
    pub(crate) fn glance<'s>(
        &mut self,
        number: usize,
        up: bool,
        state: &'s MergeState,
    ) -> Glance<'s> {
        let facts = self.facts.of(state);
        let model = self.model(&facts);
        let crashes = self.crashes.get(&number).copied().unwrap_or(0);
        Glance { number, id: self.setting.ids[number], up, crashes, state, facts, model }
    }

    fn model(&mut self, facts: &[Arc<Fact>]) -> Arc<Model> {
        let ids = facts.iter().map(|fact| fact.id()).collect();
        let model = || Arc::new(Model::of(facts, &self.roster));
        self.models.entry(ids).or_insert_with(model).clone()
    }

    /// Begins a round.
    pub(crate) fn begin(&mut self, round: u32) {
        self.round = round;
        self.models.clear();
    }

    /// Hears a record of the event log.
    pub(crate) fn record(&mut self, record: &Logged) {
        self.last.push_back(*record);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
        let coverage = &mut self.coverage;
        coverage.events += 1;
        match record.what {
            Happening::Crash => {
                coverage.crashes += 1;
                *self.crashes.entry(record.node as usize).or_default() += 1;
            }
            Happening::Deliver => coverage.messages += 1,
            Happening::Lost | Happening::Dropped => coverage.lost += 1,
            Happening::Leave => coverage.departures += 1,
            Happening::Cut => coverage.cuts += 1,
            Happening::Retract => coverage.retractions += 1,
            Happening::Round => coverage.rounds += 1,
            _ => {}
        }
        self.show(&Seen::Record(record));
    }

    /// Shows something to every checker, until one complains.
    pub(crate) fn show(&mut self, seen: &Seen<'_>) {
        for checker in &mut self.checkers {
            if self.violation.is_some() {
                return;
            }
            if let Err(problem) = checker.check(&self.setting, &self.facts, seen) {
                let checker = checker.name().to_owned();
                self.violation = Some(Violation { checker, round: self.round, problem });
            }
        }
    }

    /// Shows the end of a run.
    pub(crate) fn end(&mut self, scene: &AfterRound<'_>) {
        self.show(&Seen::End(scene));
        let verdicts = scene.nodes.iter().flat_map(|node| &node.model.verdicts);
        self.coverage.convictions += verdicts.collect::<BTreeSet<_>>().len() as u64;
        self.coverage.operations += self.facts.len() as u64;
        self.coverage.forks += self.facts.forked() as u64;
    }
}
