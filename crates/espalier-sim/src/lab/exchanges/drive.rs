//! Runs of other populations under the same faults as a federation.

use crate::config::{Clock, Config};
use crate::course::change::Change;
use crate::course::membership::{Absence, Membership};
use crate::engine::{Engine, Happening, Listener, Population, Time, Timer};
use crate::error::SimError;
use crate::report::cost::RunCost;
use crate::task::Task;
use crate::task::inputs;
use espalier_replica::Arena;
use espalier_tensor::Model;
use espalier_topology::{Network, assign_parts};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A population whose members come and go, and keep what they have.
pub(crate) trait Members: Population {
    /// Lets a node begin, or go on after it was away: when it is to be woken, if it is.
    fn come(&mut self, node: usize) -> Option<Timer>;
    /// Lets a node go.
    fn leave(&mut self, node: usize);
    /// Begins a round: who is to be woken when.
    fn begin_round(&mut self) -> Vec<(usize, Timer)> {
        Vec::new()
    }
    /// Whether everybody who is up has everything.
    fn is_done(&self) -> bool;
    /// Whether everybody who is up knows exactly whose contributions there are.
    fn is_exact(&self) -> bool;
    /// How many messages were sent again.
    fn resent(&self) -> u64 {
        0
    }
}

/// What each node contributes, and its weight.
pub(crate) fn open(config: &Config, arena: &Arena) -> Result<(Task, Vec<(Model, f64)>), SimError> {
    let task = Task::open(config)?;
    inputs::check(config, &task, arena, &|_| true)?;
    let train = |i: usize| {
        let model = task.train(i, 0, None)?;
        inputs::check_trained(&task, i, &model, arena)?;
        Ok::<_, SimError>((model, task.weight(i)))
    };
    let trained = (0..config.nodes as usize).into_par_iter().map(train);
    let trained = trained.collect::<Result<_, _>>()?;
    Ok((task, trained))
}

/// A run of such a population.
#[derive(Debug)]
pub(crate) struct MembersRun<'a, P: Population> {
    config: &'a Config,
    network: Network,
    pub(crate) engine: Engine<'a, P>,
    membership: Membership,
    /// Who does not take part, and for which reasons.
    away: BTreeMap<usize, Absence>,
}

impl<'a, P: Members> MembersRun<'a, P> {
    /// A run of the population that `make` makes for a network.
    ///
    /// # Errors
    /// As [`crate::simulate`].
    pub(crate) fn new(
        config: &'a Config,
        listener: Option<Listener<'a>>,
        make: &dyn Fn(&Network) -> Result<P, SimError>,
    ) -> Result<Self, SimError> {
        let network = config.topology.build(config.nodes as usize, config.seed)?;
        let engine = Engine::new(make(&network)?, config, listener)?;
        let membership = Membership::open(config)?;
        let absent = |node: &usize| (*node, Absence { absent: true, ..Absence::default() });
        let away = membership.absent.iter().map(absent).collect();
        let mut run = Self { config, network, engine, membership, away };
        for node in 0..config.nodes as usize {
            if run.membership.absent.contains(&node) {
                run.engine.peers.leave(node);
            } else {
                run.come(node);
            }
        }
        Ok(run)
    }

    fn come(&mut self, node: usize) {
        if let Some(timer) = self.engine.peers.come(node) {
            self.engine.set_timer(node, timer);
        }
    }

    /// Runs until everybody who is up has everything and nothing is still to happen, or to the last
    /// round.
    pub(crate) fn play(&mut self) -> RunCost {
        let cut = self.config.partition.as_ref().map_or(0, |split| split.rounds.end);
        let mut ended = false;
        for round in 1..=self.config.rounds {
            self.round(round);
            let end = Time::from(round) * self.config.period.0;
            ended = self.engine.peers.is_done() && round >= cut && end > self.membership.last;
            if ended || self.engine.log.is_stopped() {
                break;
            }
        }
        let peers = &self.engine.peers;
        let (resent, exact) = (peers.resent(), ended && peers.is_exact());
        RunCost { resent, exact, ..RunCost::of(&self.engine, self.config, ended) }
    }

    fn round(&mut self, round: u32) {
        let begin = Time::from(round - 1) * self.config.period.0;
        let end = begin + self.config.period.0;
        self.engine.log.at(begin);
        self.cut_and_heal(round);
        for (node, timer) in self.engine.peers.begin_round() {
            self.engine.set_timer(node, timer);
        }
        if self.config.clock == Clock::Rounds {
            while let Some((time, node, change)) = self.membership.next(begin) {
                self.change(time, node, change);
            }
            self.engine.begin_round();
            self.engine.end_round();
        } else {
            while let Some((time, node, change)) = self.membership.next(end - 1) {
                self.engine.run_until(time, &self.network);
                self.change(time, node, change);
            }
            self.engine.run_until(end - 1, &self.network);
        }
        self.engine.log.at(end);
    }

    fn cut_and_heal(&mut self, round: u32) {
        let Some(split) = &self.config.partition else { return };
        if split.rounds.start == round {
            let nodes = self.config.nodes as usize;
            let parts = assign_parts(nodes, split.parts as usize, self.config.seed);
            self.engine.links.cut(Some((split.cut, parts)));
            self.engine.log.note(Happening::Cut, 0, 0, 0);
        }
        if split.rounds.end == round {
            self.engine.links.cut(None);
            self.engine.log.note(Happening::Heal, 0, 0, 0);
        }
    }

    /// Lets a node come or go. It keeps what it has, also if it crashes.
    fn change(&mut self, now: Time, node: usize, change: Change) {
        self.engine.log.at(now);
        let away = self.away.entry(node).or_default();
        let before = away.is_away();
        away.heed(change);
        match (before, away.is_away()) {
            (false, true) => {
                self.engine.peers.leave(node);
                self.engine.drop_mail_to(node);
                self.engine.log.note(Happening::Leave, node, node, 0);
            }
            (true, false) => {
                self.come(node);
                self.engine.log.note(Happening::Join, node, node, 0);
            }
            _ => {}
        }
        self.membership.go_on(now, node, change);
    }
}
