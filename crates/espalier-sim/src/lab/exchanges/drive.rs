//! Runs of the mean-only tree under the same faults as a federation.

use super::mean::MeanTree;
use crate::config::{Clock, Config};
use crate::course::membership::{Absence, Change, Membership};
use crate::engine::{Engine, Happening, Listener, Time};
use crate::error::SimError;
use crate::report::tally::Tally;
use crate::task::Task;
use crate::task::inputs;
use espalier_replica::Arena;
use espalier_topology::{Network, assign_parts};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A run of the tree.
#[derive(Debug)]
pub(crate) struct TreeRun<'a> {
    config: &'a Config,
    network: Network,
    pub(crate) engine: Engine<'a, MeanTree>,
    membership: Membership,
    /// Who does not take part, and for which reasons.
    away: BTreeMap<usize, Absence>,
}

impl<'a> TreeRun<'a> {
    /// # Errors
    /// As [`crate::simulate`].
    pub(crate) fn new(
        config: &'a Config,
        listener: Option<Listener<'a>>,
    ) -> Result<Self, SimError> {
        let network = config.topology.build(config.nodes as usize, config.seed)?;
        let task = Task::open(config)?;
        let arena = Arena::default();
        inputs::check(config, &task, &arena, &|_| true)?;
        let train = |i: usize| {
            let model = task.train(i, 0, None)?;
            inputs::check_trained(&task, i, &model, &arena)?;
            Ok::<_, SimError>((model, task.weight(i)))
        };
        let trained: Vec<_> =
            (0..config.nodes as usize).into_par_iter().map(train).collect::<Result<_, _>>()?;
        let period = config.period.0;
        let hop = if config.clock == Clock::Rounds { period } else { 0 };
        let tree = MeanTree::new(&network, &trained, hop, period);
        let engine = Engine::new(tree, config, listener)?;
        let membership = Membership::open(config)?;
        let absent = |node: &usize| (*node, Absence { absent: true, ..Absence::default() });
        let away = membership.absent.iter().map(absent).collect();
        let mut run = Self { config, network, engine, membership, away };
        for node in 0..trained.len() {
            if run.membership.absent.contains(&node) {
                run.engine.peers.leave(node);
            } else {
                run.come(node);
            }
        }
        Ok(run)
    }

    fn come(&mut self, node: usize) {
        let timer = self.engine.peers.come(node);
        self.engine.set_timer(node, timer);
    }

    /// Runs until everybody who is up has the mean and nothing is still to happen, or to the last
    /// round.
    pub(crate) fn play(&mut self) -> Tally {
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
        Tally { resent: self.engine.peers.resent, ..Tally::of(&self.engine, self.config, ended) }
    }

    fn round(&mut self, round: u32) {
        let begin = Time::from(round - 1) * self.config.period.0;
        let end = begin + self.config.period.0;
        self.engine.log.at(begin);
        self.cut_and_heal(round);
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
