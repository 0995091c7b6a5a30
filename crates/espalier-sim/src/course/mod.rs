//! The course of a run, independent of what its nodes are: who joins, leaves, crashes and comes
//! back, when the network is cut, and who exchanges with whom.

pub(crate) mod change;
pub(crate) mod event;
pub(crate) mod membership;
pub(crate) mod pairing;
mod trace;

use crate::config::{Clock, Config};
use crate::engine::{
    Engine, Exchanged, Happening, Listener, Passage, Passed, Population, Time, Timer,
};
use crate::error::SimError;
use crate::seeds::{Dice, Seeds};
use espalier_topology::{Network, Order, RoundPlan, Schedule, assign_parts};
use std::collections::BTreeMap;

use change::Change;
use event::EventKind;
use membership::{Absence, Membership, Opening};
use pairing::random_pairs;

/// A population whose members come and go.
pub(crate) trait Stage: Population {
    /// Lets a node take part, or not.
    fn set_up(&mut self, node: usize, up: bool);
    /// Whether power failures strike it.
    fn is_fragile(&self, node: usize) -> bool {
        let _ = node;
        true
    }
    /// Hears that a node comes, or comes back; when it is to be woken, if it is.
    fn come(&mut self, node: usize) -> Vec<Timer> {
        let _ = node;
        Vec::new()
    }
    /// Lets a node that was not there yet put into the federation what it comes with.
    ///
    /// # Errors
    /// [`SimError::Change`], a defect.
    fn appear(&mut self, node: usize) -> Result<(), SimError>;
    /// Begins a tick for everybody.
    fn begin_round(&mut self, round: u32);
    /// Loses what was not durable.
    fn crash(&mut self, node: usize, dice: &mut Dice);
    /// Comes back with what was.
    fn restart(&mut self, node: usize);
    /// Publishes what the node found out, and writes to its disk if there is one; with `sync`, or
    /// if there are operations of its own, for certain. Whether there are such.
    fn persist(&mut self, node: usize, sync: bool) -> bool;
    /// Hears that operations of its own are durable; when it is to be woken, if it is.
    fn news(&mut self, node: usize) -> Option<Timer> {
        let _ = node;
        None
    }
    /// A fingerprint of everybody's operations.
    fn mark_of_all(&self) -> u64;
}

/// What was noted of exchanges of a population.
pub(crate) type Done<P> = Vec<Exchanged<<P as Population>::Record>>;

/// A run as far as it does not matter what its nodes are.
#[derive(Debug)]
pub(crate) struct Course<'a, P: Stage> {
    pub(crate) config: &'a Config,
    pub(crate) engine: Engine<'a, P>,
    pub(crate) network: Network,
    plan: Option<RoundPlan>,
    membership: Membership,
    /// Who does not take part, and for which reasons.
    away: BTreeMap<usize, Absence>,
    /// The rounds in which nodes come back that crashed by chance.
    back: BTreeMap<usize, u32>,
    /// The nodes that join together and late, in their order.
    late: Vec<usize>,
    /// The number of active nodes that may go down.
    fragile: usize,
    dice: Dice,
    /// How crashes tear disks.
    tears: Dice,
    pub(crate) happened: Vec<(EventKind, Vec<usize>)>,
    now: u32,
    /// After this round nothing is scheduled any more.
    pub(crate) last_event: u32,
    /// Whether all faults are over.
    pub(crate) calm: bool,
    /// For how many rounds all have been equal.
    equal: u32,
}

impl<'a, P: Stage> Course<'a, P> {
    /// `peers` have those who are not absent up.
    ///
    /// # Errors
    /// [`SimError::Field`] if a file that describes the links cannot be used.
    pub(crate) fn new(
        config: &'a Config,
        peers: P,
        network: Network,
        opening: Opening,
        listener: Option<Listener<'a>>,
    ) -> Result<Self, SimError> {
        let seeds = Seeds(config.seed);
        let scheduled = config.schedule == Schedule::Scheduled;
        let Opening { membership, late, absent } = opening;
        let fragile = |i: &usize| peers.is_up(*i) && peers.is_fragile(*i);
        let first = |node| {
            let (late, absent) = (late.contains(&node), membership.absent.contains(&node));
            (node, Absence { late, absent, new: true, ..Absence::default() })
        };
        let mut course = Self {
            config,
            fragile: (0..peers.count()).filter(fragile).count(),
            engine: Engine::new(peers, config, listener)?,
            plan: scheduled.then(|| RoundPlan::new(&network, &config.topology)),
            network,
            last_event: last_event(config).max(rounds_until(membership.last, config)),
            away: absent.into_iter().map(first).collect(),
            membership,
            back: BTreeMap::new(),
            late,
            dice: seeds.rng("schedule", 0),
            tears: seeds.rng("tears", 0),
            happened: Vec::new(),
            now: 0,
            calm: false,
            equal: 0,
        };
        for node in 0..course.engine.peers.count() {
            if course.engine.peers.is_up(node) {
                course.come(node);
            }
        }
        Ok(course)
    }

    /// Whether nothing is in flight and nobody is to come back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.engine.is_quiet() && self.is_whole()
    }

    /// Whether a run that is to stop when it has converged may stop after this round, in which
    /// there were `distinct` distinct states. In virtual time something is in flight at almost
    /// every moment: there it is asked that the states were equal one round before, too.
    pub(crate) fn may_end(&mut self, round: u32, distinct: u32) -> bool {
        self.equal = if distinct <= 1 { self.equal + 1 } else { 0 };
        let quiet =
            self.engine.is_quiet() || (self.config.clock != Clock::Rounds && self.equal > 1);
        self.equal > 0 && quiet && self.is_whole() && round >= self.last_event
    }

    /// Whether nobody is to come back from a crash by chance.
    pub(crate) fn is_whole(&self) -> bool {
        self.back.is_empty()
    }

    /// Whether a node lost its memory and is not back.
    pub(crate) fn is_down(&self, node: usize) -> bool {
        self.away.get(&node).is_some_and(|away| away.fell)
    }

    /// When a round begins.
    fn time_of(&self, round: u32) -> Time {
        Time::from(round - 1) * self.config.period.0
    }

    /// What happens at the beginning of a round; `None` if the run is over. What nodes do of their
    /// own comes after it.
    pub(crate) fn begin(&mut self, round: u32) -> Result<Option<Done<P>>, SimError> {
        self.now = round;
        self.engine.log.at(self.time_of(round));
        if self.engine.log.is_stopped() {
            return Ok(None);
        }
        self.join_and_split(round)?;
        let mut done = self.crash_and_restart(round)?;
        done.extend(self.change_until(self.time_of(round))?);
        self.engine.log.at(self.time_of(round));
        self.engine.peers.begin_round(round);
        Ok(Some(done))
    }

    /// Lets nodes come and go up to a time; in virtual time what happens before it happens first.
    fn change_until(&mut self, until: Time) -> Result<Done<P>, SimError> {
        let mut done = Vec::new();
        while let Some((time, node, change)) = self.membership.next(until) {
            if self.config.clock == Clock::Rounds {
                self.engine.log.at(until);
            } else {
                done.extend(self.engine.run_until(time, &self.network));
                self.engine.log.at(time);
            }
            done.extend(self.change(time, node, change)?);
        }
        Ok(done)
    }

    /// The exchanges of a round.
    pub(crate) fn exchange(&mut self, round: u32) -> Result<Done<P>, SimError> {
        let end = self.time_of(round + 1);
        let mut done = Vec::new();
        if self.config.clock == Clock::Rounds {
            done.extend(self.engine.begin_round());
            self.exchange_in_rounds(round, &mut done);
            done.extend(self.engine.end_round());
        } else {
            done.extend(self.change_until(end - 1)?);
            done.extend(self.engine.run_until(end - 1, &self.network));
        }
        if !self.engine.log.is_stopped() {
            self.engine.log.at(end);
        }
        Ok(done)
    }

    /// Ends a round: nodes write to their disks.
    pub(crate) fn end(&mut self) {
        if self.engine.log.is_stopped() {
            return;
        }
        self.persist();
        let mark = self.engine.peers.mark_of_all();
        self.engine.log.note(Happening::Round, 0, 0, mark);
    }

    fn exchange_in_rounds(&mut self, round: u32, done: &mut Done<P>) {
        let pairs = self.pairs(round);
        done.reserve(pairs.len());
        match self.config.order {
            Order::Sequential => {
                done.extend(pairs.into_iter().map(|(a, b)| self.engine.exchange(a, b)));
            }
            Order::Synchronous => {
                let start = self.engine.peers.snapshot();
                let apart = |(a, b)| self.engine.exchange_apart([a, b], &start);
                done.extend(pairs.into_iter().map(apart));
            }
        }
    }

    /// Who asks whom in this round.
    fn pairs(&mut self, round: u32) -> Vec<(usize, usize)> {
        if let Some(plan) = &self.plan {
            return plan.round(round as usize - 1).into_iter().flatten().collect();
        }
        let all = 0..self.engine.peers.count();
        let starters = all.filter(|&i| self.engine.peers.is_up(i)).collect();
        random_pairs(&self.network, starters, &mut self.dice)
    }

    /// Late joiners join, and partitions begin and heal.
    fn join_and_split(&mut self, round: u32) -> Result<(), SimError> {
        if self.calm {
            return Ok(());
        }
        if self.config.late_joiners.is_some_and(|late| late.round == round) {
            let mut come = Vec::new();
            for node in std::mem::take(&mut self.late) {
                self.alter(node, |away| away.late = false)?;
                come.extend(Some(node).filter(|node| self.engine.peers.is_up(*node)));
            }
            // Who is down as well comes when that is over.
            if !come.is_empty() {
                self.happened.push((EventKind::Join, come));
            }
        }
        if let Some(split) = &self.config.partition {
            if split.rounds.start == round {
                let nodes = self.engine.peers.count();
                let parts = assign_parts(nodes, split.parts as usize, self.config.seed);
                self.engine.links.cut(Some((split.cut, parts)));
                self.engine.log.note(Happening::Cut, 0, 0, 0);
                self.happened.push((EventKind::Partition, Vec::new()));
            }
            if split.rounds.end == round {
                self.engine.links.cut(None);
                self.engine.log.note(Happening::Heal, 0, 0, 0);
                self.happened.push((EventKind::Heal, Vec::new()));
            }
        }
        Ok(())
    }

    /// Ends all faults between two rounds: the network heals, everybody comes or comes back, and
    /// neither crashes nor retractions nor training follow. Liars go on.
    pub(crate) fn calm(&mut self) -> Result<(), SimError> {
        let now = self.time_of(self.now + 1);
        self.engine.log.at(now);
        self.calm = true;
        self.membership.end();
        self.engine.calm();
        self.engine.log.note(Happening::Heal, 0, 0, 0);
        self.back.clear();
        self.late.clear();
        for node in 0..self.engine.peers.count() {
            let nothing = |away: &mut Absence| {
                *away = Absence { new: away.new, fell: away.fell, ..Absence::default() };
            };
            self.alter(node, nothing)?;
        }
        Ok(())
    }

    fn set_up(&mut self, node: usize, up: bool) {
        let peers = &mut self.engine.peers;
        if peers.is_fragile(node) {
            self.fragile = self.fragile + usize::from(up) - usize::from(peers.is_up(node));
        }
        peers.set_up(node, up);
    }

    fn come(&mut self, node: usize) {
        for timer in self.engine.peers.come(node) {
            self.engine.set_timer(node, timer);
        }
    }

    /// A node that was not there yet comes with what it trained.
    fn appear(&mut self, node: usize) -> Result<(), SimError> {
        self.set_up(node, true);
        self.come(node);
        self.engine.peers.appear(node)?;
        self.persist_node(node);
        self.engine.log.note(Happening::Join, node, node, 0);
        Ok(())
    }

    /// A node that left is back.
    fn join(&mut self, node: usize) {
        self.set_up(node, true);
        self.come(node);
        self.engine.log.note(Happening::Join, node, node, 0);
    }

    /// Whether chance may take a node away: it is up, and not the last one that is. Somebody has
    /// to be there.
    fn may_go(&self, node: usize) -> bool {
        let peers = &self.engine.peers;
        peers.is_up(node) && (self.fragile > 1 || !peers.is_fragile(node))
    }

    /// Crashes by chance, and the way back from them.
    fn crash_and_restart(&mut self, round: u32) -> Result<Done<P>, SimError> {
        let mut done = Vec::new();
        if self.calm {
            return Ok(done);
        }
        if self.config.crash == 0.0 {
            // Nobody crashes, and the dice are where they would be if somebody might.
            self.dice.skip(self.fragile);
            return Ok(done);
        }
        for node in 0..self.engine.peers.count() {
            if self.back.get(&node) == Some(&round) {
                self.back.remove(&node);
                done.extend(self.alter(node, |away| away.chance = false)?);
            } else if self.engine.peers.is_up(node)
                && self.engine.peers.is_fragile(node)
                && self.dice.happens(self.config.crash)
                && self.fragile > 1
            {
                let back = round + 1 + self.dice.below(3) as u32;
                self.back.insert(node, back);
                done.extend(self.alter(node, |away| away.chance = true)?);
            }
        }
        Ok(done)
    }

    /// Lets a node come or go. What is named happens; of what chance has it, that does not which
    /// is so already, or would leave nobody there.
    fn change(&mut self, now: Time, node: usize, change: Change) -> Result<Done<P>, SimError> {
        let (may_go, came) = (self.may_go(node), self.engine.peers.is_up(node));
        if change == Change::Leave && self.membership.is_by_chance() && !may_go {
            // One that is away leaves when it is back, if chance wants it then.
            let next = if came { Change::Leave } else { Change::Join };
            self.membership.go_on(now, node, next);
            return Ok(Vec::new());
        }
        let new = self.away.get(&node).is_some_and(|away| away.new);
        let done = self.alter(node, |away| away.heed(change))?;
        if (change == Change::Join || new) && !came && self.engine.peers.is_up(node) {
            self.happened.push((EventKind::Join, vec![node]));
        }
        self.membership.go_on(now, node, change);
        Ok(done)
    }

    /// Changes the reasons for which a node is away, and lets it come or go if that follows: it is
    /// there when no reason is left.
    fn alter(
        &mut self,
        node: usize,
        change: impl FnOnce(&mut Absence),
    ) -> Result<Done<P>, SimError> {
        let before = self.away.get(&node).copied().unwrap_or_default();
        let mut after = before;
        change(&mut after);
        let mut done = Vec::new();
        // Who is away already loses its memory all the same, once.
        let falls = after.is_down() && !before.is_down() && !after.new && !after.fell;
        if self.engine.peers.is_up(node) && after.is_away() {
            done.extend(self.call_back(node)?);
            self.set_up(node, false);
            if !falls {
                done.extend(self.engine.drop_mail_to(node));
                self.engine.log.note(Happening::Leave, node, node, 0);
                self.happened.push((EventKind::Leave, vec![node]));
            }
        }
        if falls {
            after.fell = true;
            self.engine.peers.crash(node, &mut self.tears);
            self.engine.log.note(Happening::Crash, node, node, 0);
            self.happened.push((EventKind::Crash, vec![node]));
            done.extend(self.engine.drop_mail_to(node));
        }
        if after.is_away() {
            self.away.insert(node, after);
        } else if self.away.remove(&node).is_some() {
            match after {
                Absence { new: true, .. } => self.appear(node)?,
                Absence { fell: true, .. } => self.restart(node),
                _ => self.join(node),
            }
        }
        Ok(done)
    }

    /// Before the last node that is up goes because it is said so, the first of those comes back
    /// that are away by chance alone. That there is one was checked.
    fn call_back(&mut self, going: usize) -> Result<Done<P>, SimError> {
        let peers = &self.engine.peers;
        if self.fragile > 1 || !peers.is_fragile(going) {
            return Ok(Vec::new());
        }
        let drawn = self.membership.is_by_chance();
        let by_chance = |node: &usize, away: &Absence| {
            let named = Absence { chance: false, left: away.left && !drawn, ..*away };
            *node != going && peers.is_fragile(*node) && !named.is_away()
        };
        let first = self.away.iter().find(|(node, away)| by_chance(node, away));
        let Some((&node, _)) = first else { return Ok(Vec::new()) };
        self.back.remove(&node);
        self.alter(node, |away| (away.chance, away.left) = (false, false))
    }

    /// Brings a node back with what its disk holds; everything else it has forgotten.
    fn restart(&mut self, node: usize) {
        self.engine.peers.restart(node);
        self.set_up(node, true);
        self.engine.log.note(Happening::Restart, node, node, 0);
        self.engine.show(Passed { from: node, to: node, mark: 0, what: Passage::Restarted });
        self.happened.push((EventKind::Restart, vec![node]));
        self.engine.tell(node);
        self.come(node);
    }

    /// Own sequence numbers become durable before anybody else sees them; the rest of the state
    /// every second round, not for all nodes in the same one.
    pub(crate) fn persist(&mut self) {
        for node in 0..self.engine.peers.count() {
            // Who is down writes nothing any more.
            if self.engine.peers.is_up(node) {
                self.persist_node(node);
            }
        }
    }

    fn persist_node(&mut self, node: usize) {
        let sync = (self.now as usize + node).is_multiple_of(2);
        if self.engine.peers.persist(node, sync) {
            self.engine.tell(node);
            if let Some(timer) = self.engine.peers.news(node) {
                self.engine.set_timer(node, timer);
            }
        }
    }
}

/// The round in which this time is over.
fn rounds_until(time: Time, config: &Config) -> u32 {
    u32::try_from(time.div_ceil(config.period.0.max(1)) + 1).unwrap_or(u32::MAX)
}

/// The last round in which something is scheduled to happen.
fn last_event(config: &Config) -> u32 {
    let late = config.late_joiners.map(|late| late.round);
    let heal = config.partition.as_ref().map(|split| split.rounds.end);
    let retract = config.retract.iter().map(|retract| retract.round);
    let retrain = config.retrain.map(|every| config.rounds - config.rounds % every);
    late.into_iter().chain(heal).chain(retract).chain(retrain).max().unwrap_or(0)
}
